"""The HTTP interface of databases, below `/api/modules/databases`."""

from http import HTTPStatus
from typing import Annotated

from module_sdk import (
    AsyncSession,
    BaseModel,
    Depends,
    Field,
    HTTPException,
    ModuleRouter,
    Path,
    get_db,
    require_permission,
)

from .services import instances
from .services.engines import Engine
from .services.instances import Instance

router = ModuleRouter("databases")

_MAX_ID = 2**63 - 1  # what SQLite can hold

Db = Annotated[AsyncSession, Depends(get_db)]
InstanceId = Annotated[int, Path(ge=1, le=_MAX_ID)]


class NewInstance(BaseModel):
    """A database that runs somewhere already."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)
    engine: Engine
    host: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)


@router.get("/instances", dependencies=[Depends(require_permission("databases:read"))])
async def list_instances(db: Db) -> list[Instance]:
    """Return every database, by name."""
    return await instances.list_all(db)


@router.get(
    "/instances/{instance_id}", dependencies=[Depends(require_permission("databases:read"))]
)
async def read_instance(db: Db, instance_id: InstanceId) -> Instance:
    """Return one database, or 404."""
    instance = await instances.find(db, instance_id)
    if instance is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such database")
    return instance


@router.post(
    "/instances",
    status_code=HTTPStatus.CREATED,
    dependencies=[Depends(require_permission("databases:write"))],
)
async def register_instance(db: Db, new: NewInstance) -> Instance:
    """Register a database, or answer 409 when one has the name."""
    instance = await instances.register(db, name=new.name, engine=new.engine, host=new.host)
    if instance is None:
        raise HTTPException(HTTPStatus.CONFLICT, f"there is a database called {new.name}")
    return instance


@router.delete(
    "/instances/{instance_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[Depends(require_permission("databases:write"))],
)
async def remove_instance(db: Db, instance_id: InstanceId) -> None:
    """Forget a database, or answer 404; the database itself is not touched."""
    if not await instances.remove(db, instance_id):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such database")
