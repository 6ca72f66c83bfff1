.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

# Where it is set, every process that is started compiles this project anew, which costs it half a second.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8000
# More words for pytest: make test ARGS="tests/unit -k money"
ARGS ?=
# What make simulate runs: make simulate HISTORIES=100000 SEED=5, or the whole story of one with STORY=5.
HISTORIES ?= 10000
SEED ?= 1
STORY ?=
# Another interpreter: make run PYTHON=python3.13. Otherwise the first of these that is new enough.
PYTHON ?=
PYTHONS := python3 python3.11 python3.12 python3.13 python3.14
# What make points runs; another SKIP takes other pairs. POINT= and MEET= tell one of them whole; a broken one is
# printed with its name.
PAIRS ?= 20000
SKIP ?= 0
PREEMPTIONS ?= 2
POINT ?=
MEET ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Every requirement is pinned to the bytes of its wheels, so nothing is resolved and nothing is built.
LOCKED := $(PIP) install --no-deps --require-hashes --only-binary :all: --requirement
ITSELF := $(PIP) install --no-deps --no-build-isolation --editable .
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help run test sheets stories races hostile planted mutate simulate points crash failover faults
.PHONY: bench bench-scaling instructions check format docs provider lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/run.stamp ## start the whole demonstration on SQLite (PORT=8000 moves it)
	@exec $(BIN)/payments demo --port $(PORT)

test: $(VENV)/dev.stamp ## run the quick suite, whole (ARGS passes words to pytest)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

sheets: $(VENV)/dev.stamp ## hold simulated providers and gateways to every row of the fact sheets (a minute)
	@$(BIN)/python -m pytest -m "sheets and not stories" -n 2 --dist loadfile tests $(ARGS)

stories: $(VENV)/dev.stamp ## tell every story on PostgreSQL by many processes, and of the commands (some minutes)
	@$(BIN)/python -m pytest -m stories -n 3 tests $(ARGS)

races: $(VENV)/dev.stamp ## run the long races, plans over many rows, and the longest walk (some minutes)
	@PAYMENTS_TEST_LONG=true $(BIN)/python -m pytest -m races -n 2 --dist loadfile --no-loadscope-reorder \
		tests $(ARGS)

hostile: $(VENV)/dev.stamp ## meet it with hostile input: bodies, tokens, addresses, answers, connections (some minutes)
	@$(BIN)/python -m pytest -m hostile -n 2 --dist worksteal tests/hostile $(ARGS)

simulate: $(VENV)/dev.stamp ## run seeded histories of the whole service in a hostile world (HISTORIES, SEED, STORY)
	@$(BIN)/python -m payments.testing.simulation --histories $(HISTORIES) --seed $(SEED) \
		--regressions tests/simulation/regressions.txt $(if $(STORY),--story $(STORY)) $(ARGS)

points: $(VENV)/dev.stamp ## kill at every point, singly and in pairs, and let two flows meet (PAIRS, SKIP, PREEMPTIONS)
	@$(BIN)/python -m payments.testing.simulation.exhaustive --pairs $(PAIRS) --skip $(SKIP) \
		--preemptions $(PREEMPTIONS) $(if $(POINT),--story $(POINT)) $(if $(MEET),--meet $(MEET)) $(ARGS)

crash: $(VENV)/dev.stamp ## kill the service and its PostgreSQL under load, CYCLES=50 times (500: half an hour)
	@$(BIN)/python -m tests.crash $(or $(CYCLES),50) $(ARGS)

failover: $(VENV)/dev.stamp ## kill a primary PostgreSQL under load and promote its standby, CYCLES=2 times
	@$(BIN)/python -m tests.failover $(or $(CYCLES),2) $(ARGS)

faults: $(VENV)/dev.stamp ## have the network fail under load between the service and all it speaks to, ROUNDS=1
	@$(BIN)/python -m tests.faults $(or $(ROUNDS),1) $(ARGS)

planted: $(VENV)/dev.stamp ## plant each design fault of tests/planted, and see its test go red (some minutes)
	@$(BIN)/python -m pytest -m planted -n 2 tests/planted $(ARGS)

# GROUPS of tests/mutation/groups.py; without a name those that money depends on.
GROUPS ?=
mutate: $(VENV)/mutation.stamp ## change the code piece by piece, and see which changes no test notices (GROUPS=..., long)
	@nice $(BIN)/python -m tests.mutation $(GROUPS) $(ARGS)

# ROUNDS, SECONDS, ONLY (a part of a name) and JSON (a file) of make bench; SIZE and MINUTES of bench-scaling.
BENCHED = $(VENV)/dev.stamp .venv-bench/stamp
bench: $(BENCHED) ## measure the service beside its peers: 5 rounds of 3 s a cell, about three hours (docs/performance.md)
	@$(BIN)/python -m bench --rounds $(or $(ROUNDS),5) --seconds $(or $(SECONDS),3) \
		$(if $(ONLY),--only "$(ONLY)") --json $(or $(JSON),.bench.json) $(ARGS)

bench-scaling: $(VENV)/dev.stamp ## see if it stays flat: a million payments, a far provider, a soak (SIZE, MINUTES, ONLY)
	@$(BIN)/python -m bench.scaling --size $(or $(SIZE),1000000) --minutes $(or $(MINUTES),10) \
		$(if $(ONLY),--only "$(ONLY)") --json $(or $(JSON),.bench-scaling.json) $(ARGS)

instructions: $(VENV)/dev.stamp ## hold the instructions of the hot paths against those kept (ACCEPT=1 keeps the new ones)
	@$(BIN)/python -m bench.instructions $(if $(ACCEPT),--accept) $(ARGS)

check: $(VENV)/dev.stamp ## look at format, lint, types and architecture, changing nothing
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/dev.stamp ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

docs: $(VENV)/dev.stamp ## write the tables and diagrams of docs/ anew, from the code
	@$(BIN)/python -m docs.tables

provider: $(VENV)/dev.stamp ## begin a gateway for another provider (NAME=...), with contract tests that run at once
	@$(BIN)/python -m docs.new_provider "$(NAME)"

# The locks name versions and hashes and no host. The development lock holds the running one.
COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(LOCKFLAGS)
LOCKFLAGS ?=

lock: ## write requirements/*.lock anew (LOCKFLAGS=--upgrade takes newer versions)
	@$(FIND_PYTHON); test -x .venv-lock/bin/uv || { "$$python" -m venv .venv-lock && \
		.venv-lock/bin/python -m pip --disable-pip-version-check --quiet install uv; }
	@$(COMPILE) pyproject.toml --extra demo requirements/run.in -o requirements/run.lock
	@$(COMPILE) pyproject.toml --extra demo requirements/run.in requirements/dev.in \
		--constraint requirements/run.lock -o requirements/dev.lock
	@$(COMPILE) requirements/mutation.in --constraint requirements/dev.lock -o requirements/mutation.lock
	@$(COMPILE) requirements/bench.in -o requirements/bench.lock

clean: ## remove the environments and what the tools left behind
	@rm -rf $(VENV) .venv-lock .venv-bench .mutation .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis build dist

# ---- the environment: one for running and for testing, remade when a lock or pyproject.toml changes

$(VENV)/run.stamp: requirements/run.lock pyproject.toml
	@$(MAKE_VENV)
	@echo "Installing what the service needs (about half a minute the first time) ..."
	@$(LOCKED) requirements/run.lock
	@$(ITSELF)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock pyproject.toml
	@$(MAKE_VENV)
	@echo "Installing what the service and its tests need (up to a minute the first time) ..."
	@$(LOCKED) requirements/dev.lock
	@$(ITSELF)
	@touch $(VENV)/run.stamp $@

$(VENV)/mutation.stamp: requirements/mutation.lock $(VENV)/dev.stamp
	@$(LOCKED) requirements/mutation.lock
	@touch $@

# What the service is compared with stands apart: it shares no package with it.
.venv-bench/stamp: requirements/bench.lock
	@$(FIND_PYTHON); "$$python" -m venv --clear .venv-bench
	@echo "Installing what the service is compared with (half a minute the first time) ..."
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes \
		--only-binary :all: --requirement requirements/bench.lock
	@touch $@

# Sets the shell's $$python, or says in a sentence what is missing.
define FIND_PYTHON
python=; for candidate in $(or $(PYTHON),$(PYTHONS)); do \
	if "$$candidate" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then python="$$candidate"; break; fi; done; \
if [ -z "$$python" ]; then \
	echo "This needs Python 3.11 or newer, and none of these is: $(or $(PYTHON),$(PYTHONS))." >&2; \
	echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; fi; \
if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	echo "$$python cannot make virtual environments: its venv module is missing." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; fi
endef

# Keeps an environment that works, whoever made it, and replaces one that is broken or too old.
define MAKE_VENV
if ! { $(BIN)/python -c '$(NEW_ENOUGH)' && $(BIN)/python -m pip --version; } >/dev/null 2>&1; then \
	$(FIND_PYTHON); "$$python" -m venv --clear $(VENV); fi
endef
