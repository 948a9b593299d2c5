# Works with python3 and make alone; everything is installed into .venv beside this file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
SOURCES := pyproject.toml README.md $(shell find src -type f -not -name '*.pyc')

.PHONY: help install demo demo-truth test test-all docs bench clean

help:
	@echo "make demo      install, simulate a small night, reduce it, and say where its page is"
	@echo "make demo-truth  the same for single spectra with known truth, held against it"
	@echo "make test      install and run the quick tests; make test-all runs the slow ones too"
	@echo "make docs      install and build the documentation into docs/_build/html"
	@echo "make bench     install and time the command"
	@echo "make clean     remove .venv and the demonstration data"

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/python demo/run.py --command $(BIN)/soxspipe --folder demo-data

demo-truth: $(VENV)/.installed
	$(BIN)/python demo/against_truth.py --command $(BIN)/soxspipe --folder demo-data

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -m "not slow" -n auto --dist worksteal

test-all: $(VENV)/.test
	$(BIN)/python -m pytest -q

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.test
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf $(VENV) demo-data

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(SOURCES) | $(BIN)/python
	$(PIP) install --upgrade .
	$(BIN)/python -m compileall -q $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_paths()['purelib'])")/soxspipe
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(PIP) install ".[test]"
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) install ".[docs]"
	@touch $@
