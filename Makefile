# README.md lists what the targets need. Run `make test` before a commit.

# The programs that `make test-deps` fetches.
export PATH := $(CURDIR)/.test-deps/bin:$(PATH)

PLATFORMS = linux-amd64 linux-arm64 linux-arm darwin-amd64 darwin-arm64 windows-amd64
# Other systems than Linux for which go vet checks all files, including tests.
OTHERS = darwin windows freebsd
FUZZTIME ?= 30000x

.PHONY: help build test check lan test-deps screenshots boot-test bench bench-smoke fuzz compare recipes world endurance endurance-life endurance-lan endurance-world endurance-boot cross package release release-test image clean $(PLATFORMS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

build: ## the program, as ./announcer
	go build -o announcer ./cmd/announcer

test: check lan world ## build, vet, staticcheck, gofmt and all tests with the race detector (NOSKIP=1: none may be skipped)
	ANNOUNCER_RUN=$$(date +%s%N) go test -race -timeout 20m -json ./... | go run ./internal/testkit/verdict $(if $(NOSKIP),-noskip)

check:
	go build ./...
	go vet ./...
	@for os in $(OTHERS); do echo GOOS=$$os go vet ./...; GOOS=$$os go vet ./... || exit 1; done
	go tool staticcheck ./...
	go vet -tags boot ./packaging/...
	go tool staticcheck -tags boot ./packaging/...
	go -C compare vet ./...
	go -C compare tool staticcheck ./...
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt -w wants to change: $$unformatted"; exit 1; }

# Simulations have one goroutine: the race detector finds nothing in them and takes ten times as long.
lan: ## the LAN in a box with 30 seeds
	go test -run LANInABox ./internal/testkit/conformance

# Goroutines of many hosts take turns here: their races are looked for with a few seeds in `make test`.
world: ## whole daemons in simulated worlds with 200 seeds (SEEDS=N: with so many)
	go test -count 1 -timeout 3h -run '^TestWorld$$' ./internal/testkit/world -world.seeds $(or $(SEEDS),200)

test-deps: ## the programs that the interop tests talk to, unpacked into .test-deps
	@.ci/test-deps

screenshots: ## pictures of the page of the daemon, into docs/screenshots/
	go test -count 1 -run '^TestScreenshots$$' ./internal/web -screenshots $(CURDIR)/docs/screenshots

boot-test: ## the .deb on emulated Debians with systemd as process 1, which .ci/boot-deps makes (BOOTRUN=REGEXP: some tests of one; PAUSE=10m: of a long pause)
	@.ci/boot-deps
	go test -count 1 -tags boot -timeout 1h $(if $(NOSKIP),-json,-v) -run '^TestBoot$$' ./packaging -boot.run '$(BOOTRUN)' $(if $(PAUSE),-boot.pause $(PAUSE)) \
		$(if $(NOSKIP),| go run ./internal/testkit/verdict -noskip)

bench: ## every benchmark, then the comparison with other responders and a fleet: writes the tables of docs/performance.md and docs/fleet.md
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go test -count 1 -timeout 30m -v . -full -report ../docs/performance.md -fleet ../docs/fleet.md

bench-smoke: ## the same comparison and fleet with small numbers, as a test of the benchmark
	cd bench && go vet ./... && "$$(go -C .. tool -n staticcheck)" ./... && go test -count 1 -parallel 5 .

fuzz: ## every fuzz target for FUZZTIME: a number of inputs (30000x) or a time (1m)
	@grep -r --include='*_test.go' '^func Fuzz' . | sed -E 's|/[^/]*:func (Fuzz[A-Za-z0-9_]*).*| \1|' | while read -r dir target; do \
		echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$dir" || exit 1; done

compare: ## the conformance suite against announcer and other responders, into docs/conformance.md (NEW=1: only the rules that it lacks)
	go -C compare test -count 1 -timeout 1h -v -run TestAnnouncerPassesWhatOthersPass -doc ../docs/conformance.md $(if $(NEW),-new) .

recipes: ## the files of examples/ for other systems (Prometheus, Grafana and others), each checked by the tool that loads it
	cd recipes && go vet ./... && "$$(go -C .. tool -n staticcheck)" ./...
	cd recipes && ANNOUNCER_RUN=$$(date +%s%N) go test -timeout 10m -json ./... | go -C .. run ./internal/testkit/verdict $(if $(NOSKIP),-noskip)

endurance: endurance-life endurance-lan endurance-world endurance-boot ## long tests: a daemon's long life, the LAN in a box with 1,000 seeds, worlds with 10,000, emulated machines

endurance-life:
	go test -count 1 -timeout 1h -v ./internal/testkit/endurance -endurance.long

endurance-lan:
	go test -count 1 -timeout 2h -run LANInABox ./internal/testkit/conformance -lan.seeds 1000

endurance-world:
	$(MAKE) world SEEDS=10000

endurance-boot:
	$(MAKE) boot-test PAUSE=10m

cross: $(PLATFORMS) ## the program for every platform, in dist/

$(PLATFORMS):
	CGO_ENABLED=0 GOOS=$(word 1,$(subst -, ,$@)) GOARCH=$(word 2,$(subst -, ,$@)) GOARM=7 \
		go build -trimpath -ldflags '-s -w' -o dist/announcer-$@$(if $(filter windows-%,$@),.exe) ./cmd/announcer

package: ## a .deb and an .rpm for amd64, arm64 and armv7, in dist/
	packaging/build dist amd64 arm64 arm7

image: ## an OCI image for amd64, arm64 and armv7, in dist/image and dist/image.tar
	cd recipes && go run ./image .. ../dist/image

release: ## what is published, in dist/release (KEY=FILE: signed by an SSH key; GOVULNDB=file:///…: checked for vulnerabilities)
	go -C release run . -project $(CURDIR) -out $(CURDIR)/dist/release -packages -platforms '$(PLATFORMS)' \
		$(if $(KEY),-key '$(abspath $(KEY))') $(if $(GOVULNDB),-govulndb '$(GOVULNDB)')

release-test: ## a release from two clones, compared, verified and read (FULL=1: all platforms and packages)
	cd release && go vet ./... && "$$(go -C .. tool -n staticcheck)" ./... && go test -count 1 -timeout 1h . $(if $(FULL),-full)

clean: ## remove what the other targets made
	rm -rf announcer dist .test-deps
