# Everything a checkout can do. `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
NAME ?= main
TORCH ?= torch==2.13.0
# Where torch comes from: empty for the index pip is set up with; an address for the build of your choice, for instance
# the one PyTorch's own site names for your version of CUDA, or for the CPU alone.
TORCH_INDEX ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# Compiling 30,000 files to bytecode costs more than it saves: Python does it for those that are imported.
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-compile --progress-bar off

.PHONY: help env demo up down status test lint clean
.NOTPARALLEL:

help: ## Show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18
	@echo
	@echo '  PHOTOS=folder   demo: your own photographs    RECIPE=name   demo: another recipe'
	@echo '  NAME=main       the stack, in .local/NAME     TORCH_INDEX=  package index for torch (CPU or CUDA build)'

env: $(STAMP) ## Make the environment in .venv, from the lock

$(STAMP): infra/lock/requirements.txt pyproject.toml restoration/publish/vendored.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'This needs Python 3.11 or newer; name one: make env PYTHON=python3.12'; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo 'This Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv'; exit 3; }
	@test -x $(BIN)/python || { echo 'Making $(VENV) ...'; $(PYTHON) -m venv $(VENV); }
	@echo 'Installing torch ...'
	@$(PIP) setuptools==84.2.1
	@$(PIP) -c infra/lock/requirements.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)'
	@echo 'Installing what the lock names ...'
	@$(PIP) --no-deps --no-build-isolation -r infra/lock/requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python infra/vendor/fetch.py
	@touch $@

demo: env ## Restore a collection through the whole system; PHOTOS=folder for your own
	@$(BIN)/restoration demo --name '$(NAME)' $(if $(PHOTOS),--photos '$(PHOTOS)') $(if $(RECIPE),--recipe '$(RECIPE)')

up: env ## Start Postgres, Redis, S3, Airflow, a worker and the review page, and keep them running
	@$(BIN)/restoration up --name '$(NAME)'

down: env ## Stop them; the data stay
	@$(BIN)/restoration down --name '$(NAME)'

status: env ## What runs, where, and how much memory it takes
	@$(BIN)/restoration status --name '$(NAME)'

test: env ## The whole suite, against services that it starts itself
	@$(BIN)/python -m pytest $(ARGS)

lint: env ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean: ## Stop the stack and remove .local and all caches; .venv and pulled models stay
	@test ! -x $(BIN)/restoration || for folder in .local/*/; do \
	  test ! -d "$$folder" || $(BIN)/restoration down --name "$$(basename "$$folder")" || exit; done
	rm -rf .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
