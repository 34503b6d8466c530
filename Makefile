# `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench lock image

PYTHON = .venv/bin/python
COMPILE = $(PYTHON) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --quiet --custom-compile-command "make lock"

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

install: ## make .venv and install hex-exporter into it
	@scripts/install run

demo: ## serve a simulated workspace (./demo)
	@./demo

test: ## every check and every test (./test)
	@./test

lint: ## ruff, mypy --strict and the arrows between the rooms
	@scripts/install test
	@scripts/lint

bench: ## print the measured figures of every benchmark
	@scripts/install test
	@set -e; for bench in tests/benchmarks/bench_*.py; do echo "== $$bench"; $(PYTHON) "$$bench"; done

lock: ## resolve the hashed requirements files again
	@scripts/install test
	$(PYTHON) -m pip install --quiet uv
	$(COMPILE) $(UPGRADE) --group test --output-file requirements-test.txt
	$(COMPILE) --constraints requirements-test.txt --output-file requirements.txt
	$(COMPILE) --constraints requirements-test.txt --only-group build --output-file requirements-build.txt

image: ## build the container image with buildah, podman or docker
	@scripts/image
