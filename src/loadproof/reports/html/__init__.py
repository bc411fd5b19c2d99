"""The report as one HTML file that opens offline: nothing in it is fetched, now or later.

Tables and sentences stand in the page itself and need no script. Charts are drawn by Plotly, whose script
comes from its package, compressed: the page unpacks it in place. A content security policy in the page
forbids every connection, so that no name in a run, however odd, can make it leave the machine.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from loadproof.model import Report
from loadproof.model.values import mapping
from loadproof.reports.html.data import page_data, script_json
from loadproof.reports.html.page import page

_COMMAND = re.compile(r"`([^`]+)`")
_SCRIPTS = (
    "format.js",
    "tables.js",
    "figure.js",
    "csv.js",
    "answer.js",
    "timeline.js",
    "latency.js",
    "start.js",
)


def prepare() -> None:
    """What takes a while and is the same for every page with charts."""
    import_module("jinja2")
    _plotly()


def write_html(report: Report, stream: TextIO) -> None:
    """Write the page. Without charts in the report (see `judge`), it has its tables only."""
    said = {
        "page": page(report),
        "title": f"{report.verdict} · {report.name}",
        "version": mapping(report.facts["versions"]).get("loadproof", ""),
        "made_from": report.run_file,
    }
    write_page("report.html.j2", said, page_data(report), stream)


def _with_commands(text: str) -> object:
    """What stands in backticks is a command, and looks like one."""
    from markupsafe import Markup, escape

    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


def write_page(
    template: str, said: Mapping[str, Any], data: Mapping[str, Any], stream: TextIO, *, live: bool = False
) -> None:
    """Write a page of that template: what is `said` in words, and what its script draws.

    `live`: with what follows a run that goes on.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("loadproof.reports.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _with_commands
    folder = files("loadproof.reports.html")
    scripts = (*_SCRIPTS, *(("live.js",) if live else ()))
    styles = ("style.css", *(("live.css",) if live else ()))
    draws = data["course"] is not None or bool(data["pictures"])
    for part in environment.get_template(template).stream(
        **said,
        style="\n".join((folder / name).read_text(encoding="utf-8") for name in styles),
        script="\n".join((folder / name).read_text(encoding="utf-8") for name in scripts),
        data=script_json(data) if draws else "null",
        plotly=_plotly() if draws else "",
    ):
        stream.write(part)


@cache
def _plotly() -> str:
    """Plotly's own script, deflated, as text."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("plotly is not installed, although loadproof depends on it", name="plotly")
    # Found, not imported: the package is large and only its script is wanted.
    script = Path(spec.submodule_search_locations[0], "package_data", "plotly.min.js").read_bytes()
    return base64.b64encode(zlib.compress(script)).decode("ascii")
