# Leerstroom: `make` lists what it can do. Needs Python 3.11 to 3.13, make, and a package index; everything else is set up in .venv and var/.

.DEFAULT_GOAL := help
.SUFFIXES:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.set-up
PYTHON ?= $(shell for each in python3.12 python3.13 python3.11 python3; do \
            $$each -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && command -v $$each && break; done)
# what a fresh machine has to say about its package index is said to pip; uv is told the same
UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
ifneq ($(strip $(UV_DEFAULT_INDEX)),)
export UV_DEFAULT_INDEX
endif

.PHONY: help setup demo clean-demo serve test test-slow test-spark test-live conformance soak fuzz fuzz-guided lint types audit check bench lock docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## build the environment in .venv from requirements/dev.txt (done by every target that needs it)

$(STAMP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make setup: no Python 3.11, 3.12 or 3.13 with venv found; install one or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Building .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1' 2>/dev/null || echo "uv cannot be installed here; pip takes a minute longer"
	@if test -x $(BIN)/uv && $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt; then :; else \
	  echo "Installing with pip"; $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt; fi
	@if test -x $(BIN)/uv && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .; then :; else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; fi
	@touch $@

demo: $(STAMP) ## three recorded weeks of a town hall through the real Dag; prints where report, workbook and tables lie (CLEAN=1 starts anew)
	@$(BIN)/python -m leerstroom_airflow.demo $(if $(CLEAN),--clean)

clean-demo: ## forget the demo: removes var/demo
	@rm -rf var/demo

serve: $(STAMP) ## left running on localhost: Airflow, the LRS, the report; of the demo, or with SETTINGS=leerstroom.yaml your own; Ctrl-C stops all
	@$(BIN)/python -m leerstroom_airflow.serve $(SETTINGS)

test: $(STAMP) ## all tests but the slow ones
	@$(BIN)/pytest -q -n 4 --dist loadgroup -m "not slow and not live and not soak" $(ARGS)

test-slow: $(STAMP) ## tests that start real servers and schedulers
	@$(BIN)/pytest -q -m "slow and not soak" $(ARGS)

test-spark: $(STAMP) ## the indicators on Spark beside DuckDB and PostgreSQL, value by value; wants Java, installs pyspark where it is absent
	@java="$${JAVA_HOME:+$$JAVA_HOME/bin/}java"; version=$$("$$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p') || true; \
	  test "$${version:-0}" -ge 17 || { echo "make test-spark: Spark wants Java 17 or later and $$java is $${version:-not there}; install one (Debian: apt install openjdk-17-jre-headless) or name its folder in JAVA_HOME" >&2; exit 2; }
	@if test -x $(BIN)/uv && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --requirements requirements/spark.txt; then :; else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/spark.txt; fi
	@$(BIN)/pytest -q tests/indicators/test_engines.py $(ARGS)

test-live: $(STAMP) ## tests against servers that others wrote; they skip what is not installed
	@$(BIN)/pytest -q -m "live and not slow" $(ARGS)

conformance: $(STAMP) ## ADL's suite against the LRS; SUITE=FOLDER says where it lies, its npm packages installed
	@test -n "$(SUITE)" || { echo "make conformance SUITE=FOLDER: name the folder of adlnet/lrs-conformance-test-suite, after npm install there" >&2; exit 2; }
	@LEERSTROOM_ADL_SUITE="$(abspath $(SUITE))" $(BIN)/pytest -q -s tests/lrs/test_adl_suite.py $(ARGS)

soak: $(STAMP) ## 200 nights under faults (NIGHTS), for twenty minutes at most (LEERSTROOM_SOAK_MINUTES; LEERSTROOM_SOAK_SEED: others)
	@LEERSTROOM_SOAK_NIGHTS=$(or $(NIGHTS),200) $(BIN)/pytest -q -n 2 -m soak tests/soak $(ARGS)

fuzz: $(STAMP) ## a million bad inputs over everything that reads (INPUTS, LEERSTROOM_FUZZ_SEED); takes a quarter of an hour of two cores
	@LEERSTROOM_FUZZ=$(or $(INPUTS),1000000) $(BIN)/pytest -q -n 2 tests/fuzz $(ARGS)

fuzz-guided: $(STAMP) ## fuzzing that follows coverage: SECONDS for each target (TARGETS="zoom lrs", JOBS); wants atheris, keeps what it finds in var/fuzz
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements/fuzz.txt \
	  || { echo "make fuzz-guided: there is no atheris for $$(uname -sm) and $$($(BIN)/python --version); it has wheels for Linux and Python 3.11 to 3.13" >&2; exit 2; }
	@$(BIN)/python tests/fuzz/guided.py --seconds $(or $(SECONDS),60) --jobs $(or $(JOBS),2) $(ARGS) $(TARGETS)

lint: $(STAMP) ## ruff, its formatter, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ." >&2; exit 1; }
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo 2>/dev/null || PYTHONPATH=. $(BIN)/lint-imports

types: $(STAMP) ## mypy --strict on connectors, leerstroom and the provider
	@$(BIN)/mypy

audit: $(STAMP) ## bill of materials in var/sbom.json, and advisories against what is locked
	@$(BIN)/python .ci/audit.py

check: lint types audit test ## what a commit should pass

bench: $(STAMP) ## every measure beside its reference and target, as a table and in var/bench (QUICK=1: a tenth of the size, ARGS="--only lrs")
	@$(BIN)/python tests/bench/measures.py $(if $(QUICK),--quick) $(ARGS)

lock: $(STAMP) ## write requirements/*.txt anew
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --extra airflow --extra celery --extra mysql --extra postgres --extra s3 pyproject.toml --output-file requirements/runtime.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --extra airflow --extra celery --extra mysql --extra postgres --extra s3 --group test --group lint --group audit --constraints requirements/runtime.txt pyproject.toml --output-file requirements/dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --group pyproject.toml:fuzz --output-file requirements/fuzz.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --group pyproject.toml:spark --output-file requirements/spark.txt

docs: $(STAMP) ## write docs/cli.md, docs/platforms.md and the platforms of README.md out of the code
	@$(BIN)/python -m leerstroom.cli.reference
	@$(BIN)/python -m leerstroom.statements.profile

clean: ## remove caches and everything that can be made again: the environment, the demo (not what else lies in var/)
	@rm -rf $(VENV) var/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
