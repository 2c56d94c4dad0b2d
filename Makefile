# Two commands need nothing but this Makefile, git and a Python 3.10 to 3.13 with venv or pip:
#   make demo    runs the demonstration: a benchmark and its audit against an endpoint of our own
#   make test    runs the tests
# PYTHON=python3.12 picks another interpreter, ARGS='-k name' goes to pytest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The stamps carry the version, so that another PYTHON makes the environment anew.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
INSTALLED := $(VENV)/.installed-$(VERSION)
INSTALLED_DEV := $(VENV)/.installed-dev-$(VERSION)
VENV_READY := $(VENV)/.ready-$(VERSION)
INPUTS := setup.py pyproject.toml
WHEELHOUSE ?= wheelhouse
MACHINES ?= x86_64 aarch64
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help env env-dev demo test coverage check benchmarks wheel mlcube wheelhouse clean

help:
	@sed -n 's/^#   make/make/p' Makefile
	@echo 'make check   runs the tests of style, types, layers and generated files'
	@echo 'make mlcube  sets up MLCube in .mlcube, and the images that it runs (docs/mlcube.md)'
	@echo 'make benchmarks  measures the load engine beside its peers (docs/performance.md)'
	@echo 'make coverage, make wheel, make wheelhouse, make clean'

env: $(INSTALLED)

env-dev: $(INSTALLED_DEV)

demo: $(INSTALLED)
	@$(BIN)/auditcube demo

test: $(INSTALLED_DEV)
	@$(BIN)/python -m pytest $(ARGS)

coverage: $(INSTALLED_DEV)
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

check:
	@scripts/check

# Peers in Python have an environment of their own; wrk, h2load and nginx are used where they are installed.
benchmarks: $(INSTALLED_DEV)
	@test -x .bench/bin/python || { $(PYTHON) -m venv .bench && .bench/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[bench]'; }
	@$(BIN)/python benchmarks/load_engine.py --peers-python .bench/bin/python --write $(ARGS)

wheel: $(INSTALLED)
	@rm -rf build dist
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@rm -rf build
	@ls dist/*.whl

# The runner has an environment of its own, with a Python 3.11: MLCUBE_PYTHON says where one is.
mlcube: .mlcube/.installed
	@scripts/image
	@echo 'Ready: .mlcube/bin/mlcube run --task=demo --platform=docker   (or --platform=singularity)'

.mlcube/.installed: scripts/mlcube-env
	@echo 'Installing MLCube into .mlcube' >&2
	@scripts/mlcube-env "$(CURDIR)/.mlcube" $(MLCUBE_PYTHON)
	@touch $@

# What an image without an index needs, for both machines.
wheelhouse: $(INSTALLED)
	@rm -rf '$(WHEELHOUSE)'
	@for machine in $(MACHINES); do \
	  $(PIP) download --dest '$(WHEELHOUSE)' --no-deps --require-hashes --requirement requirements.lock \
	    --python-version 3.11 --implementation cp $$(for tag in manylinux_2_28 manylinux_2_27 manylinux_2_26 \
	    manylinux_2_17 manylinux2014; do echo --platform $${tag}_$$machine; done) || exit 1; \
	done

clean:
	rm -rf $(VENV) .bench .mlcube .image wheelhouse build dist project/*.egg-info .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Debian without python3-venv lacks ensurepip: its own pip, where it is there, then fills the environment.
$(VENV_READY):
	@case '$(VERSION)' in 3.10|3.11|3.12|3.13) ;; \
	  '') echo 'AuditCube needs Python 3.10 to 3.13, and $(PYTHON) does not run: try make PYTHON=/path/to/python3' >&2; exit 2;; \
	  *) echo 'AuditCube needs Python 3.10 to 3.13, and $(PYTHON) is $(VERSION): try make PYTHON=python3.12' >&2; exit 2;; \
	esac
	@if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv --clear $(VENV); \
	elif $(PYTHON) -c 'import pip, venv' 2>/dev/null; then $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	  $(PYTHON) -m pip --disable-pip-version-check --quiet --python $(BIN)/python install pip; \
	elif $(PYTHON) -c 'import virtualenv' 2>/dev/null; then $(PYTHON) -m virtualenv --quiet --clear $(VENV); \
	else echo 'AuditCube needs venv or pip for $(PYTHON) (on Debian: apt-get install python3-venv)' >&2; exit 2; fi
	@touch $@

$(INSTALLED): $(VENV_READY) $(INPUTS)
	@echo 'Installing AuditCube into $(VENV), which takes half a minute' >&2
	@$(PIP) install --editable .
	@touch $@

$(INSTALLED_DEV): $(VENV_READY) $(INPUTS)
	@echo 'Installing AuditCube and what its tests need into $(VENV), which takes a minute' >&2
	@$(PIP) install --editable '.[dev,parquet]'
	@touch $@ $(INSTALLED)
