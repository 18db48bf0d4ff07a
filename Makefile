# Two commands do all set-up on a fresh machine with Python 3.11+ and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test quick lint docs bench lock clean

demo: $(READY)  ## Report the reference cohort into build/demo
	$(BIN)/aftercart demo --out build/demo

test: $(READY) lint  ## Everything: style, types, tests, worked cases, documentation, browser
	scripts/ensure-system-tools.sh
	$(BIN)/python -m pytest -n auto --dist worksteal

quick: $(READY)  ## The tests that need no browser and take no more than seconds
	$(BIN)/python -m pytest -n auto -m "not slow and not browser"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)  ## The documentation site into build/site
	$(BIN)/python scripts/build_docs.py

bench: $(READY)  ## Ratios of speed, printed (see benchmarks/README.md)
	$(BIN)/python benchmarks/run.py

lock:  ## Rewrite requirements.lock (needs uv); no registry host enters the file
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra all --group dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf build $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("aftercart needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src  # as an ordinary installation does
	touch $(READY)
