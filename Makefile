# Every target sets up .venv first, and only when the requirements have changed.
PYTHON ?= python3
BIN := .venv/bin
# dvc runs `python`:
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test check format compare summary gate accuracy

# What compare, summary and gate compare the workspace with.
BASE ?= main

# What accuracy trains, and how often; by default 5 times, or as often as the recipe has members.
RECIPE ?= recipes/default.yaml
SEEDS ?=

repro: .venv/installed
	$(BIN)/dvc repro

test: .venv/installed-dev
	$(BIN)/pytest

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

compare: .venv/installed
	@$(BIN)/python -m tools.compare $(BASE)

summary: .venv/installed
	@echo '# Metrics'
	@$(BIN)/python -m tools.compare $(BASE) --html comparison.html 2>&1 || true # what is wrong belongs here as well
	@$(BIN)/python -m tools.plots
	@echo '## Parameters and metrics, as DVC sees them'
	@$(BIN)/dvc params diff --md $(BASE)
	@$(BIN)/dvc metrics diff --md $(BASE)

gate: .venv/installed
	@$(BIN)/python -m tools.compare $(BASE) --gate --min-accuracy 0.99

accuracy: .venv/installed
	$(BIN)/dvc repro --quiet split
	$(BIN)/python -m benchmarks.accuracy $(RECIPE) $(SEEDS)

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
