"""What a plan itself holds that nobody may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.engines.jmeter.hiding import HidingSink, secrets_in_plan
from loadproof.engines.jmeter.plan_file import read_plan_file
from loadproof.model import Event, EventKind
from tests.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path


def pair(kind: str, name: str, value: str) -> str:
    """An argument, a header or a cookie."""
    named = "" if kind == "Cookie" else f'<stringProp name="{kind}.name">{name}</stringProp>'
    valued = f'<stringProp name="{kind}.value">{value}</stringProp>'
    return f'<elementProp name="{name}" elementType="{kind}">{named}{valued}</elementProp>'


PLAN = f"""<jmeterTestPlan version="1.2"><hashTree><TestPlan testclass="TestPlan" testname="p">
{pair("Argument", "db_password", "udv-pass-1")} {pair("Argument", "users", "50")}
{pair("Argument", "api_token", "${{__P(token)}}")} {pair("Header", "Authorization", "Bearer hdr-tok-2")}
{pair("Header", "Accept", "text/html")} {pair("Cookie", "lang", "cookie-val-3")}
<stringProp name="Authorization.password">auth-pw-4</stringProp>
<stringProp name="password">jdbc-pw-5</stringProp>
<boolProp name="keepTokens">true</boolProp></TestPlan><hashTree/></hashTree></jmeterTestPlan>"""


def test_passwords_of_the_plan_are_hidden_in_what_it_says(tmp_path: Path) -> None:
    """Of variables, headers, cookies, log-ins and data sources; what a function fills in is no value yet."""
    (tmp_path / "plan.jmx").write_text(PLAN)
    found = set(secrets_in_plan(read_plan_file(tmp_path / "plan.jmx").nodes))
    assert found == {
        "udv-pass-1", "Bearer hdr-tok-2", "hdr-tok-2", "cookie-val-3", "auth-pw-4", "jdbc-pw-5",
    }  # fmt: skip
    kept = Recording()
    sink = HidingSink(kept, iter(found))
    sink.log("log in with auth-pw-4")
    sink.event(Event(1.0, EventKind.ERROR_SAMPLE, "no jdbc-pw-5", {"texts": ["udv-pass-1", 50]}))
    assert kept.lines == ["log in with ***"]
    assert (kept.events[0].message, kept.events[0].data) == ("no ***", {"texts": ["***", 50]})
