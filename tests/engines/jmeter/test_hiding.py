"""What a plan itself holds that nobody may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.engines.jmeter.hiding import HidingSink, paths_in_plan, secrets_in_plan
from loadproof.engines.jmeter.plan_file import read_plan_file
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Event, EventKind, Slice
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


PATHS = """<jmeterTestPlan version="1.2"><hashTree><TestPlan testclass="TestPlan" testname="p">
<stringProp name="HTTPSampler.path">/v2-shop/carts?key=inquery-1</stringProp>
<stringProp name="HTTPSampler.path">http://me:inuser-2@host/a</stringProp></TestPlan>
<hashTree><HTTPSamplerProxy testname="GET /api-9/aB3dE5fG7/x"/><hashTree/></hashTree>
</hashTree></jmeterTestPlan>"""


@pytest.mark.parametrize(("secret", "name", "expected"), [
    ("petclinic", "GET /petclinic/owners", "GET /petclinic/owners"),
    ("petclinic", "the petclinic", "the petclinic"),
    ("petclinic", "/in?password=petclinic&x=1", "/in?password=***&x=1"),
    ("petclinic", "jdbc://me:petclinic@host/petclinic", "jdbc://me:***@host/petclinic"),
    ("petclinic", "/basic/cGV0Y2xpbmlj", "/basic/***"),
    ("v2-shop", "/v2-shop/carts?key=v2-shop", "/v2-shop/carts?key=***"),
    ("inquery-1", "/a/inquery-1", "/a/***"),
    ("inuser-2", "/a/inuser-2", "/a/***"),
    ("jdbc-pw-5", "/orders/jdbc-pw-5", "/orders/***"),
    ("aB3dE5fG7", "GET /api-9/aB3dE5fG7/x", "GET /api-9/***/x"),
])  # fmt: skip
def test_a_password_that_is_a_word_leaves_endpoints_their_names(
    secret: str, name: str, expected: str, tmp_path: Path
) -> None:
    """A requirement on them would find no data; as a value, and as a random token, it is hidden there too."""
    (tmp_path / "plan.jmx").write_text(PATHS)
    kept = Recording()
    sink = HidingSink(kept, iter([secret]), paths_in_plan(read_plan_file(tmp_path / "plan.jmx").nodes))
    sink.slice(Slice(1, Endpoint("GET", name), 1, {}, 0, Histogram()))
    sink.event(Event(1.0, EventKind.STATUSES, "", {"endpoint": name, "counts": {200: 1}}))
    assert [part.endpoint.name for part in kept.slices] == [expected]
    assert kept.events[0].data == {"endpoint": expected, "counts": {200: 1}}
