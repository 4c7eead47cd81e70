# For a newcomer: `make demo` and `make test`. Each does its own set-up.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
RUNTIME := $(PYTHON) -m marketplace.runtime
NAME ?= demo
WORKERS ?= 2

# Python 3.13 from the path, from pyenv, or under the name python3.
SETUP = @for python in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python3.13 python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then \
	    exec "$$python" marketplace/runtime/venv.py $(1); \
	  fi; \
	done; \
	echo "Wagefile needs Python 3.13; none was found. Install it as python3.13 and run this again." >&2; \
	exit 1

.PHONY: help web dev assets demo test check check-lock check-lint check-format check-templates \
	check-imports check-types check-migrations check-states lock states bench replay format clean

help:
	@echo "make demo [DATA=crowd.csv] [PORT=8000] [GPU=1]   everything on one machine, with sign-ins"
	@echo "make test [ARGS='-k name'] [WORKERS=2]           all tests"
	@echo "make check                                       lock, lint, format, imports, types, ..."
	@echo "make replay DATA=crowd.csv [ITEMS= GOLD= TYPE= LEVEL= SECONDS= REJECT= VIA= OUT= LIMIT= REPEATS=]"
	@echo "make bench [ARGS='scoring robustness signals ledger ...']   docs/benchmarks.md, or sections of it"
	@echo "make lock [UPGRADE=1] | states | assets | format | clean"

web:
	$(call SETUP,web $(if $(filter 1,$(GPU)),gpu))

dev:
	$(call SETUP,dev $(if $(filter 1,$(GPU)),gpu))

# The style sheet and the font; a house makes them itself.
assets: web
	@$(PYTHON) -m marketplace.runtime.assets

demo: web
	@exec $(PYTHON) -m marketplace.runtime.demo $(if $(DATA),--data "$(DATA)")

test:
	$(call SETUP,dev gpu)
	@$(PYTHON) -m marketplace.runtime.assets
	@$(PYTHON) -m marketplace.runtime.browser || true
	@WAGEFILE_TESTING=True $(RUNTIME) run test --fast -- \
	  $(PYTHON) -m pytest -n $(WORKERS) $(ARGS)

# Everything but LIMIT and SECONDS is a word or a path; empty ones are left to the command.
option = $(if $($(1)),--$(2) "$($(1))")
replay: web
	@test -n "$(DATA)" || { echo "Name a crowd: make replay DATA=path.csv" >&2; exit 2; }
	@exec $(RUNTIME) serve $(NAME) -- $(PYTHON) manage.py replay \
	  $(call option,DATA,data) $(call option,ITEMS,items) $(call option,GOLD,gold) \
	  $(call option,TYPE,type) $(call option,LEVEL,level) $(call option,SECONDS,seconds) \
	  $(call option,REJECT,reject) $(call option,VIA,via) $(call option,OUT,out) \
	  $(call option,LIMIT,limit) $(call option,REPEATS,repeats)

# `make --keep-going check` shows every fault at once; .ci/run does.
check: check-lock check-lint check-format check-templates check-imports check-types \
	check-migrations check-states
	@echo "All checks passed."

check-lock: dev
	@echo "-> lock files"
	@$(PYTHON) marketplace/runtime/locks.py --check

check-lint: dev
	@echo "-> ruff check"
	@$(PYTHON) -m ruff check --quiet .

check-format: dev
	@echo "-> ruff format"
	@$(PYTHON) -m ruff format --check --quiet .

TEMPLATES = $(wildcard templates apps/*/templates apps/tasktypes/*/templates)
check-templates: dev
	@echo "-> djlint"
	@$(PYTHON) -m djlint --lint --quiet $(TEMPLATES)

check-imports: dev
	@echo "-> import contracts"
	@.venv/bin/lint-imports --no-logo

check-types: dev
	@echo "-> mypy"
	@WAGEFILE_TESTING=True $(PYTHON) -m mypy

check-migrations: dev
	@echo "-> migrations"
	@WAGEFILE_TESTING=True $(RUNTIME) run test --fast -- \
	  $(PYTHON) manage.py makemigrations --check --dry-run

check-states: dev
	@echo "-> docs/states.md"
	@WAGEFILE_TESTING=True $(RUNTIME) run test --fast -- $(PYTHON) manage.py states --check

states: dev
	@WAGEFILE_TESTING=True $(RUNTIME) run test --fast -- $(PYTHON) manage.py states

bench: dev
	@exec $(PYTHON) -m bench $(ARGS)

lock: dev
	@$(PYTHON) marketplace/runtime/locks.py $(if $(filter 1,$(UPGRADE)),--upgrade)

format: dev
	@$(PYTHON) -m ruff check --fix --quiet . || true
	@$(PYTHON) -m ruff format .

# Stops the servers of this checkout and takes away all that make has made.
clean:
	@if test -x $(PYTHON); then $(RUNTIME) clean; fi
	rm -rf .venv .var node_modules .ruff_cache .mypy_cache .pytest_cache .import_linter_cache
