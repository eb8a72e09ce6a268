# Every target does all of its set-up: what Debian lacks, then the pinned virtual environment and the files of
# TimescaleDB side by side. What is there already is left alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test check bench faults generate lock clean setup browser rootfs

demo: setup ## a simulated city on the embedded stack; DURATION=60 ends it after a minute
	$(BIN)/warroom demo $(if $(DURATION),--duration $(DURATION))

test: setup browser ## all tests, on the real servers, two files at once; ARGS="-k name" for some of them
	$(BIN)/pytest --numprocesses=2 --dist=loadfile $(ARGS)

check: setup ## format, lint, import layers, types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy --strict -p opd_schemas -p opd_sdk -p services -p simulator -p deploy -p dashboards

bench: setup ## speeds, as ratios to this machine's ceiling
	$(BIN)/python -m bench $(ARGS)

faults: setup ## the long form of the kill tests
	$(BIN)/pytest -m faults tests/faults $(ARGS)

generate: setup ## files that are written from the schemas, and committed
	$(BIN)/python -m opd_schemas.generate
	$(BIN)/python -m dashboards.build
	$(BIN)/python -m deploy.nats

lock: setup ## requirements.lock from requirements.in; ARGS=--upgrade for newer versions
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		$(ARGS) requirements.in --output-file requirements.lock

clean: ## stop the stack, remove its data and everything that was installed here
	if [ -x $(BIN)/python ] && [ -d .warroom ]; then $(BIN)/python -c 'from pathlib import Path; \
		from deploy.local.stack import Stack; Stack(Path(".warroom")).down()'; fi
	rm -rf $(VENV) .warroom .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

setup:
	@PYTHON=$(PYTHON) deploy/local/prerequisites.sh
	@$(MAKE) --silent --no-print-directory --jobs=2 $(INSTALLED) rootfs

# By itself: in `make check test` the set-up was done before anybody asked for a browser.
browser:
	@PYTHON=$(PYTHON) WARROOM_BROWSER=1 deploy/local/prerequisites.sh

rootfs:
	[ -n "$$WARROOM_DATABASE_URL" ] || deploy/local/rootfs.sh >/dev/null

$(INSTALLED): requirements.lock pyproject.toml schemas/pyproject.toml sdk/pyproject.toml
	echo "Installing the pinned packages into $(VENV) ..." >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock || \
		{ echo "make: the pinned packages could not be installed; check the network, and run make again" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e schemas -e sdk -e .
	touch $@
