"""The HTTP interface of products and orders."""

from http import HTTPStatus
from typing import Annotated

from content import articles
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from server.sdk import Context, require

from commerce import orders, products
from commerce.orders import Order, OutOfStockError
from commerce.products import Product

router = APIRouter()

_MAX_ID = 2**63 - 1  # what SQLite can hold
_RECENT = 100

Identifier = Annotated[int, Field(ge=1, le=_MAX_ID)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NewProduct(BaseModel):
    """A product to put on sale; the price is in hundredths of the currency."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    price: Annotated[int, Field(ge=0, le=10**9)]
    stock: Annotated[int, Field(ge=0, le=10**6)]
    article_id: Identifier | None = None


class Line(BaseModel):
    """How many of one product."""

    model_config = ConfigDict(extra="forbid")

    product_id: Identifier
    quantity: Annotated[int, Field(ge=1, le=10**6)]


class NewOrder(BaseModel):
    """What is ordered; lines of the same product are added up."""

    model_config = ConfigDict(extra="forbid")

    lines: Annotated[list[Line], Field(min_length=1, max_length=100)]

    def quantities(self) -> dict[int, int]:
        """Return how many of each product, in the order of the products' numbers."""
        numbers = sorted({line.product_id for line in self.lines})
        return {
            number: sum(line.quantity for line in self.lines if line.product_id == number)
            for number in numbers
        }


class Catalogue(BaseModel):
    """Everything for sale, and the currency of its prices."""

    currency: str
    items: list[Product]


@router.get("/health")
def health(context: Context) -> dict[str, str]:
    """Answer when the module's tables can be read."""
    context.connection.execute("SELECT 1 FROM commerce_products, commerce_orders LIMIT 1")
    return {"status": "ok"}


@router.get("/products", dependencies=[require("commerce.product.read")])
def list_products(context: Context) -> Catalogue:
    """Return the catalogue."""
    currency = context.setting("commerce", "currency", str)
    return Catalogue(currency=currency, items=products.list_products(context.connection))


@router.post(
    "/products",
    status_code=HTTPStatus.CREATED,
    dependencies=[require("commerce.product.write")],
)
def create_product(context: Context, product: NewProduct) -> Product:
    """Put a product on sale; 422 when its article is not published."""
    with context.transaction():
        number = product.article_id
        if number is not None and articles.find(context.connection, number) is None:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"no article {number}")
        return products.create(context.connection, **product.model_dump())


@router.get("/orders", dependencies=[require("commerce.order.list")])
def list_orders(context: Context) -> list[Order]:
    """Return the latest orders, newest first."""
    return orders.list_recent(context.connection, _RECENT)


@router.post(
    "/orders",
    status_code=HTTPStatus.CREATED,
    dependencies=[require("commerce.order.place")],
)
def place_order(context: Context, order: NewOrder) -> Order:
    """Place an order and tell the other modules; 409 when there is too little of something."""
    currency = context.setting("commerce", "currency", str)
    try:
        with context.transaction():
            placed = orders.place(
                context.connection, order.quantities(), currency=currency, now=context.now
            )
            context.publish(
                "commerce.order.placed",
                {"order_id": placed.id, "total": placed.total, "currency": placed.currency},
            )
    except OutOfStockError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    return placed
