# Each target sets up what it needs; nothing but python3 (3.11 or newer, with venv) is asked for.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check sabotage bench kafka docs lock clean

help:
	@echo "make demo      see it work, in about a minute (DEMO_ARGS='--contacts 50000 --days 3')"
	@echo "make test      every test, on a real broker (TEST_ARGS='-k offsets')"
	@echo "make check     format, lint, types, layers, generated docs"
	@echo "make sabotage  does a test notice each broken promise? (SABOTAGE_ARGS='--only overlap')"
	@echo "make bench     CPU per million rows, delivered rate (BENCH_ARGS=--json)"
	@echo "make kafka     a broker of your own on a free port, until Ctrl-C"
	@echo "make docs      write the generated pages of docs/"
	@echo "make lock      resolve the dependencies anew"

demo: $(VENV)/sandbox.stamp
	$(BIN)/hightide demo $(DEMO_ARGS)

test: $(VENV)/dev.stamp
	$(BIN)/pytest $(TEST_ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m worker.operate.docs --check

sabotage: $(VENV)/dev.stamp
	$(BIN)/python -m tests.sabotage $(SABOTAGE_ARGS)

bench: $(VENV)/sandbox.stamp
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

kafka: $(VENV)/sandbox.stamp
	$(BIN)/hightide sandbox kafka --folder .state/kafka

docs: $(VENV)/dev.stamp
	$(BIN)/python -m worker.operate.docs

# A virtual environment from the hash-locked list of the same name, remade when the list changes.
$(VENV)/%.stamp: requirements/%.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Hightide needs Python 3.11 or newer: set PYTHON=python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Newest versions that pyproject.toml permits, each list a part of the next; no index address in any.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --generate-hashes --universal \
	--python-version 3.11 --no-header

lock: $(VENV)/dev.stamp
	$(COMPILE) -o requirements/runtime.txt
	$(COMPILE) --extra sandbox -c requirements/runtime.txt -o requirements/sandbox.txt
	$(COMPILE) --extra sandbox --group dev -c requirements/sandbox.txt -o requirements/dev.txt
	$(BIN)/uv pip compile --group build --quiet --generate-hashes --universal \
		--python-version 3.11 --no-header -c requirements/dev.txt -o requirements/build.txt

clean:
	rm -rf $(VENV) .state .mypy_cache .ruff_cache .pytest_cache
