# Everything runs in .venv, which the first target that needs it creates. Only Python >= 3.11 is needed.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-kafka kafka test simulate faults soak lint format types bench reference contracts lock clean

# The interpreter that .venv is made with. Say `make setup PYTHON=/path/to/python3.12` to choose one.
PYTHON ?=
# More arguments for pytest, e.g. `make test ARGS="-k claim -x"`; for the demo, `make demo ARGS="--seed 7"`.
ARGS ?=
# How many schedules `make simulate` plays, and the seeds of `make faults`.
SEEDS ?= 1000
FAULT_SEEDS ?= 1 2
# How many processes `make test` runs tests in; many tests only wait for other processes.
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.ready

help:  ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36m%-10s\033[0m %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## Create .venv with the pinned packages and leadflow itself
	@echo "Ready. Activate it with: . .venv/bin/activate"

$(STAMP): pyproject.toml requirements-dev.txt
	@set -e; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  found=""; \
	  for candidate in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11 python; do \
	    if [ -n "$$candidate" ] && command -v "$$candidate" >/dev/null 2>&1 && \
	       "$$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	    then found="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "LeadFlow needs Python 3.11 or newer with its venv module, and none is on the PATH." >&2; \
	    echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make setup PYTHON=..." >&2; \
	    exit 3; \
	  fi; \
	  echo "Creating .venv with $$found"; \
	  "$$found" -m venv --clear .venv; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)  ## Play a sales team's month and show what LeadFlow knows of it
	@$(BIN)/leadflow demo $(ARGS)

demo-kafka: $(STAMP)  ## The same on a real Kafka of its own, with a decider and a projector as processes
	@$(BIN)/python docker/kafka/demo.py $(ARGS)

kafka: $(STAMP)  ## Run a real Kafka on this machine until interrupted, e.g. `make kafka ARGS="--port 9092"`
	@$(BIN)/python docker/kafka/local_kafka.py $(ARGS)

test: lint types  ## Lint, types and every test (import direction and README's commands are tests)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

simulate: $(STAMP)  ## Deciders on a simulated Kafka, e.g. `make simulate SEEDS=10000`
	@PYTHONPATH=src:. $(BIN)/python -m tests.simulation $(SEEDS) $(ARGS)

# Deciders and brokers; projectors and Postgres.
FAULTS := tests/faults tests/integration/kafka/test_projector.py tests/integration/kafka/test_projector_faults.py

faults: $(STAMP)  ## Every fault on a real Kafka, once for each of `FAULT_SEEDS="1 2"`
	@set -e; for seed in $(FAULT_SEEDS); do \
	  echo "== seed $$seed"; \
	  LEADFLOW_TEST_SEED=$$seed $(BIN)/python -m pytest $(FAULTS) -s $(ARGS); \
	done

soak: $(STAMP)  ## The same for an hour or more
	@$(MAKE) faults FAULT_SEEDS="1 2 3 4 5 6 7 8"
	@$(MAKE) simulate SEEDS=100000

lint: $(STAMP)  ## Style and format of the code, changing nothing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(STAMP)  ## Bring the code into format and repair what ruff can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

types: $(STAMP)  ## Check the types, strictly
	$(BIN)/python -m mypy

bench: $(STAMP)  ## Measure speed, growth and memory (nothing is asserted about time)
	@set -e; for file in tests/benchmarks/bench_*.py; do \
	  [ -e "$$file" ] || { echo "No tests/benchmarks/bench_*.py to run."; exit 2; }; \
	  echo "== $$file"; PYTHONPATH=.:docker/kafka $(BIN)/python "$$file" $(ARGS); done

reference: $(STAMP)  ## Write docs/reference/commands.md from the commands
	$(BIN)/python -m leadflow.cli.reference > docs/reference/commands.md

contracts: $(STAMP)  ## Publish what is new of the contracts; refused where it would break readers or writers
	$(BIN)/python -m leadflow.contracts.publishing

lock: $(STAMP)  ## Renew requirements-dev.txt, the pinned versions of everything
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet --upgrade --extra dev \
	  --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  --output-file requirements-dev.txt pyproject.toml

clean:  ## Remove .venv and everything that was built
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis .pytest_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
