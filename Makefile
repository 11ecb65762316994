# Two commands are all it takes: `make demo` and `make test`. Both set everything up first; nothing is installed by hand.

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick lint faults twins bench lock clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first Python that is new enough; `make PYTHON=/path/to/python3 ...` names another.
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11
NEW_ENOUGH := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with every library, a Java and Kafka (demo and test do it by themselves)

demo: $(READY) ## See it work: 200 requests through three simulated legacy systems (DEMO="--kill", "--stay")
	@$(BIN)/hub demo $(DEMO)
	@$(BIN)/hub broker warm || true

test: $(READY) ## Run every check and every test
	@chromium=$$(.ci/chromium) && $(BIN)/hub broker warm && CHROMIUM="$$chromium" $(BIN)/python .ci/stages.py

quick: $(READY) ## Run the tests that need no server
	@$(BIN)/python .ci/stages.py quick

lint: $(READY) ## Run ruff, mypy and the import contracts
	@$(BIN)/python .ci/stages.py lint

faults: $(READY) ## Run every fault test, write tests/faults/REPORT.md (FAULTS="--fault-events 1000000 --fault-kills 200")
	@$(BIN)/pytest tests/faults --fault-report tests/faults/REPORT.md $(FAULTS)

twins: $(READY) ## Run every fault test with its protection switched off: each must go red
	@$(BIN)/python -m tests.faults.twins

bench: $(READY) ## Measure it beside others, write tests/bench/RESULTS.md (BENCH="--events 300000 --runs 3 --only hub,quix")
	@$(BIN)/python -m tests.bench $(BENCH)

lock: $(READY) ## Write both lock files anew (LOCK=--upgrade for newer libraries)
	@$(BIN)/uv pip compile pyproject.toml --generate-hashes --all-extras --universal --python-version 3.11 --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock --quiet $(LOCK)
	@$(BIN)/python -c 'from hub.broker.jars import relock; print(relock(), end="")' > $(VENV)/jars.lock
	@mv $(VENV)/jars.lock hub/broker/jars.lock

clean: ## Delete what was made here, .venv and .hub with it
	@for broker in .hub/broker .hub/bench/broker .hub/bench/compare/broker; do \
		if [ -x $(BIN)/hub ] && [ -d $$broker ]; then $(BIN)/hub broker --folder $$broker stop; fi; \
	done
	@rm -rf $(VENV) .hub .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml hub/broker/jars.lock
	@for python in $(PYTHONS); do $$python -c '$(NEW_ENOUGH)' 2>/dev/null && found=$$python && break; done; \
	if [ -z "$$found" ]; then \
		echo "No Python 3.11 or later with its venv module. On Debian and Ubuntu: apt-get install python3 python3-venv;" >&2; \
		echo "elsewhere: https://www.python.org/downloads. One in another place: make PYTHON=/path/to/python3 setup" >&2; exit 1; \
	fi; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $$found -m venv --clear $(VENV)
	@echo "Setting up $(VENV) ..."
	@# uv installs all of it in seconds where pip takes half a minute; uv itself comes from the lock, checked like the rest.
	@awk '/^uv==/ {on = 1} on {print; if (!/\\$$/) exit}' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r $(VENV)/uv.lock
	@# Compiled here, once: a dozen processes start together, and where Python may not write its caches each would compile all of it.
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q hub connectors schemas
	@[ -n "$$KAFKA_HOME" ] || $(BIN)/hub broker install
	@touch $@
