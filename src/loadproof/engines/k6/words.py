"""Every word of k6's that Loadproof relies on: exit codes, metrics, tags, log lines, variables.

From k6 1.x and 2.x: `errext/exitcodes`, `metrics/builtin.go`, `js/runner.go`, `execution/scheduler.go`,
`internal/ui`. What a later k6 calls otherwise is added here, and nowhere else.
"""

from __future__ import annotations

import re
from typing import Final

# --- exit codes ------------------------------------------------------------------------------------------

THRESHOLDS_FAILED: Final = 99
EXTERNAL_ABORT: Final = 105
API_STOPPED: Final = 103
SCRIPT_ABORTED: Final = 108
MARKED_AS_FAILED: Final = 110
_SIGNALS: Final = range(129, 193)
"""The supervisor passes 128 + N on when signal N ended it; k6's own codes end at 110, but for 255."""

MEANINGS: Final[dict[int, str]] = {
    97: "k6 says that its cloud run failed",
    98: "k6 could not follow its cloud run",
    THRESHOLDS_FAILED: "a threshold of the script failed",
    100: "the script's setup() took longer than its setupTimeout",
    101: "the script's teardown() took longer than its teardownTimeout",
    102: "k6 ran into a timeout",
    API_STOPPED: "the test was stopped through k6's REST API",
    104: "k6 refuses the configuration",
    EXTERNAL_ABORT: "k6 was told to stop by a signal",
    106: "k6 could not open its REST API",
    107: "the script threw an exception",
    SCRIPT_ABORTED: "the script aborted the test",
    109: "k6 itself crashed",
    MARKED_AS_FAILED: "the script marked the test as failed",
    127: "k6 could not be started",
    255: "k6 ended with an error",
}
JUDGEABLE: Final = frozenset({0, THRESHOLDS_FAILED, MARKED_AS_FAILED})
"""The load was played to its end, or to where one of the script's own thresholds stops it."""
CUT_SHORT: Final = frozenset({API_STOPPED, EXTERNAL_ABORT, SCRIPT_ABORTED})
"""Somebody ended the load on purpose before its end."""


def meaning(code: int) -> str:
    """One sentence for an exit code, those of signals included."""
    if code in _SIGNALS:
        return f"k6 was killed by signal {code - 128}"
    return MEANINGS.get(code, f"k6 ended with exit code {code}")


# --- log lines -------------------------------------------------------------------------------------------

PLAIN_ERROR: Final = re.compile(r'time="[^"]*" level=(?:error|fatal|panic) msg="((?:[^"\\]|\\.)*)"')
"""An error before k6 has read that its log is to be JSON: a flag that it does not know."""
UNKNOWN_FLAG: Final = "unknown flag: "
STACK_TRACE: Final = "stacktrace"
"""`source` of the log entry of an iteration that threw."""
CONSOLE: Final = "console"
"""`source` of what the script prints."""
IN_PROMISE: Final = "Uncaught (in promise) "
"""How the entry of an iteration that threw begins where its function is async; it has no `source`."""
ABORTED: Final = "test aborted"
MARKED: Final = "test marked as failed: "
"""Both are followed by the script's own reason."""
BY_SIGNAL: Final = re.compile(r"k6 received an? '(\w+)' signal")
SIGNAL_NAMES: Final = {"interrupt": "SIGINT", "terminated": "SIGTERM"}
"""Go's words for them."""
CROSSED: Final = re.compile(r"thresholds on metrics '([^']*)' (?:have been|were) crossed")
PROGRESS: Final = re.compile(r"(?P<complete>\d+) complete and (?P<interrupted>\d+) interrupted iterations")
FURNITURE: Final = re.compile(
    r"^(?:[/\\|_‾()\s]|Grafana)*$"  # the banner, empty lines
    r"|^\s+(?:execution|script|output|scenarios|web dashboard): "
    r"|^\s+\* \S+: "  # one scenario of the plan
    r"|^\S+ .*\[[ 0-9%=>-]*\]"  # its progress bar
)
END_OF_TEST: Final = "TOTAL RESULTS"
PLACE: Final = re.compile(r"file://(?P<file>/[^\s():]+):(?:\s*Line\s*)?(?P<line>\d+)(?::\d+)?")
NOISE: Final = re.compile(r"^(?:GoError: |could not initialize '[^']*': |could not load JS test '[^']*': )+")
SYNTAX: Final = re.compile(r"\.\w+: Line \d+:(?P<column>\d+) ")
"""Between file and message of a script that cannot be read."""
THRESHOLD: Final = "failed parsing threshold"
FETCHED: Final = re.compile(r"""moduleSpecifier \\*"https?://""")
UNKNOWN_MODULE: Final = re.compile(r"unknown module: ([\w/.-]+)")
OLDER_NAMES: Final = {"k6/websockets": "k6/experimental/websockets", "k6/browser": "k6/experimental/browser"}
"""What modules were called before they were stable (websockets: 1.6, browser: 0.52)."""
REFUSED_TEXTS: Final = ("ip is blacklisted", "hostname is blocked")
"""Error tag of a request that k6 did not send (its `lib/netext/httpext/error_codes.go`)."""

KEPT_BACK: Final = re.compile(r"(?:IP|hostname) \(([^)\s]+)\) is in a (?:blacklisted range|blocked pattern)")
"""The same in its log, for whatever opens a connection (its `lib/netext/dialer.go`)."""
NO_HOST: Final = "unsupported protocol scheme"
"""Of a request whose address has none, such as "undefined/login"."""
REFUSED: Final = re.compile(r"""(?:Get|Post|Put|Patch|Delete|Head|Options) \\*"(https?://[^"\\\s]+)""")
"""The address in what k6 says of a request that it could not send."""

# --- metrics and tags ------------------------------------------------------------------------------------

REQUESTS: Final = "http_reqs"
REQUEST_TIME: Final = "http_req_duration"
WAITING: Final = "http_req_waiting"
OF_A_REQUEST: Final = frozenset(
    {REQUESTS, "http_req_blocked", "http_req_connecting", "http_req_tls_handshaking", "http_req_sending",
     WAITING, "http_req_receiving", "http_req_failed"}
)  # fmt: skip
"""What k6 writes of each request beside its time."""
USERS: Final = "vus"
ITERATION_TIME: Final = "iteration_duration"
ITERATIONS: Final = "iterations"
DROPPED: Final = "dropped_iterations"
CHECKS: Final = "checks"
SUMMARISED: Final = frozenset(
    {REQUEST_TIME, "http_req_failed", REQUESTS, ITERATIONS, DROPPED, ITERATION_TIME, CHECKS,
     "data_received", "data_sent"}
)  # fmt: skip
BUILTIN: Final = OF_A_REQUEST | SUMMARISED | frozenset(
    {USERS, "vus_max", "group_duration", "ws_sessions", "ws_connecting", "ws_session_duration", "ws_ping",
     "ws_msgs_sent", "ws_msgs_received", "grpc_req_duration", "grpc_streams", "grpc_streams_msgs_sent",
     "grpc_streams_msgs_received"}
)  # fmt: skip
"""k6's own metrics: all others are the script's."""
SETUP_AND_TEARDOWN: Final = ("::setup", "::teardown")
"""How the `group` tag begins there."""
NEEDED_TAGS: Final = (
    "method", "name", "status", "error", "error_code", "expected_response", "check", "group", "scenario",
)  # fmt: skip
"""System tags that Loadproof reads (`scenario`: k6's own summary groups by it)."""
DROPPED_TAGS: Final = frozenset({"proto", "subproto", "tls_version", "service", "url"})
"""System tags that nobody reads: fewer cost k6 less, `url` above all, which repeats the name."""
SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
"""Of addresses in `name` and `url`."""
TIMEOUT_CODES: Final = frozenset({"1050", "1211"})
"""`error_code` of a request and of a dial that took too long (its `httpext/error_codes.go`)."""
FOLLOWED: Final = frozenset({"301", "302", "303", "307", "308"})
"""Statuses that k6 follows, up to `maxRedirects` (10 unless the script says otherwise)."""

# --- variables of the environment ------------------------------------------------------------------------

EXECUTION_VARIABLES: Final = ("K6_VUS", "K6_DURATION", "K6_ITERATIONS", "K6_STAGES")
ONE_USER: Final = {"K6_VUS": "1"}
"""The default of `k6 run`, which `k6 inspect` does not apply."""
NO_USERS: Final = "the number of VUs must be more than 0"
"""What `k6 inspect` says then."""
NEVER_BEGINS_OR_ENDS: Final = frozenset({"-p", "--paused", "-l", "--linger"})
"""Flags that make k6 wait for orders through its REST API."""
OWN_NETWORK: Final = {
    "K6_NO_USAGE_REPORT": "true",
    "K6_AUTO_EXTENSION_RESOLUTION": "false",
    "K6_BINARY_PROVISIONING": "false",
}
"""k6 sends usage reports, and fetches a k6 with the extensions that a script imports, unless told not to."""
