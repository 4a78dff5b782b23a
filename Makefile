# Everything here is one command each; `make help` lists them.
SWIFT ?= swift
SOURCES = Sources Tests Playbooks Benchmarks Package.swift

.PHONY: help demo dependencies build test test-long release format lint bench clean
.DEFAULT_GOAL := help

help: ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 24

demo: ## Deploy the sample Django application to a throwaway server
	@Scripts/demo

dependencies: ## Install the Debian packages that are missing
	@Scripts/install-dependencies

build: ## Build the library, the command and the playbooks
	@Scripts/install-dependencies build
	$(SWIFT) build

test: ## Install what is missing and run all tests
	@Scripts/install-dependencies
	$(SWIFT) build --build-tests
	@SWIFT="$(SWIFT)" Scripts/test

test-long: export MARTLET_TEST_LONG = 1
test-long: test ## The same, and what is slow and rarely fails

release: ## Build as for use, optimized
	@Scripts/install-dependencies build
	$(SWIFT) build -c release

format: ## Format the sources
	$(SWIFT) format -i -p -r $(SOURCES)

lint: ## Check the format of the sources
	$(SWIFT) format lint --strict -p -r $(SOURCES)
	for script in Sources/Lab/host.sh Scripts/*; do sh -n $$script || exit; done

bench: release ## Measure: Benchmarks/ says what
	Benchmarks/run

clean: ## Remove what was built
	$(SWIFT) package clean
