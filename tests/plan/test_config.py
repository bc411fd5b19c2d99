"""loadproof.yaml: every key typed and documented, every mistake told at once with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.errors import ConfigError
from loadproof.plan import PlanRequest
from loadproof.plan.chosen import choose
from loadproof.plan.config import LoadedConfig, load_config
from loadproof.plan.profiles import DEFAULT_STAGES
from loadproof.plan.schema import (
    CapacityConfig,
    Config,
    NotifyConfig,
    PartConfig,
    RegressionsConfig,
    ScenarioConfig,
    StageConfig,
    TestConfig,
)
from loadproof.units import parse_duration

if TYPE_CHECKING:
    from pydantic import BaseModel

DOCS = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("Top", Config),
    ("regressions", RegressionsConfig),
    ("notify", NotifyConfig),
    ("scenarios.NAME", ScenarioConfig),
    ("tests.NAME", TestConfig),
    ("tests.NAME.scenarios", PartConfig),
    ("tests.NAME.capacity", CapacityConfig),
    ("Stages", StageConfig),
]


def _load(folder: Path, text: str) -> LoadedConfig:
    file = folder / "loadproof.yaml"
    file.write_text(text)
    return load_config(file)


def _problems(folder: Path, text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)
    prefix = f"{folder}/"
    return [(p.where.removeprefix(prefix), p.message, p.hint) for p in caught.value.problems]


FULL = """\
target: http://127.0.0.1:8000
scenarios:
  browse: tests/locustfile.py
  shop: {file: load.js, engine: k6, args: [--tag, a=b], env: {PIN: 0042}}
tests:
  quick: {scenario: browse, profile: smoke, users: 2}
  rates:
    scenario: shop
    stages: ["2m:50/s", {duration: 5m, rate: 50/s}]
    requirements: {error_rate: {max_rate: 1%}}
  flags: {scenario: browse, users: 10, spawn_rate: 2.5, run_time: 90, time_scale: 0.5, env: {A: b}, args: [x]}
requirements: {response_time: {p95: <500ms}}
"""


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Short and long forms, defaults, and values of variables as they were written."""
    loaded = _load(tmp_path, FULL)
    config = loaded.config
    assert config.target == "http://127.0.0.1:8000"
    assert config.scenarios["browse"] == ScenarioConfig(file="tests/locustfile.py", engine=None, session=None)
    assert config.scenarios["shop"].env == {"PIN": "0042"}
    assert (config.tests["quick"].profile, config.tests["quick"].users) == ("smoke", 2)
    assert [stage.parsed().stage.target for stage in config.tests["rates"].stages] == [50, 50]
    assert config.tests["flags"].run_time == 90
    assert config.tests["quick"].time_scale == 1
    assert [r.id for r in loaded.requirements_for("quick")] == ["response_time.p95"]
    assert [r.id for r in loaded.requirements_for("rates")] == ["error_rate.rate"]
    assert loaded.requirements[0].source == f"{tmp_path / 'loadproof.yaml'}:12"
    assert loaded.where("tests", "flags", "users") == f"{tmp_path / 'loadproof.yaml'}:11"


def test_requirement_files_are_found_beside_it(tmp_path: Path) -> None:
    """One file or several, relative to the folder of loadproof.yaml."""
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "a.yaml").write_text("response_time: {p95: <1s}\n")
    (tmp_path / "b.yaml").write_text("error_rate: {max_rate: 1%}\n")
    one = _load(tmp_path, "requirements: r/a.yaml\n")
    assert [r.source for r in one.requirements] == [f"{tmp_path / 'r' / 'a.yaml'}:1"]
    two = _load(tmp_path, "requirements: [r/a.yaml, b.yaml]\n")
    assert [r.id for r in two.requirements] == ["response_time.p95", "error_rate.rate"]


S = "scenarios: {a: a.py}\n"

# file, line, message, hint
MISTAKES = [
    ("secnarios: {}\n", 1, "unknown key 'secnarios'", "did you mean 'scenarios'?"),
    ("host: http://a\n", 1, "unknown key 'host'", "did you mean 'target'?"),
    ("scenarios: {a: {file: a.py, engin: k6}}\n", 1, "unknown key 'engin'", "did you mean 'engine'?"),
    ("scenarios: {a: {script: a.py, file: b.py}}\n", 1, "unknown key 'script'", "did you mean 'file'?"),
    ("monitors:\n  postgres:\n    urll: x\n", 3, "unknown key 'urll'", "did you mean 'url'?"),
    ("scenarios: {a: {engine: k6}}\n", 1, "'file' is missing", ""),
    ("scenarios: {a b: a.py}\n", 1, "'a b' is not a name", "use letters"),
    ("scenarios: [a.py]\n", 1, "'scenarios' must be a mapping, not a list", ""),
    ("scenarios: {a: {file: a.py, args: --tag}}\n", 1, "'args' must be a list, not the text '--tag'", ""),
    ("scenarios: {a: {file: a.py, env: {1X: b}}}\n", 1, "'1X' is not a variable's name", "letters"),
    ("scenarios: {a: {file: a.py, env: {X: [s3cret]}}}\n", 1, "'X' must be text, not a list", ""),
    (f"{S}tests: {{t: {{vus: 5}}}}\n", 2, "unknown key 'vus'", "did you mean 'users'?"),
    (f"{S}tests: {{users: {{profil: load}}}}\n", 2, "unknown key 'profil'", "did you mean 'profile'?"),
    (f"{S}tests: {{stages: {{userz: 5}}}}\n", 2, "unknown key 'userz'", "did you mean 'users'?"),
    (
        f"{S}tests: {{t: {{profile: lod}}}}\n",
        2,
        "'profile' is none of smoke, load, stress, spike, soak: lod",
        "'load'",
    ),
    (
        f"{S}tests: {{t: {{stop_on: breech}}}}\n",
        2,
        "'stop_on' is none of breach, settled: breech",
        "'breach'",
    ),
    (f"{S}tests: {{t: {{routes: no}}}}\n", 2, "'routes' is none of on, off: no", ""),
    (f"{S}regressions: {{fail: gate}}\n", 2, "'fail' is none of proved, gates, never: gate", "'gates'"),
    (f"{S}regressions: {{tolerance: 5}}\n", 2, "'tolerance' must be text, not 5", "5%"),
    (f"{S}tests: {{t: {{rate: 200, run_time: 5s}}}}\n", 2, "'rate' must be text, not 200", "200/s"),
    (f"{S}tests: {{t: {{warm_up: 30}}}}\n", 2, "'warm_up' must be text, not 30", "30s"),
    (
        f"{S}tests: {{t: {{scenarios: [{{file: a.py, share: 0.8}}]}}}}\n",
        2,
        "'share' must be text, not 0.8",
        "80% or 0.8%",
    ),
    (f"{S}tests: {{t: {{users: '50'}}}}\n", 2, "'users' must be a whole number, not the text '50'", ""),
    (f"{S}tests: {{t: {{users: 1.5}}}}\n", 2, "'users' must be a whole number, not 1.5", ""),
    (f"{S}tests: {{t: {{users: true}}}}\n", 2, "'users' must be a whole number, not true", ""),
    (f"{S}tests: {{t: {{users: 0}}}}\n", 2, "'users' must be at least 1, not 0", ""),
    (f"{S}tests: {{t: {{spawn_rate: 0}}}}\n", 2, "'spawn_rate' must be above 0, not 0", ""),
    (f"{S}tests: {{t: {{spawn_rate: .inf}}}}\n", 2, "'spawn_rate' must be a finite number, not inf", ""),
    (f"{S}tests: {{t: {{time_scale: 2}}}}\n", 2, "'time_scale' must be at most 1, not 2", ""),
    (f"{S}tests: {{t: {{time_scale: 0}}}}\n", 2, "'time_scale' must be above 0, not 0", ""),
    (f"{S}tests: {{t: {{run_time: 5x}}}}\n", 2, "'5x' is not a duration", "such as 500ms"),
    (f"{S}tests: {{t: {{run_time: 0}}}}\n", 2, "'0' is no time at all", "write a run time"),
    (f"{S}tests: {{t: 5}}\n", 2, "'t' must be a mapping, not 5", ""),
    (f"{S}tests: {{t: {{stages: ['2m:5O']}}}}\n", 2, "'2m:5O': '5O' is not a number of users", "2m:50"),
    (
        f"{S}tests: {{t: {{stages: [{{duration: 5, users: 1}}]}}}}\n",
        2,
        "'duration' must be text, not 5",
        "unit: 5s",
    ),
    (
        f"{S}tests: {{t: {{stages: [{{duration: 5s}}]}}}}\n",
        2,
        "stages 1: a stage has either users or rate",
        "",
    ),
    (f"{S}tests: {{t: {{stages: [{{duration: 5s, rate: '5'}}]}}}}\n", 2, "'5' is not a rate", "50/s"),
    (
        f"{S}tests: {{t: {{stages: [{{duration: 5s, target: 5}}]}}}}\n",
        2,
        "unknown key 'target'",
        "duration, rate, users",
    ),
    (
        f"{S}tests: {{t: {{stages: ['1m:5', '1m:5/s']}}}}\n",
        2,
        "t: stages mix users and arrivals per second",
        "all",
    ),
    (
        f"{S}tests: {{t: {{stages: ['1m:5'], users: 5}}}}\n",
        2,
        "t: stages already say how many users",
        "leave out",
    ),
    (
        f"{S}tests: {{t: {{profile: load, run_time: 5m}}}}\n",
        2,
        "t: a profile or stages already say",
        "leave out",
    ),
    (f"{S}tests: {{t: {{scenario: b}}}}\n", 2, "unknown scenario 'b'", "known here: a"),
    ("tests: {t: {users: 5}}\n", 1, "the test 't' has no scenario", "name one below scenarios:"),
    (
        "target: localhost:8000\n",
        1,
        "the target 'localhost:8000' has no scheme",
        "write http://localhost:8000",
    ),
    ("target: 5\n", 1, "'target' must be text, not 5", "quotes"),
    ("requirements: 5\n", 1, "requirements are no file's name", "write a file"),
    ("requirements: {}\n", 1, "holds no requirement", ""),
    ("requirements: {response_time: {p95: 500}}\n", 1, "p95: '500' has no unit", "write <500ms"),
    ("a: 1\na: 2\n", 2, "'a' is written twice, first on line 1", "keep one"),
    ("a:\n\tb: 1\n", 2, "is not valid YAML: a tab indents this line", "YAML takes spaces only"),
    ("- a\n", 1, "is not a mapping", "write keys"),
]


@pytest.mark.parametrize(("text", "line", "message", "hint"), MISTAKES, ids=[row[2] for row in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_the_way_out(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    """The message is among the problems, at its line, with its hint."""
    problems = _problems(tmp_path, text)
    matching = [p for p in problems if p[0] == f"loadproof.yaml:{line}" and p[1].startswith(message)]
    assert len(matching) == 1, problems
    assert hint in matching[0][2]
    assert len(problems) == (2 if text == "a: 1\na: 2\n" else 1), problems


@pytest.mark.parametrize("written", ["{}", "[{}]"])
def test_the_address_of_a_webhook_is_in_no_message(tmp_path: Path, written: str) -> None:
    """Who reads it may write to it."""
    address = "https://hooks.example.test/services/T0/Secret1"
    ((_, message, hint),) = _problems(tmp_path, f"notify: {written.format(address)}\n")
    assert "***" in message
    assert "example" not in message + hint


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    """Comments alone are empty too."""
    assert _problems(tmp_path, "# to do\n")[0][:2] == ("loadproof.yaml", "is empty")


def test_all_mistakes_at_once_in_reading_order(tmp_path: Path) -> None:
    """Keys, types, names, targets and requirement files are all looked at, whatever else is wrong."""
    (tmp_path / "bad.yaml").write_text("response_time:\n  p95: 5\n")
    problems = _problems(
        tmp_path,
        "target: http://user:hunter2@localhost:badport\n"
        "scenarios:\n"
        "  browse: {file: a.py, env: {TOKEN: [hunter2]}}\n"
        "tests:\n"
        "  load:\n"
        "    scenario: brwose\n"
        "    users: many\n"
        "    foo: 1\n"
        "requirements: [nope.yaml, bad.yaml]\n",
    )
    assert [(where, message) for where, message, _ in problems] == [
        ("bad.yaml:2", "p95: '5' has no unit"),
        ("loadproof.yaml:1", "the target 'http://user:***@localhost:badport' has a bad port"),
        ("loadproof.yaml:3", "'TOKEN' must be text, not a list"),
        ("loadproof.yaml:6", "unknown scenario 'brwose'"),
        ("loadproof.yaml:7", "'users' must be a whole number, not the text 'many'"),
        ("loadproof.yaml:8", "unknown key 'foo'"),
        ("loadproof.yaml:9", f"'{tmp_path / 'nope.yaml'}': no such file"),
    ]
    assert "hunter2" not in str(problems)


def test_contradictions_between_requirement_files_are_told(tmp_path: Path) -> None:
    """Two files of one list must agree."""
    (tmp_path / "a.yaml").write_text("response_time: {p95: <1s}\n")
    (tmp_path / "b.yaml").write_text("response_time: {p95: <2s}\n")
    ((where, message, _),) = _problems(tmp_path, "requirements: [a.yaml, b.yaml]\n")
    assert where == "b.yaml:1"
    assert "sets another limit" in message


@pytest.mark.parametrize(("heading", "model"), SECTIONS, ids=[row[0] for row in SECTIONS])
def test_every_key_is_described_and_documented(heading: str, model: type[BaseModel]) -> None:
    """Each section of docs/configuration.md has a row for every key of its model, and no other."""
    section = DOCS.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert documented == list(model.model_fields)
    assert all(field.description for field in model.model_fields.values())


def test_the_documented_example_is_valid(tmp_path: Path) -> None:
    """The example of docs/configuration.md is read without a complaint."""
    example = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "performance_requirements.yaml").write_text("response_time: {p95: <500ms}\n")
    loaded = _load(tmp_path, example)
    assert set(loaded.config.tests) == {"smoke", "nightly", "rehearsal"}


def test_the_documented_profiles_are_the_defaults() -> None:
    """The table of profiles in docs/configuration.md says what --profile does."""
    section = DOCS.read_text(encoding="utf-8").split("\n## Profiles\n")[1]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE)
    documented = {
        name: [
            (parse_duration(d), float(n)) for d, n in (part.strip().split(":") for part in stages.split(","))
        ]
        for name, stages in rows
    }
    assert documented == {
        kind.value: [(s.duration_s, s.target) for s in stages] for kind, stages in DEFAULT_STAGES.items()
    }


@pytest.mark.parametrize("scenarios", ["", "scenarios: {x: {file: a.py}}\n"])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_scenario_is_one_error(scenarios: str, empty: str, tmp_path: Path) -> None:
    """It is no other scenario, and no folder."""
    (tmp_path / "a.py").write_text("")
    file = tmp_path / "loadproof.yaml"
    file.write_text(f'{scenarios}tests: {{a: {{scenario: "{empty}"}}}}\n')
    with pytest.raises(ConfigError, match="scenario: is empty") as caught:
        load_config(file)
    assert len(caught.value.problems) == 1


def test_a_scenario_longer_than_a_file_name_is_no_file(tmp_path: Path) -> None:
    """The files of a list are looked at one by one."""
    names = [f"{'a' * 100}{number}.py" for number in range(3)]
    for name in names:
        (tmp_path / name).write_text("")
    file = tmp_path / "loadproof.yaml"
    file.write_text(f"tests: {{a: {{scenario: '{','.join(names)}'}}}}\n")
    config = load_config(file)
    chosen = choose(PlanRequest(scenario="a", folder=tmp_path), config)
    assert [path.name for path in (chosen.file, *chosen.further)] == names
    file.write_text(f"tests: {{a: {{scenario: {'a' * 300}}}}}\n")
    with pytest.raises(ConfigError, match="unknown scenario"):
        load_config(file)
