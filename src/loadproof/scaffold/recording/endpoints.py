"""What a request is counted as, where a redirect has to end, and how long people thought."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final
from urllib.parse import quote

from loadproof.safety.redact import is_secret_value
from loadproof.scaffold.recording.exchanges import Exchange, fields_of
from loadproof.scaffold.recording.pages import is_id

_ONE_FILE: Final = re.compile(r"|index|.*\.(?:php|asp|aspx|jsp|cgi|pl|do)", re.IGNORECASE)
"""The last part of a path behind which a query chooses among pages."""
_CHOOSES: Final = re.compile(
    r"action|route|rest_route|page|controller|module|task|view|do|mode|op|cmd|method|option|act|r|wc-ajax",
    re.IGNORECASE,
)
"""Keys whose value is the page, and not what is looked for."""
_WORD: Final = re.compile(r"[A-Za-z][\w./-]{0,60}")
_ROUTE: Final = re.compile(r"/|/?[A-Za-z][\w./-]{0,60}")
_OPERATION: Final = re.compile(r"\s*(?:query|mutation|subscription)\s+(\w{1,60})")
_CHANGES: Final = re.compile(r"\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def chosen_by(exchange: Exchange) -> str:
    """What of its query, or of its form, is a part of its name: "?s=", "?action=heartbeat",
    for GraphQL "?operationName=Cart"; else nothing.
    """
    operation = _operation(exchange)
    if operation:
        return f"?operationName={operation}"
    if not _ONE_FILE.fullmatch(exchange.segments[-1] if exchange.segments else ""):
        return ""
    form = exchange.content.value if exchange.content is not None and exchange.content.kind == "form" else ()
    for key, value in (*exchange.query, *form):
        if _CHOOSES.fullmatch(key) and _ROUTE.fullmatch(value) and not is_secret_value(value):
            parts = ("[id]" if _CHANGES.fullmatch(part) else quote(part) for part in value.split("/"))
            return f"?{quote(key)}={'/'.join(parts)}"
    if exchange.query:
        return f"?{quote(exchange.query[0][0])}="
    return ""


def _operation(exchange: Exchange) -> str:
    """What a request to GraphQL does, by its name; "" for what is none."""
    sent = (
        exchange.content.value if exchange.content is not None and exchange.content.kind == "json" else None
    )
    first = sent[0] if isinstance(sent, list) and sent else sent
    if not isinstance(first, dict) or not {"query", "operationName"} & first.keys():
        return ""
    text = first.get("query")
    named = first.get("operationName") or (_OPERATION.match(text) if isinstance(text, str) else None)
    name = named[1] if isinstance(named, re.Match) else str(named or "")
    return name if _WORD.fullmatch(name) else ""


def end_pattern(path: str, differs: Callable[[str, str], bool]) -> str | None:
    """The path at which a redirect has to end, with * for ids; None for what is no such pattern.

    `differs`: whether a part of it, behind what of the path is given, is another one for other users.
    """
    if re.search(r"[*?\[\]]", path):
        return None
    shown, before = [], ""
    for part in path.split("/"):
        changes = _CHANGES.fullmatch(part) or is_secret_value(part) or (part and differs(part, before))
        shown.append("*" if changes else part)
        before += f"{part}/"
    return "/".join(shown)


_REMOVES: Final = re.compile(r"delete|remove|destroy|purge", re.IGNORECASE)


def takes_away(exchange: Exchange, is_own: Callable[[str, str], bool]) -> bool:
    """Whether it deletes what the recording did not make.

    `is_own` is asked for each id of its path, with the path before it. Forms delete by
    their last word, or as Rails does.
    """
    sent = {name.lower(): value.lower() for name, value in fields_of(exchange.content)}
    last = exchange.segments[-1] if exchange.segments else ""
    removes = exchange.method == "DELETE" or (
        exchange.method == "POST" and (sent.get("_method") == "delete" or bool(_REMOVES.fullmatch(last)))
    )
    before = "/"
    for segment in exchange.segments if removes else ():
        if is_id(segment) and not is_own(segment, before):
            return True
        before += f"{segment}/"
    return False


def think_time_s(exchanges: Sequence[Exchange], least_s: float) -> tuple[float, float]:
    """From the pauses in the recording: their tenth and ninetieth percentile, within 1 to 30 s.

    `least_s`: shorter ones are none.
    """
    pauses = sorted(later.began_s - earlier.ended_s for earlier, later in pairwise(exchanges))
    pauses = [min(pause, 30.0) for pause in pauses if pause >= least_s]
    if not pauses:
        return 1.0, 3.0
    low, high = pauses[int(0.1 * (len(pauses) - 1))], pauses[-1 - int(0.1 * (len(pauses) - 1))]
    return round(low, 1), round(max(high, low + 1.0), 1)
