"""The demo's data: the same rows on every machine, in the proportions of a service that has run a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from loadproof.demo import schema
from loadproof.demo.passwords import hash_password

#: Of user1@test.com and of every other seeded user.
PASSWORD = "testpass"  # noqa: S105 - the test users' public password
FIRST_DAY = datetime(2024, 10, 1, tzinfo=UTC)
LAST_DAY = datetime(2025, 3, 31, tzinfo=UTC)
_SEED = 20_250_131
_LINES_PER_WRITE = 5_000
_KINDS = ("deposit", "payment", "transfer", "fee", "interest")
_PURPOSES = ("business", "personal", "education", "home", "vehicle")
_STATUSES = ("pending", "pending", "pending", "approved", "approved", "approved", "repaid", "rejected")
_CATEGORIES = ("savings", "insurance", "cards", "hardware", "advice")
_TERMS = (12, 24, 36, 48, 60)


@dataclass(frozen=True, slots=True)
class Volumes:
    """How many rows each table gets."""

    transactions: int

    @property
    def users(self) -> int:
        """user1 to user1000 exist at any size: scenarios log in as them."""
        return max(1_000, self.transactions // 100)

    @property
    def products(self) -> int:
        """Product 123 exists at any size: scenarios look at it."""
        return max(200, self.transactions // 400)

    @property
    def loans(self) -> int:
        """Ten per user at the default size."""
        return max(500, self.transactions // 10)

    @property
    def orders(self) -> int:
        """Some of them by callers without a token."""
        return max(500, self.transactions // 8)

    @property
    def carts(self) -> int:
        """One user in ten has left something in the cart."""
        return self.users // 10


def seed(database_url: str, rows: int) -> str:
    """Make the schema anew, fill it with `rows` transactions and the rest in proportion.

    A failure leaves the database as it was: it is one transaction. Raises psycopg.Error.

    Returns:
        PostgreSQL's version, such as "18.4".
    """
    volumes = Volumes(rows)
    random_source = random.Random(_SEED)  # noqa: S311 - test data, which must be the same every time
    balances = [0] * (volumes.users + 1)
    with psycopg.connect(database_url) as connection:
        connection.execute(schema.TABLES)
        _copy(connection, "users", "id, email, name, password_salt, password_hash", _users(volumes))
        _copy(connection, "products", "id, sku, name, category, price_cents", _products(volumes))
        loans = _loans(volumes, random_source)
        _copy(connection, "loans", "user_id, amount_cents, purpose, term_months, status, created_at", loans)
        carts = (f"user-{cart * 10}\t{cart * 10}\n" for cart in range(1, volumes.carts + 1))
        _copy(connection, "carts", "id, user_id", carts)
        _copy(connection, "cart_items", "cart_id, product_id, quantity", _cart_items(volumes, random_source))
        orders = _orders(volumes, random_source)
        _copy(connection, "orders", "user_id, product_id, quantity, total_cents, created_at", orders)
        transactions = _transactions(volumes, random_source, balances)
        _copy(connection, "transactions", "user_id, amount_cents, kind, created_at", transactions)
        accounts = (f"{user}\t{balances[user]}\n" for user in range(1, volumes.users + 1))
        _copy(connection, "accounts", "user_id, balance_cents", accounts)
        connection.execute(schema.KEYS_AND_INDEXES)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema.SCHEMA}")
        # Statistics and the visibility map now, and not by autovacuum in the middle of a measurement.
        connection.execute(f"VACUUM (ANALYZE) {', '.join(schema.TABLE_NAMES)}")
        return connection.info.parameter_status("server_version") or "of unknown version"


def remove(database_url: str) -> None:
    """Remove what `seed` made, from a database that goes on living."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(schema.DROP_SCHEMA)


def price_cents(product_id: int) -> int:
    """A seeded product's price."""
    return 499 + product_id * 7919 % 49_500


def _copy(connection: psycopg.Connection, table: str, columns: str, lines: Iterator[str]) -> None:
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        block: list[str] = []
        for line in lines:
            block.append(line)
            if len(block) == _LINES_PER_WRITE:
                copy.write("".join(block))
                block.clear()
        copy.write("".join(block))


def _users(volumes: Volumes) -> Iterator[str]:
    for user in range(1, volumes.users + 1):
        salt = user.to_bytes(8, "big")
        hashed = hash_password(PASSWORD, salt)
        yield f"{user}\tuser{user}@test.com\tUser {user}\t\\\\x{salt.hex()}\t\\\\x{hashed.hex()}\n"


def _products(volumes: Volumes) -> Iterator[str]:
    for product in range(1, volumes.products + 1):
        category = _CATEGORIES[product % len(_CATEGORIES)]
        yield f"{product}\tprod-{product}\tProduct {product}\t{category}\t{price_cents(product)}\n"


def _loans(volumes: Volumes, source: random.Random) -> Iterator[str]:
    moments = _moments(volumes.loans)
    for loan in range(volumes.loans):
        amount = source.randrange(5_000, 50_000) * 100
        purpose, term, status = source.choice(_PURPOSES), source.choice(_TERMS), source.choice(_STATUSES)
        yield f"{loan % volumes.users + 1}\t{amount}\t{purpose}\t{term}\t{status}\t{next(moments)}\n"


def _cart_items(volumes: Volumes, source: random.Random) -> Iterator[str]:
    for cart in range(1, volumes.carts + 1):
        for product in source.sample(range(1, volumes.products + 1), 2):
            yield f"user-{cart * 10}\t{product}\t{source.randint(1, 3)}\n"


def _orders(volumes: Volumes, source: random.Random) -> Iterator[str]:
    moments = _moments(volumes.orders)
    for order in range(volumes.orders):
        user = "\\N" if order % 5 == 0 else str(source.randint(1, volumes.users))
        product, quantity = source.randint(1, volumes.products), source.randint(1, 3)
        yield f"{user}\t{product}\t{quantity}\t{price_cents(product) * quantity}\t{next(moments)}\n"


def _transactions(volumes: Volumes, source: random.Random, balances: list[int]) -> Iterator[str]:
    """Also adds each amount to its user's entry in `balances`. Half of the users join over the months."""
    moments = _moments(volumes.transactions)
    uniform, kinds = source.random, len(_KINDS)
    half = volumes.users / 2
    for index in range(volumes.transactions):
        user = int(uniform() * (half + half * index / volumes.transactions)) + 1
        amount = int(uniform() * 100_000) - 40_000
        balances[user] += amount
        yield f"{user}\t{amount}\t{_KINDS[int(uniform() * kinds)]}\t{next(moments)}\n"


def _moments(count: int) -> Iterator[str]:
    """`count` moments spread evenly over the seeded months, each with its own second of the day."""
    span_s = (LAST_DAY - FIRST_DAY) / timedelta(seconds=1)
    start_s = FIRST_DAY.timestamp()
    for index in range(count):
        moment = datetime.fromtimestamp(start_s + index * span_s / count, UTC)
        yield moment.isoformat(timespec="seconds")
