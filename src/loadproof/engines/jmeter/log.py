"""What JMeter says beside its results: its log, through a pipe, and its standard output and error.

Its exit code is 0 whatever happened: what went wrong stands here only. Time stamps of the log are local time.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.](?P<ms>\d{3}) (?P<level>[A-Z]+) (?P<rest>.*)"
)
_STARTED, _FINISHED = "JMeterThread: Thread started: ", "JMeterThread: Thread finished: "
_STOPS: Final = {
    "Shutdown Test detected by thread: ": "stop test",
    "Stop Test detected by thread: ": "stop test",
    "Stop Test Now detected by thread: ": "stop test now",
}
_SUMMARY = re.compile(r"^loadproof\s+=\s+(\d+) in .* Err:\s+(\d+)")
_PORT = re.compile(r"Waiting for possible .* message on port (\d+)")
_COMMAND = re.compile(r"^Command: (\w+) received")
_FURNITURE = re.compile(
    r"^(?:WARN StatusConsoleListener The use of package scanning|Creating summariser|Created the tree"
    r"|Starting standalone test|Waiting for possible|loadproof\s+[+=]|Tidying up|\.\.\. end of run|\s*$"
    r"|\w{3} \d\d, \d{4} .*java\.util\.prefs|INFO: Created user preferences"
    r"|.*Sharing is only supported for boot|Command: \w+ received"
    r"|WARNING: package sun\.)"
)
_SCRIPT_ERROR = re.compile(
    r"Problem in (?:JSR223|BSF) script, (?P<name>.*)|(?P<kind>BeanShell(?:Pre|Post|Timer|Ass)\w*): Problem"
)
"""Of a script beside a sampler, which no row tells of. That of a sampler is its row's failure."""
_NOT_INCLUDED = re.compile(r"Include Controller '.*' can't load '")
"""JMeter goes on without what stands there: a part of the plan is not played."""
_OVER: Final = "StandardJMeterEngine: Notifying test listeners of end of test"
_SCHEDULE_OVER: Final = "Test schedule finished, however, there are "
_NO_TIME_OF_OURS_S: Final = 60.0
_DISTINCT: Final = 300


@dataclass(frozen=True, slots=True)
class Raised:
    """Code of the plan that raised."""

    what: str
    exception: str
    users_died: int = 0


@dataclass(slots=True)
class LoggedMessages:
    """What was said since the last `take`."""

    users: dict[int, int] = field(default_factory=dict)
    """Users of the main groups at the end of each second in which they changed, by the log's time."""
    starts: Counter[int] = field(default_factory=Counter)
    """Users of the main groups that started, by second."""
    raised: Counter[Raised] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)


class Log:
    """`log_line` is called by one thread, `out_line` and the rest by another."""

    def __init__(self, now: Callable[[], float], outside_load: frozenset[str] = frozenset()) -> None:
        """`outside_load` are the names of set-up and tear-down groups."""
        self.port: int | None = None
        """Where the JVM listens for orders."""
        self.began_s: float | None = None
        """When the first user of a main group started."""
        self.ended_s: float | None = None
        """When the last one finished."""
        self.group_s: float | None = None
        """When the first main group began, before its first user where arrivals are open."""
        self.cut_from_s: float | None = None
        """When the schedule of an Open Model Thread Group was over and requests in flight were cut off."""
        self.over_s: float | None = None
        """When all groups had ended, tear-down as well: its listeners are told, and then JMeter ends."""
        self.users = 0
        self.started = 0
        self.finished = 0
        self.summary: tuple[int, int] | None = None
        """Samples and errors by JMeter's own last line."""
        self.ended_by: tuple[str, str] | None = None
        """Who ended the load: how, and the thread."""
        self.commands: list[str] = []
        """Orders that came to its port."""
        self.hook = False
        """Whether it was ended by a signal."""
        self.errors: list[str] = []
        self.failed_test = ""
        self.out_of_memory = False
        self.guarded: list[str] = []
        """What the guard refused."""
        self.arrivals: dict[str, int] = {}
        self.starved: list[str] = []
        self._now = now
        self._outside = outside_load
        self._lock = threading.Lock()
        self._said = LoggedMessages()
        self._seen: Counter[str] = Counter()
        self._awaiting = ""
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the log."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[-65536:]
        with self._lock:
            for line in lines:
                self._log_line(line.decode(errors="replace").rstrip("\r"))

    def close(self) -> None:
        """The pipe has ended."""
        if self._rest:
            self.feed(b"\n")

    def take(self) -> LoggedMessages:
        """What was said since the last call."""
        with self._lock:
            said, self._said = self._said, LoggedMessages()
        return said

    def out_line(self, line: str) -> None:
        """One line of standard output or error."""
        with self._lock:
            if match := _SUMMARY.match(line):
                self.summary = (int(match[1]), int(match[2]))
            elif match := _PORT.search(line):
                self.port = int(match[1])
            elif match := _COMMAND.match(line):
                self.commands.append(match[1])
            elif line.startswith("loadproof guard: "):
                self.guarded.append(line)
            elif "java.lang.OutOfMemoryError" in line:
                self.out_of_memory = True
            if not _FURNITURE.match(line):
                self.errors = [*self.errors[-39:], line]
                self._pass_on(line)

    def repeated(self) -> list[tuple[str, int]]:
        """Texts that came more than once, with their counts."""
        return [(text, count) for text, count in self._seen.items() if count > 1]

    def _log_line(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            self._further(line)
            return
        self._awaiting = ""
        rest = match["rest"]
        if _STARTED in rest or _FINISHED in rest:
            self._thread(rest, self._time(match))
            return
        if self.group_s is None and ": Starting ThreadGroup: " in rest:
            self.group_s = self._time(match)
        self._stop(rest, match)
        if "Shutdown hook started" in rest:
            self.hook = True
        elif _OVER in rest:
            self.over_s = self._time(match)
        elif "had arrivals: " in rest:
            self._count("arrivals", rest, r"had arrivals: (\d+)")
        elif "Done " in rest and " arrivals, " in rest:
            self._count("done", rest, r"Done (\d+) arrivals")
        elif "No free threads available in current Thread Group" in rest and "made 0" not in rest:
            self.starved = [*self.starved[-9:], rest.partition(": ")[2]]
        if match["level"] in {"ERROR", "FATAL"}:
            self._error(rest)
        elif match["level"] == "WARN":
            self._pass_on(f"WARN {rest}")
            if (script := _SCRIPT_ERROR.search(rest)) and script["kind"]:
                self._said.raised[Raised(script["kind"], rest.partition(": Problem")[2].strip()[:300])] += 1

    def _stop(self, rest: str, match: re.Match[str]) -> None:
        """The plan ends its load, or a part of it."""
        for text, how in _STOPS.items():
            if text in rest:
                self.ended_by = self.ended_by or (how, rest.partition(text)[2])
        if _SCHEDULE_OVER in rest and self.cut_from_s is None:
            self.cut_from_s = self._time(match)

    def _further(self, line: str) -> None:
        """A line of an exception below the line that told of it."""
        if "java.lang.OutOfMemoryError" in line:
            self.out_of_memory = True
        if self._awaiting and line and not line[0].isspace():
            raised = Raised(self._awaiting, line.strip()[:300], int(self._awaiting == "thread"))
            self._said.raised[raised] += 1
            self._awaiting = ""

    def _error(self, rest: str) -> None:
        text = rest.partition(": ")[2] or rest
        if self._seen[f"ERROR {rest}"] == 0:
            self.errors = [*self.errors[-39:], text]
        self._pass_on(f"ERROR {rest}")
        if _NOT_INCLUDED.match(text):
            self.failed_test = self.failed_test or text
        elif "Test failed!" in text:
            self.failed_test = self.failed_test or text
            self._awaiting = "test"
        elif "Uncaught exception in thread" in text:
            self._awaiting = "thread"
        elif script := _SCRIPT_ERROR.search(text):
            self._awaiting = f"script '{script['name']}'"

    def _thread(self, rest: str, time_s: float) -> None:
        started = _STARTED in rest
        name = rest.partition(_STARTED if started else _FINISHED)[2]
        if name.rpartition(" ")[0] in self._outside:
            return
        if started:
            self.started += 1
            self._said.starts[int(time_s)] += 1
            self.began_s = time_s if self.began_s is None else min(self.began_s, time_s)
        else:
            self.finished += 1
            self.ended_s = time_s if self.ended_s is None else max(self.ended_s, time_s)
        self.users = self.started - self.finished
        self._said.users[int(time_s)] = self.users

    def _count(self, key: str, rest: str, pattern: str) -> None:
        if match := re.search(pattern, rest):
            self.arrivals[key] = self.arrivals.get(key, 0) + int(match[1])

    def _pass_on(self, text: str) -> None:
        if self._seen[text] or len(self._seen) < _DISTINCT:
            self._seen[text] += 1
            if self._seen[text] == 1:
                self._said.lines.append(text)

    def _time(self, match: re.Match[str]) -> float:
        now_s = self._now()
        time_s = datetime.fromisoformat(match["time"]).timestamp() + int(match["ms"]) / 1e3
        # A JVM with another time zone: the line was written just now.
        return time_s if abs(time_s - now_s) < _NO_TIME_OF_OURS_S else now_s
