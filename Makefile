# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The list of known vulnerabilities is a module too, with one version a commit.
VULNDB := latest

# Tests that compare with PyTorch need a Python that has it: $ETUDE_TEST_PYTHON,
# or the one that `make python` makes. Without one they are skipped.
ifndef ETUDE_TEST_PYTHON
ifneq ($(wildcard .venv/bin/python),)
ETUDE_TEST_PYTHON := $(shell .venv/bin/python -c 'import torch, sys; print(sys.executable)' 2>/dev/null)
endif
endif
ifneq ($(ETUDE_TEST_PYTHON),)
export ETUDE_TEST_PYTHON
endif

# Many tests wait for other processes, Python above all, so that two packages for
# each core are tested at once. Go's own limit of ten minutes a package is too
# little for a machine that does other work at the same time.
TEST := go test -timeout 60m -p $(shell echo $$((2 * $$(nproc))))

# The packages in which memory and goroutines meet. The others start no goroutines.
RACE := ./torch ./torch/internal/... ./torch/data ./torch/dist ./torch/nn ./torch/optim ./torch/pt ./torch/onnx \
	./torch/libtorch ./trainer ./models/music/audio ./models/dataset ./models/dataset/cache ./models/runs \
	./scripts/internal/crash ./scripts/internal/demo ./scripts/internal/gpucheck ./scripts/internal/progress

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: go ## Build bin/etude
	go build -o bin/etude ./scripts/etude

.PHONY: libtorch
libtorch: build ## Install libtorch and ONNX Runtime into the cache, and compile the bridge
	bin/etude setup

.PHONY: demo
demo: build ## Set up, compose a small corpus, train on it, and show what was learned
	bin/etude demo

.PHONY: test
test: libtorch ## Set up, and run all tests
	ETUDE_TEST_REQUIRE_LIBTORCH=1 $(TEST) ./...

.PHONY: race
race: libtorch ## Run the tests of what is concurrent under the race detector
	ETUDE_TEST_REQUIRE_LIBTORCH=1 $(TEST) -race -short $(RACE)

# Where cgo finds what `make gotorch` compiles; CGO_LDFLAGS would compile all packages that use
# cgo again. GoTorch asks for half of the cores, on one core for none, unless a number is given.
with-gotorch = LIBRARY_PATH='$(CURDIR)/bin/gotorch' OMP_NUM_THREADS=$$(nproc)

.PHONY: gotorch
gotorch: libtorch ## Compile GoTorch's C++ for the libtorch that is set up
	bash torch/gotorch/build.sh "$$(bin/etude setup | sed -n 's/^libtorch [^ ]* in //p')" bin/gotorch

.PHONY: test-gotorch
test-gotorch: gotorch ## Lint and test torch/gotorch with GoTorch
	$(with-gotorch) go run $(LINT) run --build-tags gotorch ./torch/gotorch ./scripts/bench/gotorch
	$(with-gotorch) ETUDE_TEST_REQUIRE_LIBTORCH=1 $(TEST) -tags gotorch -ldflags '-r $(CURDIR)/bin/gotorch' ./torch/gotorch

.PHONY: bench
bench: libtorch ## Compare speed and memory with PyTorch, JAX, GoTorch, librosa and C++ in one table (BENCH=-short)
	ETUDE_TEST_REQUIRE_LIBTORCH=1 go test -run '^$$' -bench . -benchtime 1x -timeout 60m $(BENCH) ./scripts/bench

# Where there is no GPU, DEVICE=cpu tries the program itself.
DEVICE ?= cuda

.PHONY: gpu-check
gpu-check: build ## Check a GPU against the CPU, and time it: a JSON file and a table (DEVICE=cuda:N, cpu)
	bin/etude setup $(if $(filter cpu,$(DEVICE)),,--cuda)
	bin/etude gpucheck --device $(DEVICE) --output gpu-check$(if $(filter-out cuda,$(DEVICE)),-$(subst :,,$(DEVICE))).json

# IMAGE is what the images are called. Without a Docker daemon, IMAGE_BUILDER names
# a program that builds them: it is given --no-run, flags of docker build, the
# Dockerfile and the context, and ETUDE_TEST_BUILDAH is the buildah that has them.
IMAGE ?= etude
IMAGE_BUILDER ?= $(wildcard ../shared/container/build-container.sh)
STORE = $(or $(CONTAINER_STORE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/build-container)
ETUDE_TEST_BUILDAH ?= buildah $(if $(IMAGE_BUILDER),--root $(STORE)/overlay --runroot $(STORE)/run-overlay --storage-driver overlay)
build-image = $(if $(IMAGE_BUILDER),bash $(IMAGE_BUILDER) --no-run $(1) Dockerfile.cuda .,DOCKER_BUILDKIT=1 docker build $(1) -f Dockerfile.cuda .)
image-flags = -t $(IMAGE):$(1) --target $(1) \
	--build-arg VERSION=$(shell git describe --tags --always --dirty=+changes 2> /dev/null || echo devel) \
	--build-arg REVISION=$(shell git rev-parse HEAD 2> /dev/null || echo unknown)

.PHONY: image
image: ## Build the container image for NVIDIA GPUs, etude:cuda (IMAGE=name)
	$(call build-image,$(call image-flags,cuda))

.PHONY: image-cpu
image-cpu: ## Build the small image without CUDA, etude:cpu (IMAGE=name)
	$(call build-image,$(call image-flags,cpu))

.PHONY: image-test
image-test: image image-cpu ## Build both images, and test them in containers
	ETUDE_TEST_IMAGES='$(IMAGE):cpu $(IMAGE):cuda' ETUDE_TEST_BUILDAH='$(ETUDE_TEST_BUILDAH)' \
		go test -count=1 -v -timeout 30m ./scripts/image

.PHONY: lint
lint: go ## Run the linters
	go run $(LINT) run ./...

.PHONY: vuln
vuln: go ## Look for known vulnerabilities in what is built in
	go mod download golang.org/x/vulndb@$(VULNDB)
	go run golang.org/x/vulndb/cmd/indexdb@$(VULNDB) -out bin/vulndb \
		-vulns "$$(go list -m -f '{{.Dir}}' golang.org/x/vulndb@$(VULNDB))/data/osv"
	go run $(VULNCHECK) -db 'file://$(CURDIR)/bin/vulndb' ./...

.PHONY: python
python: ## Make .venv, a Python with what the tests compare with
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement scripts/requirements-test.txt

.PHONY: clean
clean: ## Remove what was built here; the cache of etude setup stays
	rm -rf bin .venv demo runs

.PHONY: go
go:
	@command -v go > /dev/null || { echo 'Go 1.26 or newer is needed: see https://go.dev/doc/install' >&2; exit 1; }
	@command -v gcc > /dev/null || command -v clang > /dev/null || \
		{ echo 'A C and C++ compiler is needed, for example: apt-get install g++' >&2; exit 1; }
