# `make demo` and `make test` need Python 3.10 to 3.13 and a package index; `make image` needs docker, podman or buildah.
PYTHON ?= python3
BIN := .venv/bin
DBT := cd dbt && DBT_TARGET_PATH=../build/dbt DBT_LOG_PATH=../build/dbt/logs ../.venv-dbt/bin/dbt --quiet

.PHONY: help venv test unit lint demo dbt bench calls simulate mutants image lock clean

help:  ## Lists these targets
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST)

venv: .venv/made  ## The virtual environment .venv, made again when setup.py changes

.venv/made: setup.py
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 14) else "Python 3.10 to 3.13 is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[tests,lint,mutants]'
	touch $@

# dbt has its own environment, because it pins other versions than airbyte-cdk does.
.venv-dbt/made: dbt/requirements.txt
	$(PYTHON) -m venv --clear .venv-dbt
	.venv-dbt/bin/python -m pip install --quiet --disable-pip-version-check --requirement dbt/requirements.txt
	touch $@

# Most tests wait for budgets, time-outs and other processes, so there are more workers than cores.
test: venv .venv-dbt/made  ## All tests; those whose tools are missing are skipped and listed
	$(BIN)/python -m pytest -n 6 --dist loadgroup --no-loadscope-reorder

unit: venv  ## The unit tests alone, within a minute
	$(BIN)/python -m pytest unit_tests -n 3 --dist loadfile

lint: venv  ## Style, format, types, and which folder may import from which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: venv .venv-dbt/made  ## Runs the connector from spec to reports in a warehouse, against a stand-in for the vendors
	$(BIN)/python -m integration_tests.demo

dbt: venv .venv-dbt/made build/demo/warehouse.duckdb  ## Builds the reports again on the demo's warehouse, and shows ten rows of the daily one
	$(DBT) build
	$(DBT) show --limit 10 --inline "select vendor, replace(campaign_name, chr(10), ' ') as campaign, date_day, sends, clicks, cast(revenue as decimal(18, 2)) as revenue \
		from {{ ref('campaign_stats__daily') }} order by date_day desc, sends desc nulls last"

build/demo/warehouse.duckdb:
	$(MAKE) demo

bench: venv  ## Compares the connector with other tools on the same work; writes docs/performance.md, takes an hour on a quiet machine
	$(BIN)/python -m benchmarks

calls: venv  ## Counts the calls of syncs of three accounts; writes docs/performance.md, takes ten minutes
	$(BIN)/python -m benchmarks.calls

simulate: venv  ## Plays random histories of accounts and syncs with faults; HISTORIES=10000 plays more, in about an hour
	$(BIN)/python -m integration_tests.simulator --histories $(or $(HISTORIES),100)

mutants: venv  ## Changes the code in small ways, and lists the changes that no test notices; SAMPLE=40 makes only 40 of them
	$(BIN)/python -m unit_tests.mutants $(if $(SAMPLE),--sample $(SAMPLE))

image:  ## Builds the Docker image
	$(PYTHON) -m integration_tests.image

lock:  ## Writes requirements.lock: what the image installs, pinned with hashes, for every supported Python
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-config \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' setup.py -o requirements.lock

clean:  ## Removes the environments, `build` and `mutants`
	rm -rf .venv .venv-dbt build mutants
