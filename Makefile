# Two commands are enough: `make up` and `make test`. Both set themselves up on a fresh machine.
# PYTHON=/path/to/python3.13 chooses the interpreter; it is found otherwise.

.PHONY: help up test test-all test-k8s chart-check test-unprivileged soak check format reference image bench trouble healthy fresh-clone set-up clean
.DEFAULT_GOAL := help

# These start servers and processes of their own, and are not put beside others; what only computes
# runs on two cores, a file at a time.
ALONE := $(addprefix tests/,integration faults engine store examples browser $(addprefix deploy/,acceptance image pods))
BESIDE := -n 2 --dist loadfile $(addprefix --ignore=,$(ALONE))

FAST := -m "not fault and not slow"
UNPRIVILEGED := -m "not fault and not slow and not needs_root"
# Where rights matter most: what looks inside a process, and a node's life from start to end.
INSIDE := $(addprefix tests/performance/,loop sampling collector tracer) tests/node/test_data_directory.py \
	$(addprefix tests/integration/test_,stalls.py trace.py tasks_of_a_node.py sampling.py profile.py)

help: ## what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

up: set-up ## run Aiex here: a model that answers, no key and no GPU needed
	@exec .venv/bin/aiex up

test: set-up ## the fast tests, a few minutes
	@scripts/debian-tools test
	@scripts/tests $(BESIDE) $(FAST)
	@scripts/tests $(FAST) $(ALONE)

test-all: check chart-check ## static checks, the chart's, every test, some as a stranger: what CI runs
	@scripts/debian-tools test
	@scripts/tests $(BESIDE)
	@scripts/tests $(ALONE)
	@scripts/unprivileged $(UNPRIVILEGED) $(INSIDE)

# Programs of one's own come first. Variables given to make are those of the command below.
test-k8s: set-up ## the chart on a real cluster: KUBECONFIG=… IMAGE=… (CONTRIBUTING.md)
	@command -v helm kubectl >/dev/null || scripts/kubernetes-tools
	@PATH="$$PATH:$(CURDIR)/.make/kubernetes/bin" .venv/bin/python -m tests.k8s

# A stranger to the tree cannot fetch helm and kubectl into it; without them their tests are skipped.
test-unprivileged: set-up ## the fast tests without any rights and with a read-only root
	@scripts/debian-tools test
	-@$(if $(filter-out tests/deploy%,$(ONLY)),,scripts/kubernetes-tools)
	@scripts/unprivileged $(UNPRIVILEGED) $(ONLY)

check: set-up ## lint, format, types, layers, lock file
	@scripts/check

chart-check: set-up ## the Helm chart by every check that needs no cluster
	@scripts/chart-check

format: set-up ## mend what can be mended by itself
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format --quiet .

reference: set-up ## renew docs/reference from the source, and what is made of the chart
	@.venv/bin/python scripts/reference.py
	@.venv/bin/python scripts/values_schema.py
	@scripts/chart-check --write

image: set-up ## build the container image and check it; BASE=python:3.13-slim TARGET=aiex-local
	@scripts/image build $(if $(BASE),--base $(BASE)) $(if $(TARGET),--target $(TARGET))

soak: set-up ## ten minutes at twice the capacity, with figures; SOAK_S=60 for one minute
	@AIEX_SOAK_S=$(or $(SOAK_S),600) .venv/bin/python -m pytest -q -s tests/faults/test_overload.py -k soak

bench: set-up ## every benchmark, figures beside goals; BENCH=--quick for a short run
	@scripts/debian-tools bench
	@scripts/bench $(BENCH)

trouble: set-up ## are planted faults named? 60 of them in three quarters of an hour; DRAWS=5 SEED=3 KIND=sleep
	@.venv/bin/python -m examples.trouble.rounds --draws $(or $(DRAWS),60) --seed $(or $(SEED),1) \
		$(if $(KIND),--kind $(KIND))

healthy: set-up ## is nothing said of a healthy node under load? ten minutes; MINUTES=2 RATE=1000
	@.venv/bin/python -m examples.trouble.healthy --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1) \
		$(if $(RATE),--rate $(RATE))

fresh-clone: set-up ## does `make up` answer in a copy with an empty home?
	@.venv/bin/python scripts/fresh_clone.py

set-up:
	@scripts/set-up

clean: ## forget the environment and everything built
	@rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find src tests benchmarks examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +
