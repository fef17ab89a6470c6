from sqlalchemy import Table
from app.db.base import Base

lead_tag = Table("crm_lead_tag", Base.metadata)

class Lead(Base):
    __tablename__ = "crm_leads"
