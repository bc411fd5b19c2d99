"""Reading `--fault name[=value]`."""

from __future__ import annotations

import pytest

from loadproof.demo import FAULTS, DemoError, parse_fault
from loadproof.demo.faults import FaultSetting, parse_faults


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("delay=50ms", FaultSetting("delay", "50ms", 0.05)),
        ("delay", FaultSetting("delay", "100ms", 0.1)),
        (" cpu = 5ms ", FaultSetting("cpu", "5ms", 0.005)),
        ("stall=2s", FaultSetting("stall", "2s", 2.0, 0.0)),
        ("stall=500ms/10s", FaultSetting("stall", "500ms/10s", 0.5, 10.0)),
        ("errors=5%", FaultSetting("errors", "5%", 0.05)),
        ("errors=100%", FaultSetting("errors", "100%", 1.0)),
        ("leak=1KiB", FaultSetting("leak", "1KiB", 1024.0)),
        ("connection-leak=100", FaultSetting("connection-leak", "100", 100.0)),
        ("dropped-index", FaultSetting("dropped-index", "")),
        ("lock-contention=20ms", FaultSetting("lock-contention", "20ms", 0.02)),
        ("pool=2", FaultSetting("pool", "2", 2.0)),
        ("lost-writes=1%", FaultSetting("lost-writes", "1%", 0.01)),
        ("broken-balance", FaultSetting("broken-balance", "")),
    ],
)
def test_reads_a_fault_with_its_value_in_base_units(text: str, setting: FaultSetting) -> None:
    """A fault is its name and a value in seconds, bytes, a share or a count; without one, its default."""
    assert parse_fault(text) == setting


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delay=50", "'50' is not a duration"),
        ("delay=0s", "'0s' must be above 0"),
        ("stall=/10s", "'' is not a duration"),
        ("stall=1s/", "'' is not a duration"),
        ("stall=10s/5s", "a stall of 10s every 5s would never end"),
        ("errors=5", "'5' is not a percentage"),
        ("errors=0%", "'0%' must be above 0% and at most 100%"),
        ("errors=101%", "'101%' must be above 0% and at most 100%"),
        ("leak=1", "'1' is not a size"),
        ("leak=0B", "'0B' must be at least 1B"),
        ("pool=0", "'0' is not a whole number above 0"),
        ("pool=2.5", "'2.5' is not a whole number above 0"),
        ("connection-leak=-1", "'-1' is not a whole number above 0"),
        ("dropped-index=yes", "it takes no value, and was given 'yes'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error_with_an_example(text: str, message: str) -> None:
    """What cannot be read is refused by name, with a value that could be."""
    with pytest.raises(DemoError) as caught:
        parse_fault(text)
    name = text.partition("=")[0]
    assert caught.value.message.startswith(f"fault '{name}': {message}")
    assert name in caught.value.hint


def test_an_unknown_fault_is_an_error_that_lists_the_known_ones() -> None:
    """A misspelt name is met with the name that was meant, and with all that there are."""
    with pytest.raises(DemoError) as caught:
        parse_fault("dleay=5ms")
    assert caught.value.message == "unknown fault 'dleay'"
    assert caught.value.hint.startswith("did you mean 'delay'? known faults: delay, stall, errors, ")
    assert all(fault.name in caught.value.hint for fault in FAULTS)


def test_a_fault_given_twice_is_an_error() -> None:
    """Two values for one fault contradict each other, whichever comes last."""
    with pytest.raises(DemoError, match="fault 'delay' is given 2 times"):
        parse_faults(("delay=5ms", "cpu=1ms", "delay=9ms"))


def test_every_row_of_the_table_can_be_switched_on_by_its_name_alone() -> None:
    """Each default is a value that its own kind reads."""
    assert [parse_fault(fault.name).text for fault in FAULTS] == [fault.default for fault in FAULTS]
