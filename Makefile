# mfaload needs Go and make, nothing else. `make help` lists the targets.

GO       ?= go
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
LDFLAGS  := -X main.version=$(VERSION)
TOOL     := $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 3s
SOAK     ?= 1h
TORTURE  ?= 200

.PHONY: help build demo test quick fleet-test check fuzz causes mutants soak torture lint-contract lint-action security licenses release release-check image-check docs bench benchmarks compare-table verdict-table verdict-sockets capacity-table profile clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/mfaload
	$(GO) build -tags grpcnotrace -trimpath -ldflags '$(LDFLAGS)' -o bin/mfaload ./cmd/mfaload

demo: build ## run the quickstart scenario against the embedded simulator
	./bin/mfaload run scenarios/quickstart.yaml

# What computes and starts nothing (a test holds the packages to that): there the
# race detector finds nothing, and takes ten times as long. The same is true of most
# tests of ./measure/..., and of those of ./contract, ./pingone/... and ./runner in COMPUTE.
PURE    := ./bench/model ./capacity ./internal/... ./pingone/generate ./report/... ./runner/plan/... ./runner/schedule ./scenario/...
COMPUTE := AcceptPathAgrees|MutantsAre|NoFalseAlarms|ShrunkAre|EscapesCost|WindowIsExact|AllocateNothing|PlantedDefects|AgreeWithTheLibrary|AgreeOnRandom|QuickForms|NeedOfASoak|HostileResponses

# Their tests send on time: one package at a time, so that nothing else wants the
# processors. Within one, tests that mostly wait run side by side; those that tell
# a service apart from the machine do not call Parallel, and run alone.
TIMED := ./fleet ./live ./pingone/... ./runner

# Tests of ./cmd/mfaload run the built program. These build it with the race detector.
RACE := TestScripts/(closed|fleet|listen|run_fail|run_interrupt|run_pass|tokens)$$

# What tells time apart depends on the machine too. A test that fails is run once more,
# alone; if it passes then, the summary names it. A data race, a panic and more than
# six failures, subtests included, are final.
ONTIME := $(TOOL) gotestsum --format standard-quiet --hide-summary skipped \
	--rerun-fails=1 --rerun-fails-max-failures=6 --rerun-fails-abort-on-data-race

test: check ## formatting, vet, staticcheck, all tests, with -race where anything runs side by side; the same result every time
	$(GO) test -vet=off $(PURE) ./measure/...
	$(GO) test -race -vet=off -run 'Live|ManyWorkers|Tick|Snapshots' ./measure
	$(GO) test -race -vet=off -skip 'MutantsAre|NoFalseAlarms|ShrunkAre' $$($(GO) list ./... | grep -vxF "$$($(GO) list $(PURE) $(TIMED) ./contract ./measure/... ./cmd/mfaload)")
	$(GO) test -race -vet=off -skip '$(COMPUTE)' ./contract
	$(GO) test -vet=off -run '$(COMPUTE)' ./contract ./pingone/... ./runner ./session/check
	$(ONTIME) --packages '$(TIMED)' -- -race -vet=off -skip '$(COMPUTE)' -p 1 -parallel 4
	$(ONTIME) --packages ./cmd/mfaload -- -vet=off -parallel 10
	$(ONTIME) --packages ./cmd/mfaload -- -race -vet=off -parallel 4 -run '$(RACE)'

quick: ## formatting and the tests that need no race detector, no real time, no browser and no network (under a minute)
	@test -z "$$(gofmt -s -l .)" || { echo 'gofmt -s -w these files:'; gofmt -s -l .; exit 1; }
	$(GO) test -short ./...

fleet-test: ## runs on many machines as processes, with broken networks, killed processes and other NATS servers (2 minutes)
	tools/nats-server.sh
	$(ONTIME) --packages ./fleet -- -tags fleettest -p 1 -parallel 1 -count 1 -run 'Debian|Cluster|Large|Credentials'
	$(ONTIME) --packages ./cmd/mfaload -- -tags fleettest -p 1 -parallel 1 -count 1 -run TestFleet
	cd deploy/manifests && $(GO) mod tidy -diff && $(GO) vet . && $(GO) test .

check: ## formatting, words, vet, staticcheck, tidy modules, types on other systems
	tools/words.sh
	@test -z "$$(gofmt -s -l .)" || { echo 'gofmt -s -w these files:'; gofmt -s -l .; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) vet -tags docs,fleettest ./fleet ./cmd/mfaload
	cd bench/clients && $(GO) mod tidy -diff && $(GO) vet .
	$(TOOL) staticcheck ./...
	$(GO) run -C tools ./types linux/386 windows/amd64 darwin/arm64

fuzz: ## search with every fuzz target for FUZZTIME (default 3s); make test runs their seeds and corpus
	@GO='$(GO)' FUZZTIME=$(FUZZTIME) tools/fuzz.sh

torture: ## 200 random runs that are interrupted, killed and rebuilt (TORTURE=1000 for more; make test makes the first 16)
	MFALOAD_TORTURE=$(TORTURE) $(GO) test -run '^TestTorture$$' -count 1 -parallel 4 -timeout 0 ./cmd/mfaload

causes: ## what the report names as the cause of delays that are injected, on a network device too (Linux, a minute)
	MFALOAD_CAUSES=all $(GO) test ./cmd/mfaload -run 'TestCauses' -count 1 -v

mutants: ## how many defects of a service a check with generated requests finds, and Prism next to it (a quarter of an hour)
	@echo "at commit $$(git describe --always --dirty)"
	@MFALOAD_MUTANTS=all MFALOAD_PRISM="$$(tools/prism.sh)" $(GO) test ./session/check \
	  -run 'TestMutantsAreKilled|TestNoFalseAlarms|TestShrunkAreSmallest' -count 1 -v -timeout 120m

soak: ## an hour at 2,000/s, watched from outside (SOAK=5m for less; let nothing else run)
	MFALOAD_SOAK=$(SOAK) $(GO) test -run '^TestSoak$$' -timeout 0 -v ./cmd/mfaload

lint-contract: ## lint the contract as OpenAPI with Spectral (needs Node.js)
	tools/lint-contract.sh

lint-action: ## lint the GitHub Action against GitHub's schema (needs Node.js)
	tools/lint-action.sh

GOSEC := v2.30.0

security: ## known vulnerabilities (govulncheck), insecure code (gosec), licenses
	$(GO) run -C tools ./vulns
	$(GO) run -C tools ./licenses | diff docs/licenses.md - || { echo 'a dependency changed: make licenses'; exit 1; }
	# Not in tools/go.mod: gosec brings sixty modules that none of our tools needs.
	@if $(GO) mod download github.com/securego/gosec/v2@$(GOSEC) 2>/dev/null; then \
	  $(GO) run github.com/securego/gosec/v2/cmd/gosec@$(GOSEC) -quiet -exclude $(NOTSEC) \
	    -exclude-dir bench -exclude-dir tools -exclude-dir charttest -exclude-dir schematest -exclude-dir testkit \
	    -exclude-dir transporttest ./...; \
	else echo 'insecure code: NOT CHECKED: gosec can not be had from the Go module proxy'; fi

# What gosec may not ask for: G103 reads strings without a copy in hot places,
# each measured; G104 is staticcheck's and vet's work; G115 takes a count for an
# overflow; G304 a program that reads the files its user names for a server;
# G404 wants no seed where a seed is what makes a schedule repeatable.
NOTSEC := G103,G104,G115,G304,G404

licenses: ## list the licenses of what is linked in
	$(GO) run -C tools ./licenses > docs/licenses.md

# A fixed toolchain, so that a release is the same bytes wherever it is made.
release release-check: export GOTOOLCHAIN = go1.27.3

release: ## build dist: archives for all systems, checksums, bills of materials
	$(GO) run -C tools ./vulns -strict
	$(GO) run -C tools ./release -version $(VERSION)

release-check: ## build a release twice, in two folders and with two caches, and compare
	tools/release-check.sh

image-check: ## make the image's files, measure and start them (Docker is not needed)
	deploy/image-check.sh

docs: build ## write the generated pages and JSON Schemas
	$(GO) test ./report ./capacity ./session -run SchemaIsGenerated -update
	$(GO) test ./pingone/limits -run PageIsGenerated -update
	./bin/mfaload contract --format markdown > docs/rules.md
	./bin/mfaload schema --format markdown > docs/scenario.md
	$(GO) run -tags docs ./cmd/mfaload reference > docs/cli.md

bench: build ## make bench/RESULTS.md: compare with peers side by side (15 minutes; let nothing else run)
	bench/peers.sh
	$(GO) build -o bench/.peers/server ./bench/server
	cd bench/clients && $(GO) build -o ../.peers/clients .
	PATH=$$PATH:/usr/sbin $(GO) run ./bench -out bench/RESULTS.md

benchmarks: ## run the benchmarks of all packages (half an hour; let nothing else run)
	$(GO) test -p 1 -run '^$$' -bench . -benchmem ./...

compare-table: ## make the tables of docs/compare.md: how often comparing is wrong (an hour)
	$(GO) test ./report/compare -run TestTable -long -first 50000 -v -timeout 180m | grep '^|'

verdict-table: ## make the tables of docs/verdicts.md: how often a verdict is wrong (half an hour)
	$(GO) test ./report -run 'Test(Verdict|Warmup)Table' -long -v -timeout 180m | grep '^|'

verdict-sockets: ## hold docs/verdicts.md against 40 real runs of a minute (5 minutes; let nothing else run)
	MFALOAD_SOCKETS=40 $(GO) test ./cmd/mfaload -run TestVerdictOnSockets -parallel 10 -count 1 -v -timeout 30m | grep '^|'

capacity-table: ## make the table of docs/capacity.md: how often a search for capacity is wrong (some minutes)
	$(GO) test ./capacity -run TestTruth -long -first 50000 -v -timeout 60m | grep '^|'

profile: ## show where the hot path spends its time
	$(GO) test -run '^$$' -bench Throughput -benchtime 500000x -cpuprofile profile.out -o profile.test ./cmd/mfaload
	$(GO) tool pprof -top -cum -nodecount 60 profile.test profile.out
	@echo 'look further with: go tool pprof -http : profile.test profile.out'

clean: ## remove what was built and run
	rm -rf bin results profile.test profile.out bench/.peers
