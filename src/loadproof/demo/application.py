"""The application: its table of endpoints, and what surrounds them."""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.routing import APIRoute
from psycopg import OperationalError

from loadproof.demo.database import Database
from loadproof.demo.description import described, status_of
from loadproof.demo.exchange import Caller, answer
from loadproof.demo.injection import InjectedError, Injector
from loadproof.demo.metrics import CountedService, Metrics
from loadproof.demo.routes.accounts import Accounts
from loadproof.demo.routes.chat import Chat
from loadproof.demo.routes.loans import Loans
from loadproof.demo.routes.operations import Operations
from loadproof.demo.routes.shop import Shop
from loadproof.demo.routes.transactions import Transactions
from loadproof.demo.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from starlette.types import ASGIApp

    from loadproof.demo.faults import FaultSetting

    Handler = Callable[..., Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class DemoService:
    """The ASGI application, and what it needs while it serves."""

    asgi: ASGIApp
    database: Database
    injector: Injector

    @asynccontextmanager
    async def running(self, faults: tuple[FaultSetting, ...]) -> AsyncIterator[None]:
        """Within the block the database is connected and `faults` are on.

        Raises:
            DemoError: a fault makes no sense for this service.
        """
        await self.database.open()
        try:
            for setting in faults:
                await self.injector.switch_on(setting)
            gc.freeze()  # what lives for ever need not be walked by every collection
            yield
            await self.injector.switch_all_off()
        finally:
            await self.database.close()


def make_service(database_url: str, *, pool_size: int, admin: bool = False) -> DemoService:
    """The loan service on a seeded database."""
    injector = Injector()
    database = Database(database_url, pool_size, injector)
    metrics = Metrics()
    metrics.watch(database, injector)
    tokens = Tokens()
    caller = Caller(tokens)
    application = FastAPI(title="Loan service", docs_url=None, redoc_url=None)
    application.add_exception_handler(OperationalError, _database_unavailable)
    application.router.route_class = _faulty_route(injector)
    for method, path, handler in _endpoints(database, tokens, caller, injector):
        application.add_api_route(
            path,
            handler,
            methods=[method],
            status_code=status_of(method, path),
            openapi_extra=described(method, path),
            # A stream lasts as long as it has words: no operation for a scenario made of the document.
            include_in_schema=path != "/chat",
        )
    application.router.route_class = APIRoute
    for method, path, handler in _operations(metrics, injector, admin=admin):
        application.add_api_route(path, handler, methods=[method], include_in_schema=False)
    return DemoService(CountedService(application, metrics, injector), database, injector)


def _endpoints(
    database: Database, tokens: Tokens, caller: Caller, injector: Injector
) -> tuple[tuple[str, str, Handler], ...]:
    """What the service is for. Most used first: routes are matched in this order."""
    accounts = Accounts(database, tokens, caller)
    loans = Loans(database, caller)
    shop = Shop(database, caller)
    transactions = Transactions(database, caller, injector)
    return (
        ("GET", "/api/products", shop.products),
        ("GET", "/api/loans", loans.list),
        ("POST", "/api/loans", loans.apply),
        ("GET", "/api/dashboard", accounts.dashboard),
        ("POST", "/api/transactions", transactions.book),
        ("GET", "/api/users", accounts.users),
        ("GET", "/api/products/{product_id}", shop.product),
        ("POST", "/api/orders", shop.order),
        ("POST", "/api/cart", shop.add_to_cart),
        ("POST", "/api/checkout", shop.check_out),
        ("POST", "/api/loans/{loan_id}/approve", loans.approve),
        ("POST", "/api/auth/login", accounts.login),
        ("GET", "/api/transactions", transactions.list),
        ("GET", "/api/reports/user-analytics", transactions.user_analytics),
        ("POST", "/chat", Chat().answer),
    )


def _operations(metrics: Metrics, injector: Injector, *, admin: bool) -> tuple[tuple[str, str, Handler], ...]:
    """What surrounds it; without `admin` its paths do not exist, which is a 404."""
    operations = Operations(metrics, injector)
    always: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/healthz", operations.health),
        ("GET", "/metrics", operations.metrics),
    )
    if not admin:
        return always
    return (
        *always,
        ("GET", "/admin/faults", operations.faults),
        ("DELETE", "/admin/faults", operations.switch_all_off),
        ("PUT", "/admin/faults/{name}", operations.switch_on),
        ("DELETE", "/admin/faults/{name}", operations.switch_off),
    )


def _faulty_route(injector: Injector) -> type[APIRoute]:
    """A route that lets the faults act after it was matched, so that what they spoil is counted under it."""

    class FaultyRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            serve = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    await injector.begin_request()
                except InjectedError:
                    raise HTTPException(500, "injected by the fault 'errors'") from None
                return await serve(request)

            return handle

    return FaultyRoute


async def _database_unavailable(_request: Request, _error: Exception) -> Response:
    """PostgreSQL is gone, or (PoolTimeout) no connection became free in time."""
    return answer({"detail": "the database did not answer in time"}, 503)
