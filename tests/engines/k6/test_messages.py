"""Messages of WebSockets: the time to a session's first one, and from each to the next."""

from __future__ import annotations

from loadproof.engines.k6.messages import Messages
from loadproof.histogram import merged
from loadproof.model import EVENT_GAP, FIRST_EVENT
from tests.engines.k6.test_reader import point, read

URL = "ws://t/chat?room=1"


def sample(metric: str, second: float, vu: str = "1", value: float = 1, **tags: str) -> bytes:
    """As k6 1.1 writes it with `--system-tags` that has vu and iter: they are no tags but metadata."""
    line = point(metric, value, second, "Z", **{"group": "", "status": "101", "url": URL, **tags})
    return line.replace(b"}}}", b'},"metadata":{"vu":"%b","iter":"0"}}}' % vu.encode())


def times(data: bytes, *, asked: bool = True) -> dict[str, tuple[int, float, float]]:
    """Count, shortest and longest by endpoint."""
    batch = read(data, messages=Messages() if asked else None).drain()
    by_name = {str(part.endpoint) for part in batch.slices}
    found = {name: merged([s.response for s in batch.slices if str(s.endpoint) == name]) for name in by_name}
    return {name: (one.count, one.minimum_s, one.maximum_s) for name, one in found.items()}


def session(*at_s: float, vu: str = "1", start_s: float = 0.0, url: str = URL) -> bytes:
    """From its handshake to its end, with a message at each of these times."""
    came = b"".join(sample("ws_msgs_received", second, vu, url=url) for second in at_s)
    began, ended = (
        sample("ws_connecting", start_s, vu, 3.0, url=url),
        sample("ws_session_duration", start_s, vu, url=url),
    )
    return began + came + ended


def test_the_first_message_and_the_gaps_are_those_of_a_session() -> None:
    """Also where those of two users come in between each other; requests stay as they are."""
    one, other = (session(0.25, 0.5, 1.5), session(0.125, 0.25, vu="2"))
    lines = [
        *one.splitlines(keepends=True)[:-1],
        *other.splitlines(keepends=True),
        *one.splitlines(keepends=True)[-1:],
    ]
    found = times(b"".join(lines))
    assert found["WS /chat?room=1"][0] == 2
    assert found[f"{FIRST_EVENT} WS /chat?room=1"] == (2, 0.125, 0.25)
    assert found[f"{EVENT_GAP} WS /chat?room=1"] == (3, 0.125, 1.0)


def test_the_messages_of_a_grpc_stream() -> None:
    """Its end is told by the call's own time; a call without a stream has no messages."""
    tags = {"name": "/a.B/Talk", "url": "h:50/a.B/Talk", "method": "Talk", "service": "a.B"}
    data = b"".join(
        [
            sample("grpc_streams", 1.0, "1", 1.0, **tags),
            sample("grpc_streams_msgs_received", 1.25, "1", 1.0, **tags),
            sample("grpc_streams_msgs_received", 1.75, "1", 1.0, **tags),
            sample("grpc_req_duration", 2.0, "1", 1000.0, **{**tags, "status": "0"}),
            sample("grpc_streams_msgs_received", 9.0, "1", 1.0, **tags),
        ]
    )
    found = times(data)
    assert found[f"{FIRST_EVENT} gRPC a.B/Talk"] == (1, 0.25, 0.25)
    assert found[f"{EVENT_GAP} gRPC a.B/Talk"] == (1, 0.5, 0.5)
    assert found["gRPC a.B/Talk"][0] == 1


def test_a_user_connects_again() -> None:
    """The next session of one iteration begins anew: the time between two of them is no gap."""
    found = times(session(1.0, 1.25) + session(5.5, start_s=5.0))
    assert found[f"{FIRST_EVENT} WS /chat?room=1"] == (2, 0.5, 1.0)
    assert found[f"{EVENT_GAP} WS /chat?room=1"] == (1, 0.25, 0.25)


def test_two_at_once_to_one_address_are_not_told_apart() -> None:
    """So they have no such times, and it is said of how many; to two addresses they are."""
    one, other = session(1.0, 1.25), session(1.125, start_s=0.5)
    overlapping = one.splitlines(keepends=True)[0] + other + b"".join(one.splitlines(keepends=True)[1:])
    messages = Messages()
    reader = read(overlapping, messages=messages)
    assert {str(part.endpoint) for part in reader.drain().slices} == {"WS /chat?room=1"}
    assert reader.mixed_sessions == 2
    apart = session(1.0, 1.25) + session(1.5, url="ws://t/other")
    assert times(apart)[f"{FIRST_EVENT} WS /other"][0] == 1


def test_what_is_no_session_of_the_load_has_no_times() -> None:
    """A handshake that was refused, setup(), lines without metadata; and nothing is measured unasked."""
    refused = sample("ws_connecting", 0, status="403") + sample("ws_msgs_received", 1, status="403")
    before = sample("ws_connecting", 0, group="::setup") + sample("ws_msgs_received", 1, group="::setup")
    plain = point("ws_msgs_received", 1, 1, url=URL)
    for data in (refused, before, plain):
        assert not [name for name in times(data) if name.startswith((FIRST_EVENT, EVENT_GAP))]
    assert list(times(session(1.0), asked=False)) == ["WS /chat?room=1"]
