# Two commands do it: `make demo` shows the main job on a real control plane, `make test` passes the tests.
# Both build what they need: the operator with cargo, and once per version a Kubernetes control plane with go.

CARGO ?= cargo
TARGETS = $(or $(CARGO_TARGET_DIR),target)
TARGET = $(TARGETS)/debug

DENY_VERSION = 0.20.2
CACHE = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/responsibility-operator
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

# What make bench builds, and what it measures, as WORKLOADSxASSIGNMENTS: those with as many workloads stand together.
BENCHED = --package benches --package responsibility-operator --package harness
CLUSTERS ?= 1000x200,10000x200,10000x5000

.PHONY: demo test chart e2e bench bench-core bench-programs lint lint-workflows docs image licences audit mutants generate control-plane helm cluster-up cluster-down node-up

demo: control-plane ## Show the main job: a shop, its assignments, the gaps, the Events
	@$(TARGET)/demo

test: control-plane helm ## Run all tests: unit, property, generated files, and those on a real API server
	$(CARGO) test --locked --workspace

e2e: control-plane image ## Try the operator in a Kubernetes with a node: Linux, as root; tells what to install
	@$(TARGET)/e2e

node-up: control-plane image ## Start the Kubernetes of e2e to try things by hand, until Ctrl-C
	@$(TARGET)/e2e --keep

chart: helm ## Run the tests of the chart only: lint, values, objects, rules, generated files
	$(CARGO) test --locked --test chart

bench: bench-programs bench-core ## Measure the operator in large clusters beside the floor: half an hour; writes docs/performance.md
	$(TARGETS)/release/test-cluster build
	$(TARGETS)/release/scale --clusters $(CLUSTERS) --json $(TARGETS)/bench/scale.json
	$(TARGETS)/release/report --scale $(TARGETS)/bench/scale.json --core $(TARGETS)/bench/core.json

bench-core: ## Measure time and allocations of the core for single events and whole clusters; three minutes beside the build
	$(CARGO) bench --locked $(BENCHED) --bench allocations
	$(CARGO) bench --locked $(BENCHED) --bench core

# All at once, with the benchmarks: what they need beside would have everything built anew.
bench-programs:
	$(CARGO) build --locked --release $(BENCHED) --bench allocations --bench core \
		--bin responsibility-operator --bin floor --bin scale --bin report --bin test-cluster

lint: ## Check format, lints, and that the core builds without a client
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --lib -- -D warnings

lint-workflows: $(ACTIONLINT_ROOT)/actionlint ## Check the workflows, and that every action in them is pinned by commit
	$(ACTIONLINT_ROOT)/actionlint
	@! grep -nE 'uses: [^.]' .github/workflows/*.yml | grep -vE '@[0-9a-f]{40} # v[0-9.]+$$' || { echo "pin these by commit, with the version in a comment"; exit 1; }

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
	$(CARGO) install cargo-auditable --quiet --locked --version $(AUDITABLE_VERSION) --root $(AUDITABLE_ROOT)

licences: $(DENY_ROOT)/bin/cargo-deny ## Check licences, sources and banned crates
	$(DENY_ROOT)/bin/cargo-deny --locked check bans licenses sources

audit: $(DENY_ROOT)/bin/cargo-deny ## Check for known vulnerabilities; fetches the advisory database
	$(DENY_ROOT)/bin/cargo-deny --locked check advisories

$(DENY_ROOT)/bin/cargo-deny:
	@echo "building cargo-deny $(DENY_VERSION): once per version, some minutes ..."
	$(CARGO) install cargo-deny --quiet --locked --version $(DENY_VERSION) --root $(DENY_ROOT)

mutants: $(MUTANTS_ROOT)/bin/cargo-mutants ## Break model and inventory in many small ways: do the tests notice? An hour or two
	@echo "what was missed will be in target/mutants.out/missed.txt ..."
	PROPTEST_CASES=64 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 $(MUTANTS_ROOT)/bin/cargo-mutants mutants \
		--package responsibility-operator --no-default-features --file 'src/model/**' --file 'src/inventory/**' \
		--baseline skip --timeout 120 --output target $(MUTANTS_ARGS) -- --lib

$(MUTANTS_ROOT)/bin/cargo-mutants:
	@echo "building cargo-mutants $(MUTANTS_VERSION): once per version, some minutes ..."
	$(CARGO) install cargo-mutants --quiet --locked --version $(MUTANTS_VERSION) --root $(MUTANTS_ROOT)

generate: ## Write the files that are generated: from the types, the data and the chart; builds Helm once, some minutes
	$(CARGO) run --quiet --locked -- crds > crds/crds.yaml
	@mkdir -p docs/reference
	for document in matrix api findings metrics; do $(CARGO) run --quiet --locked -- reference $$document > docs/reference/$$document.md || exit 1; done
	$(CARGO) run --quiet --locked -- reference fulfilment > docs/fulfilment.md
	@$(CARGO) run --quiet --locked --package harness --bin generate-chart

control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into the cache, once per version
	@$(CARGO) build --locked --workspace
	@$(TARGET)/test-cluster build

helm: ## Build Helm into the cache, once per version; prints where it is
	@$(CARGO) build --quiet --locked --workspace
	@$(TARGET)/test-cluster helm

cluster-up: control-plane ## Start a control plane to try things by hand; prints what to export
	@$(TARGET)/test-cluster up

cluster-down: ## Stop the control plane of cluster-up
	@$(CARGO) build --quiet --locked --workspace
	@$(TARGET)/test-cluster down
