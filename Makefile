# `make demo` and `make test` do all their own set-up. Everything lives in .venv in this folder.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo run test soak check format bench lock servers clean

setup: .venv/.complete

.venv/.complete: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "truename needs Python 3.11 or newer; call: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# With a terminal a server whose notes come right; without one the list, once.
demo: setup
	@if [ -t 1 ]; then $(BIN)/truename demo; else $(BIN)/truename demo --once; fi

run: setup
	@$(BIN)/truename serve

# All tests, against the real servers; four files at a time, since most of them wait for something, the longest ones first.
test: setup servers
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

# The long forms of the tests that have one, for about twenty minutes; what each of them did is printed at the end.
soak: setup
	TRUENAME_TESTS_SOAK=1 $(BIN)/python -m pytest -m soak -rP --durations 0

# Seconds: format, lint, types, imports and the tests without I/O.
check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 tests/unit

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m bench

# The servers that the tests run against, from Debian's packages.
servers:
	@scripts/install-servers requirements/debian.txt

lock: setup
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header --quiet -o requirements/runtime.lock
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header --quiet --all-extras --group dev -o requirements/dev.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
