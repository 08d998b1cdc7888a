# One command for everything. `make` alone lists them.
PYTHON ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
WITHIN := $(BIN)/python -m orchestration.warehouse.within
# Every process has a server of its own; what shares a fixture stays in one process.
PARALLEL := -n logical --maxprocesses 4
UNIT := $(BIN)/python -m pytest -m "not long and not thorough" \
	--durations=0 --durations-min=1 -q
# What a check rests on: the files, and the folders, which tell of one that is gone.
FIND = $(shell find $(1) -name __pycache__ -prune -o '(' -type d -o -name '$(2)' ')' -print)
RULES := pyproject.toml $(INSTALLED)
CHECKED := .daybook/check

# Nothing that runs here calls home.
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help setup demo dev test test-long conformance check check-style check-types check-sql \
	check-unit check-house bench fix build docs schema clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(INSTALLED)  ## install everything into .venv

$(INSTALLED): requirements.lock pyproject.toml
	@.ci/setup $(PYTHON)

demo: setup  ## a simulated marketplace from landing files to a report
	@$(BIN)/daybook demo

dev: setup  ## the Dagster UI on the same data, schedules running; WRITE=1 may launch
	@$(BIN)/daybook dev $(if $(WRITE),--write)

test: setup  ## every test but the long ones
	@$(BIN)/python -m pytest $(PARALLEL)

test-long: setup  ## every test with its full counts
	@$(BIN)/python -m pytest $(PARALLEL) -m "long or not long"

conformance: setup  ## questions with published answers, asked of our tables
	@$(BIN)/python -m pytest -q -s tests/conformance/test_questions.py

check: setup  ## style, types, SQL, unit and house tests; no database
	@$(MAKE) --no-print-directory -j2 check-types check-unit check-sql check-house check-style

check-style:
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .

# Types and SQL are checked where something changed since they were found good.
check-types: $(CHECKED)/types

check-sql: $(CHECKED)/sql

$(CHECKED)/types: $(call FIND,orchestration,*.py) $(RULES)
	@$(BIN)/basedpyright && mkdir -p $(@D) && touch $@

# A model is its own; what a macro or a rule changes is in any of them.
$(CHECKED)/sql: $(call FIND,dbt_project,*.sql) $(call FIND,dbt_project/lint,*.py) $(RULES)
	@$(BIN)/sqlfluff lint --nocolor --disable-progress-bar \
		$(if $(filter-out dbt_project/models/%.sql,$?),dbt_project,$?)
	@mkdir -p $(@D) && touch $@

check-unit:
	@$(UNIT) tests/unit

check-house:
	@$(UNIT) tests/house

bench: setup  ## ratios against peers, measured here
	@for file in benchmarks/[a-z]*.py; do \
		$(BIN)/python -m "benchmarks.$$(basename "$$file" .py)" || exit 1; done

fix: setup  ## format and repair what can be repaired
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .
	@$(BIN)/sqlfluff fix --force --quiet dbt_project

build: setup  ## all models, on the warehouse as it is
	@$(WITHIN) dbt build --project-dir dbt_project

docs: setup  ## the dbt docs, into .daybook/dbt/target
	@$(WITHIN) dbt docs generate --project-dir dbt_project

schema: setup  ## docs/schema.md, from a fresh database
	@DAYBOOK_HOME=.daybook/schema DAYBOOK_DATABASE_URL= $(BIN)/daybook show schema > docs/schema.new
	@mv docs/schema.new docs/schema.md; rm -rf .daybook/schema

clean:  ## stop the server, delete .daybook with its data and all caches
	@if [ -x $(BIN)/python ]; then $(WITHIN) --stop; fi
	@rm -rf .daybook .pytest_cache .ruff_cache .hypothesis build *.egg-info
