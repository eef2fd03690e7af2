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
LOCK := infra/lock/requirements.txt infra/lock/build.txt infra/lock/sources.toml

# The suite in two processes (tests/plugin.py): what starts Airflow, a whole stack or a browser comes first and stays in
# one, every other file goes to whichever is free. ARGS come last and win: ARGS='-n 0 tests/unit/test_docs.py'.
# Two processes share the cores: a thread that waits must sleep, not spin.
SUITE := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

KILLS ?= 1000
COUNT ?= 10000
SEED ?=

.PHONY: help env demo up down status test test-quick coverage lint sbom faults mutations clean
.NOTPARALLEL:

help: ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18
	@echo
	@echo '  PHOTOS=folder   demo: your own photographs    RECIPE=name   demo: another recipe'
	@echo '  NAME=main       the stack, in .local/NAME     TORCH_INDEX=  package index for torch (CPU or CUDA build)'

env: $(STAMP) ## Make the environment in .venv, from the lock

$(STAMP): $(LOCK) pyproject.toml restoration/publish/vendored.toml infra/env/install.py
	@command -v '$(PYTHON)' >/dev/null || { echo 'There is no $(PYTHON); name one: make env PYTHON=python3.12'; exit 3; }
	@$(PYTHON) infra/env/install.py --venv '$(VENV)' --torch '$(TORCH)' --torch-index '$(TORCH_INDEX)'
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
	@$(SUITE) $(ARGS)

test-quick: env ## The unit tests without the slow ones, in less than two minutes
	@$(SUITE) tests/unit -m 'not slow' $(ARGS)

coverage: env ## The whole suite, and which lines of the package it reaches
	@$(SUITE) --cov=restoration --cov-report=term:skip-covered $(ARGS)

lint: env ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

sbom: env ## What it is made of: build/sbom.cdx.json (CycloneDX) and build/licences.md
	@$(BIN)/python infra/sbom/write.py build

faults: env ## A long run of faults over 500 small scans, from a seed: KILLS=1000 SEED=n
	@$(BIN)/python -m tests.faults --kills '$(KILLS)' $(if $(SEED),--seed '$(SEED)') $(ARGS)

mutations: env ## Mutated scans through the decoder, from a seed: COUNT=10000 SEED=n
	@$(BIN)/python -m tests.faults.mutations --count '$(COUNT)' $(if $(SEED),--seed '$(SEED)') $(ARGS)

clean: ## Stop the stack and remove .local and all caches; .venv and pulled models stay
	@test ! -x $(BIN)/restoration || for folder in .local/*/; do \
	  test ! -d "$$folder" || $(BIN)/restoration down --name "$$(basename "$$folder")" || exit; done
	rm -rf .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
