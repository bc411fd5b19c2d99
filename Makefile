# Every target works on a fresh machine with only Python 3.11+, make and the package registries.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for real servers and loads: two at a time take half as long. A file's tests stay together.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help canary demo test check lint types imports accuracy bench soaks clean

help:
	@echo "make demo    load the demo service for a minute, live, and print the verdict"
	@echo "make test    run the tests"
	@echo "make check   what CI runs: lint, types, imports, tests, docs"
	@echo "make canary  the Locust contract against the oldest, the newest and the next Locust"
	@echo "make accuracy  how often the analyses are right, on many replicates; takes long"
	@echo "make bench   measure Loadproof itself; takes long, wants a quiet machine"
	@echo "make soaks   25 minutes of runtimes that are healthy or leak, side by side"
	@echo "make clean   remove the virtual environment and what tools left behind"

# Two environments of the same packages would only take time: one with everything serves all targets.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/installed
	$(BIN)/loadproof demo

test: $(VENV)/installed
	$(PYTEST)

check: $(VENV)/installed lint types imports
	$(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

imports: $(VENV)/installed
	$(BIN)/lint-imports

# The Locust contract against the oldest Locust that is allowed, the newest, and the next one. Each has an
# environment of its own; Locusts before 2.47 bring a pytest plugin that patches the tests' own process.
CANARIES := oldest newest next
oldest = 'locust==2.43.0'
newest = locust
next = --pre locust

canary: $(addprefix canary-,$(CANARIES))

canary-%:
	$(PYTHON) -m venv .venv-canary/$*
	.venv-canary/$*/bin/pip install --quiet --disable-pip-version-check --upgrade --editable '.[dev]' $($*)
	.venv-canary/$*/bin/pip list --disable-pip-version-check 2>/dev/null | grep -i '^locust '
	.venv-canary/$*/bin/pytest -p no:locust -q tests/engines/locust tests/contracts/test_engine_contract.py

accuracy: $(VENV)/installed
	$(BIN)/python -m tests.accuracy

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.session
	$(BIN)/python benchmarks/k6_outputs.py
	$(BIN)/python benchmarks/monitors.py
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/history.py
	$(BIN)/python -m benchmarks.capacity queue
	$(BIN)/python -m benchmarks.capacity demo --fault pool=4 --fault far-database=20ms
	$(BIN)/python -m benchmarks.phases spike
	$(BIN)/python -m benchmarks.phases soak
	$(BIN)/python benchmarks/comparisons.py --delay-ms 100
	$(BIN)/python benchmarks/bottlenecks.py
	$(BIN)/python benchmarks/generator.py

soaks: $(VENV)/installed
	$(BIN)/python -m benchmarks.soaks

clean:
	rm -rf $(VENV) .venv-canary .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
