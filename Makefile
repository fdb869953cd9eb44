# mfaload needs Go and make, nothing else. `make help` lists the targets.

GO       ?= go
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
LDFLAGS  := -X main.version=$(VERSION)
TOOL     := $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 5s

.PHONY: help build demo test check fuzz lint-contract docs bench compare-table profile clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/mfaload
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/mfaload ./cmd/mfaload

demo: build ## run the quickstart scenario against the embedded simulator
	./bin/mfaload run scenarios/quickstart.yaml

test: check ## everything that CI runs
	# One at a time: tests of the running program share two cores with nobody.
	$(GO) test -race -p 1 -parallel 1 ./...
	@$(MAKE) --no-print-directory fuzz

check: ## formatting, vet, staticcheck, tidy modules, a 32-bit build
	@test -z "$$(gofmt -s -l .)" || { echo 'gofmt -s -w these files:'; gofmt -s -l .; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) vet -tags docs ./cmd/mfaload
	cd bench/clients && $(GO) mod tidy -diff && $(GO) vet .
	$(TOOL) staticcheck ./...
	GOARCH=386 $(GO) build -o /dev/null ./...
	GOOS=windows $(GO) build -o /dev/null ./...
	GOOS=darwin $(GO) build -o /dev/null ./...

fuzz: ## run every fuzz target for FUZZTIME (default 5s)
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "$$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	  done; \
	done

lint-contract: ## lint the contract as OpenAPI with Spectral (needs Node.js)
	tools/lint-contract.sh

docs: build ## write the generated pages anew
	./bin/mfaload contract --format markdown > docs/rules.md
	./bin/mfaload schema --format markdown > docs/scenario.md
	$(GO) run -tags docs ./cmd/mfaload reference > docs/cli.md
