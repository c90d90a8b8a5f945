# Targets first set up .venv if it is missing or the requirements have changed.
PYTHON ?= python3
BIN := .venv/bin
# DVC runs `python`, which must be the one in .venv:
export PATH := $(CURDIR)/$(BIN):$(PATH)

# The revision that `compare`, `summary` and `gate` compare the workspace with.
BASE ?= main
export BASE # the commands below quote it, because a branch can have any name

# The accuracy that `gate` requires.
MIN_ACCURACY ?= 0.99

# For `make recipe` and `make accuracy`: the name of a recipe. For `make accuracy` only: the number of seeds, and
# parameters to override, such as SET='train.precision=fp32 split.seed=1'.
RECIPE ?=
SEEDS ?=
SET ?=

.PHONY: help repro test quick unit check format docs recipe compare summary gate accuracy demo experiments
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

repro: .venv/installed ## run the stages whose inputs have changed
	@$(BIN)/python -m tools.repair
	$(BIN)/dvc repro

test: .venv/installed-dev ## run all tests
	$(BIN)/pytest

quick: .venv/installed-dev ## run the linter, the type checker and the unit tests, in half a minute
	@$(MAKE) --no-print-directory --jobs=2 check unit

unit: .venv/installed-dev
	$(BIN)/pytest --quiet --dist=worksteal tests/unit # the fixtures of these modules are cheap

check: .venv/installed-dev ## run the linter and the type checker
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy

format: .venv/installed-dev ## format the code, and fix what the linter can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: .venv/installed ## write docs/parameters.md, and the comments and missing parameters in params.yaml
	$(BIN)/python -m tools.docs

recipe: .venv/installed ## write a recipe into params.yaml: RECIPE=accurate; without RECIPE, list the recipes
	@$(BIN)/python -m tools.recipe $(RECIPE)

experiments: .venv/installed ## list the experiments by validation accuracy, with the parameters that vary
	@$(BIN)/dvc exp show --hide-failed --only-changed --drop '.*/.*|(train|validation)\.loss|(test|plan)\..*' \
		--keep '(test|validation)\.accuracy' --sort-by validation.accuracy --sort-order desc

compare: .venv/installed ## compare the workspace with a revision: BASE=main
	@$(BIN)/python -m tools.compare "$$BASE"

summary: .venv/installed ## print the comparison, the plots and DVC's diffs as Markdown: BASE=main
	@echo '# Metrics'
	@$(BIN)/python -m tools.compare "$$BASE" --html comparison.html 2>&1 || true # an error belongs in the summary too
	@$(BIN)/python -m tools.plots
	@echo '## Parameters and metrics, as DVC sees them'
	@$(BIN)/dvc params diff --md "$$BASE"
	@$(BIN)/dvc metrics diff --md "$$BASE"

gate: .venv/installed ## fail if the workspace's accuracy is too low, or significantly worse than a revision's: MIN_ACCURACY=0.99 BASE=main
	@$(BIN)/python -m tools.compare "$$BASE" --gate --min-accuracy $(MIN_ACCURACY)

demo: .venv/installed-demo ## serve a page for trying out the exported model; run `make repro` first
	@$(BIN)/python -m tools.demo

accuracy: .venv/installed ## measure a recipe's accuracy over seeds: RECIPE=accurate SEEDS=5
	$(BIN)/dvc repro --quiet split
	$(BIN)/python -m benchmarks.accuracy $(or $(RECIPE),default) $(SEEDS) $(SET:%=--set %)

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-demo: requirements-demo.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-demo.txt
	touch $@

.venv/installed-dev: requirements-dev.txt requirements-demo.txt requirements-remote.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
