# Everything lives in this folder: .venv (packages), build (what is made). ARGS is passed on.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

# The first of these that is a Python 3.11, 3.12 or 3.13; `make PYTHON=… setup` overrides.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

.PHONY: help first-hour setup demo test lint format chaos bench soak fuzz pictures audit clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo '  ARGS="…" is passed on: make demo ARGS="--seconds 300", make test ARGS="-k visits"'

setup: $(STAMP) ## create .venv with everything, once (again when the pins change)

$(STAMP): pyproject.toml constraints.txt
	@$(if $(PYTHON),$(PYTHON),false) -c '$(SUPPORTED)' 2>/dev/null || { \
		echo "This needs Python 3.11, 3.12 or 3.13; found: $$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)."; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python has no venv module here. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV); this takes about a minute, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[test]'
	@touch $(STAMP)

demo: $(STAMP) ## a simulated shop, Kafka, worker and exporter in one go
	@$(BIN)/kpi demo $(ARGS)

first-hour: ## time from clone to moving KPIs, in a clone of its own
	@tests/first_hour.sh

test: $(STAMP) ## all tests (some need Java and Maven, or Chromium, and say so)
	@$(BIN)/python -m pytest $(ARGS)

chaos: $(STAMP) ## 200 faults drawn from a seed, on three brokers and then on one; hours
	@$(BIN)/python -m tests.chaos.marathon $(ARGS)

lint: $(STAMP) ## ruff and mypy, strict; are dashboards and rules as generated?
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/kpi generate --config examples/shop.toml --check

format: $(STAMP) ## let ruff arrange the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure speed against the limit and plain Faust; writes build/bench.json
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(STAMP) ## half of the maximum rate for half an hour: is all flat? writes build/soak.json
	@$(BIN)/python -m tests.soak $(ARGS)

fuzz: $(STAMP) ## hostile bytes into every way in, guided by coverage; keeps what fails in build/fuzz
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench-scale: $(STAMP) ## over workers, partitions, known visitors and rates; writes build/bench-scale.json
	@$(BIN)/python -m tests.bench.scale $(ARGS)

pictures: $(STAMP) ## draw the README's pictures from a real Prometheus over the demo
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[pictures]'
	@$(BIN)/python -m tests.pictures
	@$(BIN)/python -m tests.page.picture docs/pictures/page.png

audit: $(STAMP) ## compare all pins with published advisories; asks the package index
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[audit]'
	@$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt $(ARGS)

clean: ## remove .venv, build and caches
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
