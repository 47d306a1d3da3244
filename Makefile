# blindmatch: one target per thing a developer does. Each makes the environment it needs (.ci/environment.py): a
# Python >= 3.11 with venv and pip, make and git are enough. A C compiler, if there is one, makes it faster.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
# Test processes at a time; 0 runs all in one process, which is easier to debug.
WORKERS ?= 2
# More words for pytest, for example: make test ARGS='-k padding -x'
ARGS ?=
# make bench ONLY=core runs the measurements whose name holds "core", and writes no file; ONLY=round.pair.10000 that one.
ONLY ?=

VENV_PYTHON := .venv/bin/python
PYTEST := $(VENV_PYTHON) -m pytest -n $(WORKERS) --dist loadfile

.PHONY: help
help: ## Show this list
	@echo "blindmatch: make TARGET [PYTHON=python3.12]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

.PHONY: python
python:
	@command -v "$(PYTHON)" >/dev/null || \
	  { echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 demo"; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "blindmatch needs Python 3.11 or newer; '$(PYTHON)' is older. Name another one: make PYTHON=python3.12 demo"; exit 2; }

.PHONY: env-runtime env-dev
env-runtime: python
	@"$(PYTHON)" .ci/environment.py runtime

env-dev: env-runtime
	@"$(PYTHON)" .ci/environment.py dev

.PHONY: native
native: python ## Compile the curve core again (psi/_native; done by itself after an edit)
	@"$(PYTHON)" .ci/environment.py native

.PHONY: demo
demo: env-runtime ## Three nodes on this machine run a whole round (needs no set-up)
	@exec $(VENV_PYTHON) -m cli demo

.PHONY: test
test: env-dev ## The test suite, without the long versions
	@$(PYTEST) $(ARGS)

.PHONY: test-ci
test-ci: env-dev ## The longer tests that every submission must pass, beside make test
	@$(PYTEST) --timeout 1800 -m 'ci and not soak' $(ARGS)

.PHONY: soak
soak: env-dev ## The whole suite with the long versions, before a release
	@$(PYTEST) --timeout 7200 -m 'soak or not soak' $(ARGS)

.PHONY: lint
lint: env-dev ## ruff, mypy --strict, import contracts, generated files
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache
	$(VENV_PYTHON) .ci/wire_check.py

.PHONY: wire
wire: env-dev ## Generate node/wire from protos/
	$(VENV_PYTHON) .ci/wire_check.py --write

.PHONY: wheel-check
wheel-check: env-dev ## Build the wheel twice, install it clean, run it outside the checkout
	@$(VENV_PYTHON) .ci/wheel_check.py

# BASE= and BUILDER= name other images than deploy/Containerfile does, by digest; IMAGE= what the result is called;
# ENGINE= podman, docker or buildah; ARGS= more words for the build.
.PHONY: image
image: python ## Build the container image (deploy/Containerfile; needs podman, docker or buildah)
	@BASE='$(BASE)' BUILDER='$(BUILDER)' IMAGE='$(IMAGE)' ENGINE='$(ENGINE)' "$(PYTHON)" .ci/image.py $(ARGS)

# A release, and what belongs to one: deploy/release/README.md. Without a day in CHANGELOG.md, a clean checkout and KEY it is
# refused; TRIAL=1 goes through the same steps all the same. WITHOUT_ADVISORIES='why' where nobody can be asked.
KEY ?=
TRIAL ?=
WITHOUT_ADVISORIES ?=
RELEASE_PYTHON := build/release-env/bin/python

.PHONY: env-release
env-release: env-runtime
	@"$(PYTHON)" .ci/release_environment.py

.PHONY: release
release: env-release ## Sources and wheels for all systems, SBOM, licences, signed checksums (KEY=FILE or TRIAL=1)
	@$(RELEASE_PYTHON) .ci/release.py $(if $(KEY),--key '$(KEY)') $(if $(TRIAL),--trial) \
	  $(if $(WITHOUT_ADVISORIES),--without-advisories '$(WITHOUT_ADVISORIES)')

.PHONY: sbom
sbom: env-release ## The bill of materials, as CycloneDX; writes build/sbom
	@$(RELEASE_PYTHON) .ci/sbom.py build/sbom/blindmatch.cdx.json

.PHONY: licences
licences: env-release ## Write deploy/release/LICENCES.md; fails at a licence that is unknown or not accepted
	@$(RELEASE_PYTHON) .ci/licences.py --write

.PHONY: advisories
advisories: env-release ## Ask for known weaknesses of the locked packages (pip-audit; needs the network)
	@$(RELEASE_PYTHON) .ci/advisories.py

# FOR= names the Python that the package is for, WHEEL= a wheel that is there already (deploy/debian/README.md).
FOR ?= /usr/bin/python3
WHEEL ?=
.PHONY: deb
deb: env-dev ## Build the Debian package (deploy/debian; needs dpkg-deb)
	@$(VENV_PYTHON) .ci/debian.py --python '$(FOR)' $(if $(WHEEL),--wheel '$(WHEEL)')

# FEBRL: a wheel of which only the CSV files are read, so it lies outside .venv, without what it depends on.
build/data/stamp: requirements-febrl.lock | env-dev
	@rm -rf build/data
	@$(VENV_PYTHON) -I -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
	  --only-binary :all: --no-deps --target build/data -r requirements-febrl.lock
	@touch $@

# How well records of the same people are found; exit code 1 if a target is missed. DATA=set.toml measures files of your
# own, with MAPPING=mapping.json if the description has no mapping (tests/README.md). Peers that are not there are named.
DATA ?=
MAPPING ?=
.PHONY: quality
quality: env-dev $(if $(DATA),,build/data/stamp) ## Precision and recall of matching; writes build/quality.json
	@$(VENV_PYTHON) -m tests.quality $(if $(DATA),--data '$(DATA)') $(if $(MAPPING),--mapping '$(MAPPING)')

.PHONY: quality-peers
quality-peers: python ## The programs that make quality compares matching with
	@"$(PYTHON)" tests/quality/peers/environments.py

# The core and round measurements read no data, so that .ci/run needs no download for them.
.PHONY: bench
bench: env-dev $(if $(filter core% round% identifiers%,$(ONLY)),,build/data/stamp) ## Measure; writes build/bench.json
	@$(VENV_PYTHON) -m tests.bench $(ONLY)

.PHONY: bench-peers
bench-peers: python ## The programs that make bench compares whole rounds with
	@"$(PYTHON)" tests/bench/peers/environments.py

# Refreshing the locks. Nothing younger than seven days gets in: most malicious releases are found and withdrawn
# within that time. A security fix that cannot wait: make lock COOL_DOWN_DAYS=0, and say so in CHANGELOG.md.
# Needs uv (https://docs.astral.sh/uv/). Read the difference before you commit it; SECURITY.md says what to look for.
COOL_DOWN_DAYS ?= 7
.PHONY: lock
lock: python ## Refresh the hash-pinned locks (7 days cool-down; needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv. Install it, then run make lock again."; exit 2; }
	@before=$$("$(PYTHON)" -c 'import datetime, sys; print(datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=int(sys.argv[1])))' "$(COOL_DOWN_DAYS)") && \
	compile="uv pip compile --quiet --upgrade --universal --python-version 3.11 --exclude-newer $$before --generate-hashes" && \
	$$compile pyproject.toml -o requirements.lock >/dev/null && \
	$$compile pyproject.toml --group dev -o requirements-dev.lock >/dev/null && \
	$$compile --group release -o requirements-release.lock >/dev/null && \
	$$compile --no-deps --group febrl -o requirements-febrl.lock >/dev/null && \
	$$compile tests/bench/peers/openmined.in -o tests/bench/peers/openmined.lock >/dev/null && \
	$$compile --no-deps tests/bench/peers/spu.in -o tests/bench/peers/spu.lock >/dev/null && \
	$$compile tests/quality/peers/openlinktoken.in -o tests/quality/peers/openlinktoken.lock >/dev/null && \
	$$compile tests/quality/peers/spindle.in -o tests/quality/peers/spindle.lock >/dev/null && \
	$$compile --no-deps tests/deploy/helm.in -o tests/deploy/helm.lock >/dev/null
	-@git --no-pager diff --stat -- 'requirements*.lock' tests/bench/peers tests/quality/peers tests/deploy

.PHONY: clean
clean: ## Remove what make, the tests and the tools left, and .venv
	rm -rf .venv .venv.lock build dist ./*.egg-info psi/_native/_core.abi3.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find psi node cli tests .ci -type d -name __pycache__ -prune -exec rm -rf {} +
