from app import modules
from database import get_db_context
