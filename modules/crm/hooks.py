"""What happens when the module becomes part of a product, once for each database."""

import json
from importlib.resources import files

from module_sdk import Context, text

from .models import lead, stage
from .services import leads


async def pre_init(context: Context) -> None:
    """Create the tables of the models."""
    for table in (stage.TABLE, lead.TABLE):
        await context.db.execute(text(table))


async def post_init(context: Context) -> None:
    """Load the stages that the module comes with."""
    data = files(__package__).joinpath("data/stages.json").read_text(encoding="utf-8")
    await leads.add_stages(context.db, json.loads(data))
