from app.db.base import Base


class Owner(Base):
    __tablename__ = "cards_owner"
