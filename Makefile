# `make demo` and `make test` need nothing but Python 3.10-3.13; `make image` needs docker, podman or buildah.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help venv test lint demo bench calls image lock clean

help:  ## What can be made
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST)

venv: .venv/made  ## The virtual environment .venv, made again when setup.py changes

.venv/made: setup.py
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 14) else "Python 3.10 to 3.13 is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[tests,lint,demo]'
	touch $@

test: venv  ## All tests; what this machine has no tools for is skipped by name
	$(BIN)/python -m pytest

lint: venv  ## Style, format, types, and which room may import from which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: venv  ## The connector from spec to an incremental sync, against vendors made up on this machine
	$(BIN)/python -m integration_tests.demo

bench: venv  ## The connector beside other tools on the same work; writes docs/performance.md, takes half an hour on a quiet machine
	$(BIN)/python -m benchmarks

calls: venv  ## The calls of a sync of three accounts; writes docs/performance.md, takes ten minutes
	$(BIN)/python -m benchmarks.calls

image:  ## The Docker image
	$(PYTHON) -m integration_tests.image

lock:  ## requirements.lock anew: what the image installs, pinned with hashes, for every Python that is supported
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-config \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' setup.py -o requirements.lock

clean:  ## Removes what was made
	rm -rf .venv build
