# `make unit` and `make test` run the tests, `make demo` shows the operator on a real control plane.
# Each target builds what it needs: the operator with cargo, and a Kubernetes control plane once per version. BINARIES
# chooses how: build (the default, with Go) or download (official binaries, checked against sums in this repository).

CARGO ?= cargo
TARGETS = $(or $(CARGO_TARGET_DIR),target)
TARGET = $(TARGETS)/debug
export BINARIES

# Cargo unifies the features of dependencies over all packages that it builds together, and compiles a crate again for
# other features. All targets name the same packages here, and share the crates. There are no examples: --examples has the
# effect that a build has the features of the tests.
PACKAGES ?= --package responsibility-operator --package harness --package generate
BUILD = $(CARGO) build --locked $(PACKAGES) --examples
# The demo needs a third fewer crates than the tests. With PACKAGES in the environment it shares those of the tests.
DEMO_BUILD = $(if $(filter environment,$(origin PACKAGES)),$(BUILD),$(CARGO) build --locked --package responsibility-operator --package harness)

# Tools are built once per version, without optimization: they run for seconds.
INSTALL = CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --debug --locked
CACHE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/responsibility-operator
DENY_VERSION = 0.20.2
DENY_ROOT = $(CACHE)/tools/cargo-deny-$(DENY_VERSION)
MUTANTS_VERSION = 27.1.0
MUTANTS_ROOT = $(CACHE)/tools/cargo-mutants-$(MUTANTS_VERSION)
AUDITABLE_VERSION = 0.7.7
AUDITABLE_ROOT = $(CACHE)/tools/cargo-auditable-$(AUDITABLE_VERSION)
ACTIONLINT_VERSION = 1.7.12
ACTIONLINT_ROOT = $(CACHE)/tools/actionlint-$(ACTIONLINT_VERSION)
MDBOOK_VERSION = 0.5.4
MDBOOK_ROOT = $(CACHE)/tools/mdbook-$(MDBOOK_VERSION)
HYPERLINK_VERSION = 0.3.2
HYPERLINK_ROOT = $(CACHE)/tools/hyperlink-$(HYPERLINK_VERSION)

# The programs of make bench, and the sizes of the measured clusters as WORKLOADSxASSIGNMENTS. Write sizes with the same
# number of workloads next to each other.
BENCHED = --package benches --package responsibility-operator --package harness
CLUSTERS ?= 1000x200,10000x200,10000x5000

# The number of objects and the number of byte strings of make fuzz.
FUZZ_CASES ?= 1000

.PHONY: demo unit fuzz test chart e2e bench bench-core bench-programs lint lint-workflows docs image licences audit mutants \
	generate measures control-plane pin-binaries helm cluster-up cluster-down node-up

demo: ## Show the operator on a real control plane: a shop, its assignments, the gaps, the Events
	@$(DEMO_BUILD) --bin responsibility-operator --bin demo
	@$(TARGET)/demo

unit: ## Run the unit and property tests of the library: no Go, no control plane
	@started=$$(date +%s); $(CARGO) test --locked --package responsibility-operator --lib && \
		echo "make unit took $$(($$(date +%s) - started)) s"

fuzz: ## Send changed objects and bytes to the decoders of all kinds, for about a minute
	PROPTEST_CASES=$(FUZZ_CASES) $(CARGO) test --locked --package responsibility-operator --lib -- decode::

test: control-plane helm ## Run all tests: unit tests, generated files, the chart, and the tests on a real API server
	$(CARGO) test --locked $(PACKAGES)

chart: helm ## Run the tests of the chart only: lint, values, objects, rules, generated files
	$(CARGO) test --locked $(PACKAGES) --test chart

e2e: image ## Test the operator in a Kubernetes with a node. Needs Linux and root; reports missing programs
	@$(BUILD) --bin e2e
	@$(TARGET)/e2e

node-up: image ## Start the Kubernetes of e2e for experiments; runs until Ctrl-C
	@$(BUILD) --bin e2e
	@$(TARGET)/e2e --keep

bench: bench-programs bench-core ## Measure the operator in large clusters and write docs/performance.md: half an hour
	$(TARGETS)/release/test-cluster build
	$(TARGETS)/release/scale --clusters $(CLUSTERS) --json $(TARGETS)/bench/scale.json
	$(TARGETS)/release/report --scale $(TARGETS)/bench/scale.json --core $(TARGETS)/bench/core.json

bench-core: ## Measure time and allocations of the core for single events and whole clusters: three minutes after the build
	$(CARGO) bench --locked $(BENCHED) --bench allocations
	$(CARGO) bench --locked $(BENCHED) --bench core

# All programs and benchmarks in one build, so that they share their crates.
bench-programs:
	$(CARGO) build --locked --release $(BENCHED) --bench allocations --bench core \
		--features responsibility-operator/jemalloc --bin responsibility-operator --bin floor --bin scale --bin report --bin test-cluster

lint: ## Check the format and the lints, and that the core builds without a Kubernetes client
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --lib -- -D warnings

lint-workflows: $(ACTIONLINT_ROOT)/actionlint ## Check the GitHub workflows, and that each action is pinned to a commit
	$(ACTIONLINT_ROOT)/actionlint
	@! grep -nE 'uses: [^.]' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9.]+$$' || \
		{ echo "pin these actions to a commit, with the version in a comment"; exit 1; }

$(ACTIONLINT_ROOT)/actionlint:
	@echo "building actionlint $(ACTIONLINT_VERSION): once per version, a minute ..."
	GOBIN=$(ACTIONLINT_ROOT) go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT_VERSION)

docs: $(MDBOOK_ROOT)/bin/mdbook $(HYPERLINK_ROOT)/bin/hyperlink ## Build the documentation site into target/book; check the links of all Markdown files
	$(MDBOOK_ROOT)/bin/mdbook build --dest-dir $(abspath $(TARGETS))/book
	.ci/check-links $(MDBOOK_ROOT)/bin/mdbook $(HYPERLINK_ROOT)/bin/hyperlink $(abspath $(TARGETS))/book

$(MDBOOK_ROOT)/bin/mdbook:
	@echo "building mdbook $(MDBOOK_VERSION): once per version, some minutes ..."
	$(CARGO) install mdbook --quiet --locked --version $(MDBOOK_VERSION) --root $(MDBOOK_ROOT) --no-default-features --features search

$(HYPERLINK_ROOT)/bin/hyperlink:
	@echo "building hyperlink $(HYPERLINK_VERSION): once per version, a minute ..."
	$(CARGO) install hyperlink --quiet --locked --version $(HYPERLINK_VERSION) --root $(HYPERLINK_ROOT)

image: $(AUDITABLE_ROOT)/bin/cargo-auditable ## Build the container image with buildah, Podman or Docker
	@PATH="$(AUDITABLE_ROOT)/bin:$$PATH" deploy/image.sh

$(AUDITABLE_ROOT)/bin/cargo-auditable:
	@echo "building cargo-auditable $(AUDITABLE_VERSION): once per version, a minute ..."
	$(INSTALL) cargo-auditable --version $(AUDITABLE_VERSION) --root $(AUDITABLE_ROOT)

licences: $(DENY_ROOT)/bin/cargo-deny ## Check the licences and sources of all crates, and that no banned crate is used
	$(DENY_ROOT)/bin/cargo-deny --locked check bans licenses sources

audit: $(DENY_ROOT)/bin/cargo-deny ## Check for known vulnerabilities; downloads the advisory database, and is skipped if it cannot
	@.ci/audit $(DENY_ROOT)/bin/cargo-deny

$(DENY_ROOT)/bin/cargo-deny:
	@echo "building cargo-deny $(DENY_VERSION): once per version, some minutes ..."
	$(INSTALL) cargo-deny --version $(DENY_VERSION) --root $(DENY_ROOT)

mutants: $(MUTANTS_ROOT)/bin/cargo-mutants ## Run the tests on mutations of model and inventory: an hour or two
	@echo "target/mutants.out/missed.txt will list the mutations that no test detects ..."
	PROPTEST_CASES=64 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 $(MUTANTS_ROOT)/bin/cargo-mutants mutants \
		--package responsibility-operator --no-default-features --file 'src/model/**' --file 'src/inventory/**' \
		--baseline skip --timeout 120 --output target $(MUTANTS_ARGS) -- --lib

$(MUTANTS_ROOT)/bin/cargo-mutants:
	@echo "building cargo-mutants $(MUTANTS_VERSION): once per version, some minutes ..."
	$(INSTALL) cargo-mutants --version $(MUTANTS_VERSION) --root $(MUTANTS_ROOT)

generate: ## Write the generated files, from the types, the data, the samples and the chart; builds Helm once, some minutes
	$(CARGO) run --quiet --locked -- crds > crds/crds.yaml
	$(CARGO) run --quiet --locked --package generate
	@$(CARGO) run --quiet --locked --package harness --bin generate-chart

measures: ## Print the measures of the source code that CONTRIBUTING.md lists
	@.ci/measures

control-plane: ## Provide etcd, kube-apiserver, kube-controller-manager and kubectl in the cache, once per version
	@$(BUILD) --bin test-cluster
	@$(TARGET)/test-cluster build

pin-binaries: ## Download the official binaries of the pinned versions for all platforms and write their SHA-256 sums
	@$(BUILD) --bin test-cluster
	@$(TARGET)/test-cluster pin-binaries

helm: ## Build Helm into the cache, once per version, and print its path
	@$(BUILD) --bin test-cluster
	@$(TARGET)/test-cluster helm

cluster-up: ## Start a control plane for experiments and print its KUBECONFIG
	@$(BUILD) --bin test-cluster
	@$(TARGET)/test-cluster up

cluster-down: ## Stop the control plane of cluster-up
	@$(BUILD) --bin test-cluster
	@$(TARGET)/test-cluster down
