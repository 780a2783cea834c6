PYTHON ?= python3
BIN := .venv/bin
COMPILE := uv pip compile --quiet --universal --python-version=3.10 --no-strip-extras --generate-hashes
PARALLEL := -n auto --maxprocesses 8 --dist worksteal
E2E := pipedrive_assets_tests/e2e

.DEFAULT_GOAL := help
.PHONY: help try test slow e2e soak check lint format columns openapi docs bench bench-check screenshots snapshot audit lock wheel lowest newest clean

help: ## list the commands
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3 -m venv failed: install Debian's python3-venv"; rm -rf .venv; exit 1; }
	@echo "Installing the packages in requirements.lock (about a minute the first time) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

try: .venv/installed ## load an invented company into DuckDB; each run adds a day
	@$(BIN)/python -m pipedrive_assets try

test: .venv/installed ## run the tests, except those that take long or start processes
	@$(BIN)/python -m pytest $(PARALLEL) $(if $(COVERAGE),--cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE))

slow: .venv/installed ## rare situations and further cases, which make test leaves out
	@$(BIN)/python -m pytest -m "slow and not e2e and not soak" $(PARALLEL)

e2e: .venv/installed ## subprocesses, real ports, a browser; first a test of timing, alone
	@$(BIN)/python -m pytest -m "e2e and not soak" $(E2E)/test_pace.py
	@$(BIN)/python -m pytest -m "e2e and not soak" -n 4 --dist loadfile --no-loadscope-reorder --ignore $(E2E)/test_pace.py $(E2E)

soak: .venv/installed ## every case of every table, fault and place, and a simulated month with many seeds (SOAK_SEEDS=20): hours
	@$(BIN)/python -m pytest -m soak $(PARALLEL)
	@SOAK_SEEDS=$${SOAK_SEEDS:-20} $(BIN)/python -m pytest -m e2e $(PARALLEL) $(E2E)/test_month.py

check: lint test slow ## run what CI runs, except e2e

lint: .venv/installed ## check style, types, layers, dependencies, spelling and generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff check --preview --select DOC102,DOC202,DOC403 pipedrive_assets tools bench
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .
	@$(BIN)/codespell
	@$(BIN)/python tools/columns.py --check
	@$(BIN)/python tools/docs.py --check

format: .venv/installed ## fix style and format the code
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

columns: .venv/installed ## write the column files from tools/openapi.json and tools/column_overrides.toml
	@$(BIN)/python tools/columns.py

openapi: .venv/installed ## write tools/openapi.json from Pipedrive's official documents (FROM=folder)
	@test -n "$(FROM)" || { echo "FROM is missing. Run: make openapi FROM=<folder with the documents>"; exit 2; }
	@$(BIN)/python tools/openapi.py "$(FROM)"

screenshots: .venv/installed ## update the pictures in docs (needs Debian's chromium)
	@SCREENSHOTS=docs/pictures $(BIN)/python -m pytest -n 0 -m e2e $(E2E)/test_dagster_dev.py

docs: .venv/installed ## update the generated parts of README and docs
	@$(BIN)/python tools/docs.py

bench: .venv/installed ## run the benchmark (SIZE=1k|10k|100k deals) and update docs/performance.md
	@$(BIN)/python -m bench --size $(or $(SIZE),1k)

bench-check: .venv/installed ## fail if a load takes 25 % more CPU per CPU second of DuckDB than bench/ratios.json
	@$(BIN)/python -m bench --check

snapshot: .venv/installed ## update the snapshot of assets, checks, jobs, schedules and sensors
	@$(BIN)/python tools/snapshot.py

audit: ## list known vulnerabilities of the packages in requirements.lock (needs the network)
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit && .audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@.audit/bin/pip-audit --requirement requirements.lock --disable-pip --require-hashes --strict --progress-spinner off

.uv/bin/uv:
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

lock: .uv/bin/uv ## update requirements.lock and those of the images in deploy from pyproject.toml (needs the network)
	@PATH=.uv/bin:$$PATH; $(COMPILE) --extra=dev --output-file=requirements.lock pyproject.toml
	@PATH=.uv/bin:$$PATH; $(COMPILE) --extra=dagster --extra=charts --extra=dagster-postgres --constraint=requirements.lock --output-file=deploy/requirements.lock pyproject.toml
	@PATH=.uv/bin:$$PATH; $(COMPILE) --extra=dagster --extra=charts --extra=dagster-postgres --constraint=requirements.lock --output-file=deploy/kubernetes/requirements.lock pyproject.toml deploy/kubernetes/requirements.in

wheel: .venv/installed ## build dist/*.whl, for pip install elsewhere
	@rm -rf build dist
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build
	@ls dist/*.whl

lowest: .uv/bin/uv ## run the tests with the lowest versions that pyproject.toml accepts (needs the network)
	@test -x .lowest/bin/python || $(PYTHON) -m venv .lowest
	@.uv/bin/uv pip install --quiet --python .lowest/bin/python --upgrade --resolution lowest-direct --extra test --extra all -r pyproject.toml
	@.uv/bin/uv pip install --quiet --python .lowest/bin/python setuptools pyyaml
	@.lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@.lowest/bin/python -m pytest $(PARALLEL) $(TESTS)

newest: .uv/bin/uv ## run the tests with the newest Dagster 1.13 (without dagster-embedded-elt), dlt and DuckDB (needs the network)
	@test -x .newest/bin/python || $(PYTHON) -m venv .newest
	@.uv/bin/uv pip install --quiet --python .newest/bin/python --upgrade --override tools/newest/overrides.txt --extra test --extra charts --extra dagster-dlt --extra dagster-postgres -r pyproject.toml
	@.uv/bin/uv pip install --quiet --python .newest/bin/python setuptools pyyaml
	@.newest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@.uv/bin/uv pip list --python .newest/bin/python | grep -E '^(dagster|dlt|duckdb|python) '
	@.newest/bin/python -m pytest $(PARALLEL) $(TESTS)

clean: ## remove installed packages, caches and loaded data
	@rm -rf .venv .audit .uv .lowest .newest .rivals .dagster build dist data .mypy_cache .ruff_cache .pytest_cache
