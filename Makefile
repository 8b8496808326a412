# What the targets need is in README.md; `make test` is the one to run before a commit.

# The programs that `make test-deps` fetches.
export PATH := $(CURDIR)/.test-deps/bin:$(PATH)

PLATFORMS = linux-amd64 linux-arm64 linux-arm darwin-amd64 darwin-arm64 windows-amd64
FUZZTIME ?= 30000x

.PHONY: help build test check test-deps bench fuzz cross package clean $(PLATFORMS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

build: ## the program, as ./announcer
	go build -o announcer ./cmd/announcer

test: check ## build, vet, staticcheck, gofmt and all tests with the race detector (NOSKIP=1: none may be skipped)
ifdef NOSKIP
	go test -race -json ./... | go run ./internal/noskip
else
	go test -race ./...
endif

check:
	go build ./...
	go vet ./...
	go tool staticcheck ./...
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt -w wants to change: $$unformatted"; exit 1; }

test-deps: ## the programs that the interop tests talk to, unpacked into .test-deps
	@.ci/test-deps

bench: ## every benchmark
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for FUZZTIME: a number of inputs (30000x) or a time (1m)
	@grep -r --include='*_test.go' '^func Fuzz' . | sed -E 's|/[^/]*:func (Fuzz[A-Za-z0-9_]*).*| \1|' | while read -r dir target; do \
		echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$dir" || exit 1; done

cross: $(PLATFORMS) ## the program for every platform, in dist/

$(PLATFORMS):
	CGO_ENABLED=0 GOOS=$(word 1,$(subst -, ,$@)) GOARCH=$(word 2,$(subst -, ,$@)) GOARM=7 \
		go build -trimpath -ldflags '-s -w' -o dist/announcer-$@$(if $(filter windows-%,$@),.exe) ./cmd/announcer

package: ## a .deb and an .rpm for amd64, arm64 and armv7, in dist/
	packaging/build dist amd64 arm64 arm7

clean: ## remove what the other targets made
	rm -rf announcer dist .test-deps
