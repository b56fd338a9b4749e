# The commands of README.md. Targets bring up what they need, but policy, lab-down and lab-destroy, which take
# the lab as it is; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
STACK := lab

.PHONY: help lab lab-down lab-destroy test test-fast bench chaos lint images setup venv policy docs coverage mutation audit sbom

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

lab: setup ## build everything on this machine and connect real peers
	@$(PYTHON) -m lab start --services netbox,zabbix
	. lab/env
	mkdir -p .lab/backend
	pulumi stack select --create $(STACK)
	pulumi up --stack $(STACK) --yes --skip-preview --suppress-outputs
	$(PYTHON) -m lab summary

lab-down: ## remove the lab with everything in it
	@if [ -d .lab ]; then $(PYTHON) -m lab down; fi

lab-destroy: ## run pulumi destroy, then remove the lab
	@if [ -d .lab ]; then
	  . lab/env
	  $(PYTHON) -m lab start
	  pulumi stack select --create $(STACK)
	  pulumi destroy --stack $(STACK) --yes --skip-preview
	  $(PYTHON) -m lab down
	fi

test: images ## run every test: the core, the providers, whole stacks, real NetBox and Zabbix, faults
	@$(PYTHON) -m pytest -q -n 3 --dist loadscope tests

test-fast: venv ## run the pure and the component tests, which need neither root nor network
	@$(PYTHON) -m pytest -q -n 2 --dist worksteal -m "pure or components" --ignore=tests/lab --ignore=tests/providers tests

bench: lab ## measure: prints a table, writes .lab/bench.json
	@. lab/env
	$(PYTHON) -m bench

chaos: images ## try every fault on a lab of its own: prints how many of how many held
	@$(PYTHON) -m chaos

lint: venv ## style, types, import contracts
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

images: setup ## build what the lab's containers are made of, some minutes the first time
	@$(PYTHON) -m lab images

setup: ## get the toolchain and the virtual environment
	@tools/setup

venv: ## get the virtual environment alone
	@tools/setup --venv

policy: ## hold the lab's stack to the policy pack, over its exported state
	@. lab/env
	pulumi stack export --stack $(STACK) | $(PYTHON) -m policy -

docs: venv ## build the documentation into site/
	@$(PYTHON) -m tools.reference
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

coverage: venv ## what of the pure core no test reaches
	@$(PYTHON) -m pytest -q tests/pure --cov --cov-report=term-missing:skip-covered --cov-fail-under=99

mutation: venv ## break the core's rules one by one and see which breaks no test notices (hours)
	@tools/mutation

audit: venv ## look the Python packages up for known vulnerabilities
	@tools/audit

sbom: venv ## list the Python packages in sbom.json (CycloneDX)
	@tools/audit sbom
