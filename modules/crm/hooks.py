"""What happens when the module becomes part of a product, once for each database."""

import json
from importlib.resources import files

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from .models import Lead, Stage
from .services import leads


def pre_init(db: Session) -> None:
    """Refuse a database that has tables of these names: this module has not made them.

    Raises:
        RuntimeError: it has; the product does not start, and nothing has changed.
    """
    own = {Lead.__tablename__, Stage.__tablename__}
    if taken := sorted(own.intersection(inspect(db.connection()).get_table_names())):
        raise RuntimeError(f"the database has {', '.join(taken)} already; rename them first")


def post_init(db: Session) -> None:
    """Load the stages that the module comes with."""
    data = files(__package__).joinpath("data/stages.json").read_text(encoding="utf-8")
    leads.add_stages(db, json.loads(data))
