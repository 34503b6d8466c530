# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help install demo test check lint bench dashboards docs golden chart lock image up

PYTHON = .venv/bin/python
BUILDER = docker
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' exporter/__init__.py)
COMPILE = $(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --quiet --custom-compile-command "make lock"

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

install: ## make .venv and install hex-exporter into it
	@scripts/install run

demo: ## serve a simulated workspace (./demo)
	@./demo

test: ## every check and every test (./test)
	@./test

check: ## lint, types and unit tests in 90 seconds (./test --fast)
	@./test --fast

lint: ## ruff, mypy --strict and the arrows between the rooms
	@scripts/install test
	@scripts/lint

bench: ## print the measured figures of every benchmark
	@scripts/install test
	@set -e; for bench in tests/benchmarks/bench_*.py; do echo "== $$bench"; $(PYTHON) "$$bench"; done

dashboards: ## write the JSON of the Grafana dashboards from their Python
	@scripts/install test
	@$(PYTHON) -m dashboards

docs: ## write what docs/metrics.md and docs/configuration.md take from the code
	@scripts/install test
	@$(PYTHON) -m exporter.metrics.docs > .metrics.md && mv .metrics.md docs/metrics.md
	@$(PYTHON) -m exporter.config.docs docs/configuration.md

golden: ## write the golden page, tests/metrics/golden.prom, and the statements that warehouses are sent
	@scripts/install test
	@WRITE_GOLDEN=1 $(PYTHON) -m pytest -q tests/metrics/test_metrics_collector.py -k golden
	@WRITE_GOLDEN=1 $(PYTHON) -m pytest -q tests/warehouse/test_statements.py -k reviewed

chart: ## write what the Helm chart takes from alerts/
	@scripts/install test
	@$(PYTHON) -m charts

lock: ## resolve the hashed requirements files again (UPGRADE=--upgrade for newer versions)
	@scripts/install test
	$(PYTHON) -m pip install --quiet uv
	$(COMPILE) pyproject.toml --group test $(UPGRADE) --output-file requirements-test.txt
	$(COMPILE) pyproject.toml --constraints requirements-test.txt --output-file requirements.txt
	$(COMPILE) --group build --constraints requirements-test.txt --output-file requirements-build.txt

image: ## build the container image (BUILDER=docker, podman or buildah)
	$(BUILDER) build $(if $(filter docker,$(BUILDER)),,--format docker) --tag hex-exporter:$(VERSION) \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) $(BUILD_FLAGS) .

up: ## start it all by Docker Compose (CONFIG=hex.yml SECRETS=DIRECTORY for a workspace of yours)
	@scripts/up "$(CONFIG)" "$(SECRETS)"
