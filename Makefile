# make setup   the virtual environment .venv with everything a developer needs
# make demo    the report of a sample log, written and shown (needs no developer tools)
# make test    format, lint, types, layers, tests
# make bench   speed and memory: a log of a million lines, and following 1 and 200 logs (10 min)
# make bench-alarms  false alarms in healthy runs, delay in sick ones, alarms in real logs
# make bench-forecast  forecasts, P(gain) and the stop rule on real curves of sources held out, where
#              ../shared/curves is at hand (CURVES=20: fewer of each source than 60)
# make bench-eta  time left against tqdm's and others, where the folder of real runs is at hand (5 min)
# make hostile 1,000 rounds of a watch that is killed while everything goes wrong (ROUNDS=20: fewer)
# make score-formats   how well real logs are read, where their folder is at hand (FILTER=part of names)
# make reports the reports of the sample logs, in reports/
# make clean   removes what the others made
#
# Another interpreter: make PYTHON=python3.12 test   (run `make clean` first)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_LOG := sample_logs/digits_step
DEMO_OUT := reports/demo
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench bench-alarms bench-forecast bench-eta reports hostile score-formats clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# The files .pip, .runtime and .dev in the environment are stamps: a step is done again only when
# the dependencies may have changed. The environment is editable, so sources need no stamp.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "copilot needs Python 3.11 or newer as '$(PYTHON)'. Name another: make PYTHON=python3.12 ..." >&2; \
		exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "No virtual environment could be made. On Debian: apt install python3-venv" >&2; \
		rm -rf $(VENV); exit 1; }
	@touch $@

$(VENV)/.runtime: pyproject.toml | $(VENV)/.pip
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.pip
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

setup: $(VENV)/.dev

demo: $(VENV)/.runtime
	@rm -rf $(DEMO_OUT)
	@$(BIN)/copilot report $(DEMO_LOG) -o $(DEMO_OUT) --quiet
	@find $(DEMO_OUT) -name '*.md' -exec cat {} +
	@echo
	@echo "The report is $$(find $(DEMO_OUT) -name '*.md'); its figures:"
	@find $(DEMO_OUT) \( -name '*.png' -o -name '*.svg' \) | sort | sed 's/^/  /'

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses auto --dist worksteal

reports: $(VENV)/.runtime
	@for log in sample_logs/*_*; do $(BIN)/copilot report $$log -o reports --quiet || exit 1; done

bench: $(VENV)/.runtime
	$(BIN)/python benchmarks/bench_reading.py
	$(BIN)/python benchmarks/bench_live.py 120

bench-alarms: $(VENV)/.runtime
	$(BIN)/python benchmarks/bench_alarms.py

bench-forecast: $(VENV)/.runtime
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_forecast.py $(CURVES)

bench-eta: $(VENV)/.runtime
	$(BIN)/python benchmarks/bench_eta.py
	$(BIN)/python benchmarks/bench_arrivals.py

hostile: $(VENV)/.runtime
	$(BIN)/python benchmarks/hostile_live.py $(ROUNDS)

score-formats: $(VENV)/.runtime
	$(BIN)/python benchmarks/score_formats.py $(FILTER)

clean:
	rm -rf $(VENV) build dist $(DEMO_OUT) benchmarks/out
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
