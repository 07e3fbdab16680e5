# make setup | demo | test | check | bench. The README says what each does.

PYTHON ?= python3
PORT ?= 8000
DATASET ?= ml-100k
# An extra wheel index for pip, for instance the one with PyTorch's CPU builds. Empty: pip's own.
WHEEL_INDEX ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
EXTRA_INDEX := $(if $(WHEEL_INDEX),--extra-index-url $(WHEEL_INDEX))

.PHONY: setup demo test check bench clean

setup: .venv/.users

.venv/.users: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sparseshelf needs Python 3.11 or later; name one with make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PIP) install --quiet $(EXTRA_INDEX) --constraint constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(PIP) install --quiet $(EXTRA_INDEX) --constraint constraints.txt --editable '.[trainer,service,report]'
	@touch $@

# What only developers need: test tools, linters, type checkers, a sentence encoder and what drives a browser (about 500 MB).
.venv/.developers: .venv/.users
	$(PIP) install --quiet $(EXTRA_INDEX) --constraint constraints.txt --editable '.[trainer,service,otel,client,segments,report,export,qdrant,dev]'
	@touch $@

# The port is tried first: nobody wants to hear of it after the training.
demo: setup
	@$(BIN)/python -m service --port $(PORT) --check-port
	$(BIN)/python -m trainer fit --dataset $(DATASET) --out artifacts --compare --samples 12
	$(BIN)/python -m service --artifacts artifacts --port $(PORT) --no-auth

test: .venv/.developers
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

check: .venv/.developers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m trainer report --config benchmarks/paper-ml-100k.toml --out reports/ml-100k
	$(BIN)/python -m benchmarks.bench_oracle
	$(BIN)/python -m benchmarks.bench_service

clean:
	rm -rf .venv build *.egg-info artifacts
