from fastapi import APIRouter

from module_sdk import get_db

router = APIRouter()
