# Each target makes .venv as it needs it. Another interpreter: make PYTHON=python3.12 demo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := engine trainer benchmarks
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# What is installed is remembered in these files, so a second run installs nothing.
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed

.PHONY: demo setup fmt lint typecheck test test-gpu bench wheel clean help

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: $(RUNTIME)  ## Unmask the example photo and clip (installs the runtime only, no torch)
	$(BIN)/ecgan unmask examples/astronaut_masked.jpg examples/astronaut_masked.mp4 \
		--expression happy --output demo --overwrite
	@echo
	@for name in jpg mp4; do \
		echo "before: examples/astronaut_masked.$$name    after: demo/astronaut_masked.$$name"; done

setup: $(DEV)  ## Install everything that developing needs

fmt: $(DEV)  ## Format the code
	$(BIN)/ruff check --fix --quiet --select I .
	$(BIN)/ruff format .

lint: $(DEV)  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(DEV)  ## Check types
	@mkdir -p .typecheck/ecgan
	@for package in $(PACKAGES); do ln -sfn ../../$$package .typecheck/ecgan/$$package; done
	$(BIN)/python -m mypy

# Processes of their own: TensorRT, OpenVINO and torch's training in one have crashed.
ENGINES := tests/engine/tensorrt tests/trainer/export/test_engines.py

test: $(DEV)  ## Run all tests
	$(BIN)/python -m pytest -q -rs --ignore=tests/trainer $(ENGINES:%=--ignore=%)
	$(BIN)/python -m pytest -q -rs $(ENGINES)
	$(BIN)/python -m pytest -q -rs tests/trainer $(ENGINES:%=--ignore=%)

test-gpu: $(DEV)  ## Run the tests that need an NVIDIA GPU
	$(BIN)/python -m pytest -q -rs -m gpu

bench: $(DEV)  ## Measure the networks on the runtimes of this machine
	$(BIN)/ecgan benchmark --quick

wheel: $(DEV)  ## Build a wheel into dist/
	$(BIN)/python -m build --wheel

clean:  ## Remove what was built; keeps .venv and runs
	rm -rf build dist demo .typecheck .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find $(PACKAGES) ecgan_cli tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "ecgan needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e .
	@touch $@

$(DEV): $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[train,rtx,openvino,dev]'
	@touch $@ $(RUNTIME)
