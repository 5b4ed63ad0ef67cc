# Each target that needs Python sets up .venv on its first call; later calls find it ready.
# make itself exits with 2 whatever a recipe's own status was (it prints that as "Error N").

PYTHON ?= python3
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
STUDY ?= core
RESULTS ?= results
JOBS ?=
SEEDS ?=
STEPS ?=
PUREJAXRL ?=
JSON ?=
KILLS ?= 200
STORM ?= 0

PY := .venv/bin/python
# Compiled once, not by each of the hundreds of processes that tests start. Neighbors, which share fixtures, go together.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest -q --numprocesses auto --maxprocesses 8 --dist worksteal
RUN_OPTIONS = --results '$(RESULTS)' $(if $(JOBS),--jobs '$(JOBS)') $(if $(SEEDS),--seeds '$(SEEDS)') \
	$(if $(STEPS),--steps '$(STEPS)')
FIND_FOLDER = folder=$$($(PY) -m ablations where '$(STUDY)' --results '$(RESULTS)')

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help ablate smoke figures report test check lint slow faults soak sanitize bench bench-peers clean setup

help: ## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  %-13s%s\n' "$$name" "$$text"; done
	@echo 'Variables, with what they are now:'
	@echo '  STUDY=$(STUDY)  a study that ships (python -m ablations list) or a file.toml'
	@echo '  RESULTS=$(RESULTS)  where results go'
	@echo '  JOBS=$(JOBS)  processes at a time; empty: as many as there are cores'
	@echo '  SEEDS=$(SEEDS)  STEPS=$(STEPS)  seeds (0 to N-1) and environment steps per run; empty: as the study says'
	@echo '  PUREJAXRL=$(PUREJAXRL)  JSON=$(JSON)  for bench-peers: a checkout of PureJaxRL, and a file for the numbers'
	@echo '  KILLS=$(KILLS)  STORM=$(STORM)  for soak: how many kills, and the seed of their moments'
	@echo '  PYTHON=$(PYTHON)  the Python to build .venv with, 3.11 or newer'
	@echo '  TORCH_INDEX=$(TORCH_INDEX)  asked for torch first, for five seconds'

# Runs that failed lower the number of seeds in the figures, and the figures say so: they are drawn all the same.
ablate: setup ## run a study (STUDY=core), then its figures, tables and report
	@status=0; \
	$(PY) -m ablations run '$(STUDY)' $(RUN_OPTIONS) || status=$$?; \
	[ $$status -le 1 ] || exit $$status; \
	$(FIND_FOLDER); \
	drawn=0; $(PY) -m analysis all "$$folder" || drawn=$$?; \
	[ $$status -ne 0 ] || status=$$drawn; \
	exit $$status

smoke: STUDY = smoke
smoke: ablate ## every variant, two seeds, a few thousand steps: about a minute

figures: setup ## draw the figures and tables of a study that has been run
	@$(FIND_FOLDER) && $(PY) -m analysis figures "$$folder" && $(PY) -m analysis tables "$$folder"

report: setup ## write the report of a study that has been run
	@$(FIND_FOLDER) && $(PY) -m analysis report "$$folder"

test: setup ## the tests, in under five minutes
	@$(PYTEST) -m 'not slow and not faults'

# Side by side what keeps one processor busy; then the two suites, of which the second starts its workers once.
check: setup ## what CI runs: lint, format, types, sanitisers, the tests, the slower tests, faults
	@$(MAKE) --no-print-directory sanitize & beside=$$!; \
	status=0; $(MAKE) --no-print-directory lint || status=$$?; \
	wait $$beside && exit $$status
	@$(PYTEST) -m 'not slow and not faults'
	@$(PYTEST) -m 'slow or faults'

lint: setup ## ruff and mypy alone
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PY) -m mypy

slow: setup ## the slower tests alone
	@$(PYTEST) -m 'slow and not faults' || [ $$? -eq 5 ] # 5: no test carries the mark

faults: setup ## kills, signals, full disks, damaged files: the tests that break things on purpose
	@$(PYTEST) -m faults

soak: setup ## the long storm: KILLS=200 kills of drivers, workers and fork servers, and their counts
	@$(PY) -m tests.faults.soak --kills '$(KILLS)' --seed '$(STORM)'

sanitize: setup ## the compiled engine's tests under address and undefined-behaviour sanitisers
	@sh scripts/sanitize.sh $(PY)

bench: setup ## lane-steps per second against the lessons' loop, per variant
	@$(PY) -m scripts.bench

bench-peers: setup ## the same work in other people's DQN, in turns with ours, on one core (.venv-peers)
	@TORCH_INDEX='$(TORCH_INDEX)' $(PY) -m scripts.bench peers $(if $(PUREJAXRL),--purejaxrl '$(PUREJAXRL)') \
		$(if $(JSON),--json '$(JSON)')

clean: ## remove .venv, .venv-peers, caches and builds; never results
	@rm -rf .venv .venv-peers build dist *.egg-info ablations/engines/native/*.so .pytest_cache .hypothesis .mypy_cache .ruff_cache
	@find ablations analysis scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup: ## make .venv ready and do nothing else
	@PYTHON='$(PYTHON)' PYTHON_GIVEN='$(filter-out file,$(origin PYTHON))' TORCH_INDEX='$(TORCH_INDEX)' \
		sh scripts/setup.sh
