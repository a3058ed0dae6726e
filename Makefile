# What can be done here: make help.

PREFIX  ?= /usr/local
GO      ?= go
# Arguments for "make run": make run ARGS="snapshot --for 10s"
ARGS    ?=
# Inputs for each target of "make fuzz", or a time such as 5m.
FUZZTIME ?= 200000x

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# A Go older than go.mod asks for fetches the right one (Go 1.21 and later).
export GOTOOLCHAIN ?= auto

.DEFAULT_GOAL := build
.PHONY: help build run test lint vuln fuzz bench install uninstall clean check-go

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

build: check-go ## build ./bwmon, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bwmon ./cmd/bwmon

run: build ## build and open the full-screen view, with sudo where needed
	@scripts/run-as-root ./bwmon $(ARGS)

test: check-go ## pass all tests; installs what they need where it may
	@GO="$(GO)" scripts/test

lint: check-go ## gofmt, go vet, staticcheck
	@GO="$(GO)" scripts/lint

vuln: check-go ## look for known vulnerabilities; asks vuln.go.dev
	@GO="$(GO)" scripts/vuln

fuzz: check-go ## run every fuzz target on FUZZTIME inputs
	@GO="$(GO)" scripts/fuzz $(FUZZTIME)

bench: check-go ## run all benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

install: build ## install below PREFIX (/usr/local)
	install -Dm 755 bwmon $(DESTDIR)$(PREFIX)/bin/bwmon
	install -Dm 644 bwmon.toml $(DESTDIR)$(PREFIX)/share/doc/bwmon/bwmon.toml
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in bwmon.service bwmon-receive.service; do \
		sed 's#/usr/local/bin/#$(PREFIX)/bin/#' dist/systemd/$$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit; done
	install -m 644 dist/systemd/bwmon.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/bwmon.socket
	./bwmon man --dir $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	./bwmon completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bwmon

uninstall: ## remove what install put there; configuration stays
	rm -f $(DESTDIR)$(PREFIX)/bin/bwmon
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/bwmon.1 $(DESTDIR)$(PREFIX)/share/man/man1/bwmon-*.1
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bwmon
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,bwmon.service bwmon-receive.service bwmon.socket)
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/bwmon

clean: ## remove what building left
	rm -f bwmon

check-go:
	@GO="$(GO)" scripts/check-go
