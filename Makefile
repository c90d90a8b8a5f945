# Every target sets up .venv first, and only when the requirements have changed.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro test check format

repro: .venv/installed ## run what has changed of the pipeline
	dvc repro

test: .venv/installed-dev ## run all tests
	pytest

check: .venv/installed-dev ## linter, formatter and type checker
	ruff check
	ruff format --check
	mypy

format: .venv/installed-dev ## let linter and formatter mend what they can
	ruff check --fix
	ruff format

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

constraints.txt: ## after a direct pin has changed: make --always-make constraints.txt
