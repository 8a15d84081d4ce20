# What people do daily. `make help` lists it; each target installs the Debian and PyPI packages it needs, by name, and says so.

SHELL := /bin/bash
SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
BIN := .build/release

# One configuration everywhere. Without --disable-testable-imports `swift test` would compile the whole release build a
# second time, with other flags; with it only the tests themselves are compiled.
RELEASE := -c release
# One test after the other: with two processors, tests that wait for programs starve those that measure themselves against
# a peer's patience.
TESTING := $(RELEASE) --disable-testable-imports --disable-xctest --no-parallel

.DEFAULT_GOAL := help
.PHONY: help build test lint format bench demo demo-clean conformance fuzz mutants mutants-check install clean

help: ## list the targets
	@echo 'usage: make TARGET'
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

build: ## release binaries under .build/release: gantry, gantryd, gantry-runtime, gantry-monitor
	@scripts/need build
	$(SWIFT) build $(RELEASE)
	@ln -sfn gantry-runtime $(BIN)/gantry-monitor

test: build ## build and run every test; FILTER=name runs some
	@scripts/need test
	@SWIFT=$(SWIFT) scripts/test $(TESTING) $(if $(FILTER),--filter '$(FILTER)')

lint: ## check format, module READMEs and the architecture page
	$(SWIFT) format lint --strict -r Sources Tests Package.swift
	@scripts/lint

format: ## format the sources in place
	$(SWIFT) format -i -r Sources Tests Package.swift

demo: build ## containers from nothing: import an image, run, log, publish a port
	@scripts/need demo
	@scripts/demo

demo-clean: ## remove what the demo left: containers, image, daemon, its directories
	@scripts/demo clean

# Installed, as everything that it is compared with: the page cache holds what a linker wrote in pieces of a page, and what was
# copied in large ones, which is worth up to a millisecond of a start.
bench: export BINARIES = $(CURDIR)/.build/installed$(PREFIX)/bin
bench: build ## compare with Docker and Podman where installed; ROUNDS=n, ROWS=name,name
	@scripts/need bench
	@$(MAKE) --no-print-directory -s install DESTDIR=$(CURDIR)/.build/installed
	@.venv/bin/python Benchmarks/bench.py
	@python3 Benchmarks/runtime.py

conformance: build ## the OCI runtime validation programs and crun's tests, with runc and crun beside; PROGRAMS='name name'
	@scripts/need conformance
	@scripts/conformance/fetch
	@python3 scripts/conformance/run.py $(PROGRAMS)

fuzz: build ## throw SECONDS=60 of broken requests and of broken archives at them; SEED=n repeats the requests
	@scripts/need fuzz
	@FUZZ_SECONDS=$(or $(SECONDS),60) python3 scripts/fuzz.py
	@FUZZ_SECONDS=$(or $(SECONDS),60) scripts/fuzz-archives

# As `make test`, and longer: an hour on two processors. The tree stays as it is; LIMIT is the seconds of one test.
mutants: ## take each protection out and see its test fail; ONLY=regex chooses mutants by name
	@scripts/need build test
	@SWIFT=$(SWIFT) ONLY='$(ONLY)' LIMIT='$(LIMIT)' scripts/mutants run

mutants-check: ## whether each mutant applies, and each row of docs/security.md that is built has one
	@scripts/mutants rows

install: build ## copy the programs to DESTDIR/PREFIX/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(BIN)/gantry $(BIN)/gantryd $(BIN)/gantry-runtime $(DESTDIR)$(PREFIX)/bin/
	ln -sfn gantry-runtime $(DESTDIR)$(PREFIX)/bin/gantry-monitor

clean: ## remove what was built
	rm -rf .build .venv .tools
