PYTHON ?= python3
BIN = .venv/bin

.venv/ready: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv && $(BIN)/pip install -q -c constraints.txt -e ".[dev]" && touch $@

demo: .venv/ready
	$(BIN)/python examples/demo.py

test: .venv/ready
	$(BIN)/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile

check: .venv/ready
	$(BIN)/ruff check . && $(BIN)/mypy

bench: .venv/ready
	$(BIN)/python benchmarks/latency.py

.PHONY: demo test check bench
