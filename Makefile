# Two commands are all a newcomer needs: `make test` and `make demo`. Both need python3 (3.11 or newer) with venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
export DEBUG := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv test test-all test-later search coverage lint demo benchmarks samples screenshots requirements sbom clean

help:
	@echo "make demo        simulated stores, web and workers on this machine; watch stock move"
	@echo "make test        what must hold: lint, migrations, checks, each test; of those that differ in their parameters"
	@echo "                 only, the first; where CI is set or ARGS names some, every one"
	@echo "make test-all    the same with every one of them"
	@echo "make test-later  the tests that a date could break, three years from now (DAYS=100: in 100 days; needs faketime)"
	@echo "make search      properties and state machines with other examples than make test tries, ten times as many"
	@echo "make coverage    which lines and branches no test reaches, and whether that is below the floor of pyproject.toml"
	@echo "make lint        ruff and mypy only"
	@echo "make benchmarks  the measurements of docs/benchmarks.md"
	@echo "make samples     writes the sample messages of tests/samples anew"
	@echo "make screenshots the pictures of README, taken anew (needs Chromium)"
	@echo "make sbom        a bill of materials (CycloneDX) in .data, and docs/licences.md"
	@echo "make requirements pins what requirements.in and requirements-dev.in need, with hashes; UPGRADE=name: a newer one"
	@echo "make venv        just .venv with everything installed"
	@echo "make clean       removes .venv and all local data"

venv: $(STAMP)

# Installs again whenever a requirements file changed.
$(STAMP): requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "python3 is missing. Install it: apt-get install python3 python3-venv (macOS: brew install python@3.12)"; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1)."; \
	  echo "Install a newer one (apt-get install python3.11 python3.11-venv; macOS: brew install python@3.12), then:"; \
	  echo "make PYTHON=python3.11 test"; \
	  exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing. Install it: apt-get install python3-venv"; \
	  exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# mypy reads the settings, which would start the embedded database if none were named; nothing connects to this one.
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DATABASE_URL=postgres://nobody@localhost/none $(BIN)/mypy

# As many workers as tests/support/running_order.py says, which also deals the tests out.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --dist=loadgroup --no-loadscope-reorder

# Half of the suite's seconds go into the further parameters of tests whose first ones ran: those are for CI.
test: PICKED := $(if $(CI)$(ARGS),,--one-of-each)
test test-all: lint
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	$(PYTEST) $(PICKED) $(ARGS)

search: $(STAMP)
	TIPOSYNC_SEARCH=1 $(PYTEST) -m "hypothesis or state_machine" $(ARGS)

# Without what works in processes of its own, which are killed: those tell nobody what they ran.
coverage: $(STAMP)
	$(BIN)/python -m coverage erase
	$(subst -m pytest,-m coverage run -m pytest,$(PYTEST)) -m "not process and not browser" $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

# With the clock moved on, the database's included. Time limits keep to the monotonic clock, which runs on untouched.
# PostgreSQL's own time limits do not end there: what waits for one is left out. So is what kills a worker before each of
# its statements: no date has a part in that. Of tests that differ in their parameters only, the first: a date that has
# passed fails them all. `make test-later EACH=` runs every one.
DAYS ?= 1096
LATER ?= tests/orders tests/stores tests/syncing --ignore=tests/syncing/catalogue
EACH ?= --one-of-each

test-later: $(STAMP)
	@command -v faketime >/dev/null || { echo "faketime is missing. Install it: apt-get install faketime"; exit 1; }
	PYTHONPATH=tests/later FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -m -f "+$(DAYS)d" $(PYTEST) \
	  -m "not state_machine and not process" -k "not worker_dies and not worker_that_dies and not waits_for_a_lock" $(EACH) $(LATER) $(ARGS)

demo: $(STAMP)
	@$(BIN)/python -m tests.demo $(ARGS)

benchmarks: $(STAMP)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

samples: $(STAMP)
	@TIPOSYNC_WRITE_SAMPLES=1 $(BIN)/python -m pytest -q tests/test_samples.py

# CI=true: a missing browser is a failure, not a reason to skip.
screenshots: $(STAMP)
	CI=true TIPOSYNC_SCREENSHOTS=true $(BIN)/python -m pytest -q tests/browser/test_pictures.py $(ARGS)
	@ls -l tests/browser/screenshots

# Hashes of all files that the index has of a version: for every platform and every Python from 3.11 on.
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/uv pip compile --quiet --universal \
  --python-version 3.11 --generate-hashes --no-strip-extras $(addprefix --upgrade-package ,$(UPGRADE))

requirements: $(STAMP)
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt

sbom: $(STAMP)
	@$(BIN)/python -m tests.supply

clean:
	rm -rf $(VENV) .data static .mypy_cache .pytest_cache .ruff_cache .hypothesis
