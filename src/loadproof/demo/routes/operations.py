"""Health, metrics and the switchboard of the faults: exempt from faults, not counted."""

from fastapi import HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from loadproof.demo.error import DemoError
from loadproof.demo.exchange import RequestBody, answer, read_body
from loadproof.demo.faults import FAULTS, fault_named, parse_fault
from loadproof.demo.injection import Injector
from loadproof.demo.metrics import Metrics


class FaultValue(RequestBody):
    """A fault's value as on the command line; empty for its default."""

    value: str = ""


class Operations:
    """Endpoints for those who run the service."""

    def __init__(self, metrics: Metrics, injector: Injector) -> None:
        self._metrics = metrics
        self._injector = injector

    async def health(self) -> Response:
        """200 as long as the process answers."""
        return answer({"status": "ok"})

    async def metrics(self) -> Response:
        """What Prometheus scrapes."""
        return Response(self._metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def faults(self) -> Response:
        """Every fault: what it does, its value when it is on, and how often it acted."""
        values = {setting.name: setting.text for setting in self._injector.settings()}
        rows = [
            {
                "name": fault.name,
                "does": fault.does,
                "value_kind": fault.kind.name,
                "default": fault.default,
                "on": fault.name in values,
                "value": values.get(fault.name),
                "effects": self._injector.effects[fault.name],
            }
            for fault in FAULTS
        ]
        return answer({"faults": rows})

    async def switch_on(self, request: Request, name: str) -> Response:
        """Switch a fault on or change its value: {"value": "50ms"}; no body for its default."""
        value = (await read_body(request, FaultValue)).value if await request.body() else ""
        try:
            fault_named(name)
        except DemoError as error:
            raise _refused(404, error) from None
        try:
            setting = parse_fault(f"{name}={value}")
            await self._injector.switch_on(setting)
        except DemoError as error:
            raise _refused(422, error) from None
        return answer({"name": setting.name, "value": setting.text})

    async def switch_off(self, name: str) -> Response:
        """Switch one fault off; no error if it is."""
        try:
            fault_named(name)
        except DemoError as error:
            raise _refused(404, error) from None
        await self._injector.switch_off(name)
        return Response(status_code=204)

    async def switch_all_off(self) -> Response:
        """Switch every fault off."""
        await self._injector.switch_all_off()
        return Response(status_code=204)


def _refused(status: int, error: DemoError) -> HTTPException:
    return HTTPException(status, f"{error.message}: {error.hint}")
