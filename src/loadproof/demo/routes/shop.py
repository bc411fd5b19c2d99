"""Products, cart, checkout and orders. None of them needs a token."""

import re
import secrets
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from pydantic import Field

from loadproof.demo.database import Database
from loadproof.demo.exchange import (
    DEFAULT_PAGE,
    MAXIMUM_PAGE,
    Caller,
    RequestBody,
    amount_of,
    answer,
    read_body,
)

_LIST = "SELECT id, sku, name, category, price_cents FROM products WHERE id > %s ORDER BY id LIMIT %s"
_ONE = "SELECT id, sku, name, category, price_cents FROM products WHERE id = %s"
# No row when there is no such product; the foreign key to the cart is checked when the statement ends.
_ADD_TO_CART = """
WITH cart AS (INSERT INTO carts (id, user_id) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING)
INSERT INTO cart_items (cart_id, product_id, quantity)
SELECT %s, id, %s FROM products WHERE id = %s
ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = cart_items.quantity + excluded.quantity
RETURNING quantity
"""
_CHECK_OUT = """
WITH taken AS (
    DELETE FROM cart_items WHERE cart_id = %s RETURNING product_id, quantity
), placed AS (
    INSERT INTO orders (user_id, product_id, quantity, total_cents)
    SELECT %s, p.id, taken.quantity, taken.quantity * p.price_cents
    FROM taken JOIN products p ON p.id = taken.product_id
    RETURNING id, total_cents
)
SELECT coalesce(array_agg(id), '{}'), coalesce(sum(total_cents), 0)::bigint FROM placed
"""
_ORDER = """
INSERT INTO orders (user_id, product_id, quantity, total_cents)
SELECT %s, id, %s, %s * price_cents FROM products WHERE id = %s
RETURNING id, total_cents
"""
_PRODUCT_NAME = re.compile(r"(?:prod-)?([0-9]{1,9})")
_COOKIE = "cart"


class CartLine(RequestBody):
    """A product to put into the cart."""

    product_id: int | str
    quantity: int = Field(default=1, ge=1, le=1_000)


class Order(RequestBody):
    """A product to buy at once."""

    product_id: int | str
    quantity: int = Field(default=1, ge=1, le=1_000)


class Shop:
    """Endpoints about products and what is bought. An anonymous caller's cart is known by its cookie."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def products(
        self,
        request: Request,
        after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_PAGE)] = DEFAULT_PAGE,
    ) -> Response:
        """Products by id, a page at a time."""
        self._caller.optional(request)
        rows = await self._database.read(_LIST, (after, limit))
        products = [_product(*row) for row in rows]
        return answer({"products": products, "next_after": rows[-1][0] if len(rows) == limit else None})

    async def product(self, request: Request, product_id: str) -> Response:
        """One product, by its number ("123") or its article name ("prod-123")."""
        self._caller.optional(request)
        rows = await self._database.read(_ONE, (_number(product_id),))
        if not rows:
            raise _no_product(product_id)
        return answer(_product(*rows[0]))

    async def add_to_cart(self, request: Request) -> Response:
        """Put a product into the caller's cart, made now if there is none; 201."""
        user_id = self._caller.optional(request)
        line = await read_body(request, CartLine)
        cart_id = _cart_of(request, user_id) or secrets.token_urlsafe(12)
        values = (cart_id, user_id, cart_id, line.quantity, _number(line.product_id))
        row = await self._database.write(_ADD_TO_CART, values)
        if row is None:
            raise _no_product(line.product_id)
        response = answer({"product_id": line.product_id, "quantity": row[0]}, 201)
        if user_id is None:
            response.set_cookie(_COOKIE, cart_id, path="/api", httponly=True, samesite="lax")
        return response

    async def check_out(self, request: Request) -> Response:
        """Order what is in the caller's cart and empty it; an empty cart is an order of nothing, 200."""
        user_id = self._caller.optional(request)
        row = await self._database.write(_CHECK_OUT, (_cart_of(request, user_id), user_id))
        order_ids, total_cents = row or ([], 0)
        return answer({"order_ids": order_ids, "total": amount_of(total_cents)})

    async def order(self, request: Request) -> Response:
        """Order one product without a cart; 201 with the order's id."""
        user_id = self._caller.optional(request)
        order = await read_body(request, Order)
        values = (user_id, order.quantity, order.quantity, _number(order.product_id))
        row = await self._database.write(_ORDER, values)
        if row is None:
            raise _no_product(order.product_id)
        return answer({"id": row[0], "total": amount_of(row[1])}, 201)


def _cart_of(request: Request, user_id: int | None) -> str | None:
    return f"user-{user_id}" if user_id is not None else request.cookies.get(_COOKIE)


def _number(product_id: int | str) -> int:
    """Its number; 0, which no product has, when it is not a product's name."""
    match = _PRODUCT_NAME.fullmatch(str(product_id))
    return int(match[1]) if match else 0


def _product(product_id: int, sku: str, name: str, category: str, price_cents: int) -> dict[str, object]:
    return {"id": product_id, "sku": sku, "name": name, "category": category, "price": amount_of(price_cents)}


def _no_product(product_id: int | str) -> HTTPException:
    return HTTPException(404, f"there is no product {product_id}")
