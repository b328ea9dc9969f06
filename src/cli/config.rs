//! Configuration file for structured settings, given by `--config`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::names::{is_label, is_subdomain};
use crate::extract::ConfiguredKind;
use crate::facts::WorkloadKind;
use crate::matrix::Matrix;
use crate::model::NodeRule;
use crate::signals::{CustomSignal, SignalSetting, SignalSettings};

/// Maximum size of the file in bytes. A ConfigMap has the same limit.
const SIZE_LIMIT: u64 = 1024 * 1024;
/// Maximum number of entries of `workloadKinds`.
const WORKLOAD_KINDS: usize = 32;
/// Maximum number of entries of `nodeModels`.
const NODE_MODELS: usize = 64;
/// Maximum number of entries of `nodeAgents`.
const NODE_AGENTS: usize = 256;
/// Maximum number of entries of `customSignals`.
const CUSTOM_SIGNALS: usize = 32;
/// Maximum number of entries of `allowedRegistries`.
const REGISTRIES: usize = 256;
/// Maximum length in bytes of a text of a node rule and of an allowed registry.
const TEXT_LIMIT: usize = 512;
/// Maximum length in bytes of a message of a custom signal.
const MESSAGE_LIMIT: usize = 256;

/// Parsed and checked configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct FileConfig {
    /// Kinds of workload in addition to the built-in ones.
    pub(super) workload_kinds: Vec<ConfiguredKind>,
    /// Rules for the service model of nodes. They come before the built-in ones.
    pub(super) node_models: Vec<NodeRule>,
    /// Names of DaemonSets that need access to their node, in addition to the built-in ones.
    pub(super) node_agents: Vec<String>,
    /// True if the provider runs the control plane, even if no node shows it.
    pub(super) managed_control_plane: bool,
    /// Settings of signals, by the name of the signal.
    signals: BTreeMap<String, SignalSetting>,
    /// Signals about kinds that the user configures.
    custom_signals: Vec<CustomSignal>,
    /// Allowed prefixes of image names.
    pub(super) allowed_registries: Vec<String>,
    /// Namespace in which Velero runs.
    velero_namespace: Option<String>,
    /// Settings of all signals, with the checked rules of custom signals. Not a field of the file.
    #[serde(skip)]
    pub(super) signal_settings: SignalSettings,
}

impl FileConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is too large, or contains an invalid value. The message names the field.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let read = || {
            let mut text = String::new();
            let file = File::open(path)?;
            file.take(SIZE_LIMIT + 1).read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        let path = path.display();
        let text = read().with_context(|| format!("cannot read {path}, which --config names"))?;
        ensure!(
            text.len() as u64 <= SIZE_LIMIT,
            "{path} has more than {SIZE_LIMIT} bytes; reduce it, or check that --config names the right file"
        );
        Self::parse(&text).with_context(|| format!("{path} cannot be used"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        // A file that contains only comments parses as null.
        let parsed: Option<Self> =
            serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.without_snippet()))?;
        let mut config = parsed.unwrap_or_default();
        check_workload_kinds(&config.workload_kinds)?;
        check_length("nodeModels", config.node_models.len(), NODE_MODELS)?;
        for (index, rule) in config.node_models.iter().enumerate() {
            check_rule(rule).with_context(|| format!("nodeModels[{index}]"))?;
        }
        check_length("nodeAgents", config.node_agents.len(), NODE_AGENTS)?;
        for (index, name) in config.node_agents.iter().enumerate() {
            ensure!(
                is_subdomain(name),
                "nodeAgents[{index}]: {name:?} is not a valid DaemonSet name; write a name such as my-agent"
            );
        }
        check_length("customSignals", config.custom_signals.len(), CUSTOM_SIGNALS)?;
        for (index, signal) in config.custom_signals.iter().enumerate() {
            check_custom_signal(signal).with_context(|| format!("customSignals[{index}]"))?;
        }
        config.signal_settings = config.build_signal_settings()?;
        check_length("allowedRegistries", config.allowed_registries.len(), REGISTRIES)?;
        for (index, registry) in config.allowed_registries.iter().enumerate() {
            ensure!(
                is_image_prefix(registry),
                "allowedRegistries[{index}]: {registry:?} is not a valid prefix of an image name; write a prefix such as \
                 registry.example.com/shop"
            );
        }
        if let Some(name) = &config.velero_namespace {
            ensure!(
                is_label(name),
                "veleroNamespace: {name:?} is not a valid namespace name; write the namespace of Velero, such as velero"
            );
        }
        Ok(config)
    }

    /// Returns the settings of the built-in and the custom signals.
    fn build_signal_settings(&self) -> anyhow::Result<SignalSettings> {
        let settings = SignalSettings::new(self.signals.clone()).context("signals")?;
        let settings = settings
            .with_custom(&self.custom_signals)
            .map_err(|(index, problem)| anyhow::anyhow!("customSignals[{index}]: {problem}"))?;
        let settings = settings.with_registries(!self.allowed_registries.is_empty());
        Ok(settings.with_velero_in(self.velero_namespace.clone()))
    }
}

/// Returns true if an image name can start with this text.
fn is_image_prefix(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
    !text.is_empty()
        && text.len() <= TEXT_LIMIT
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_allowed)
}

fn check_length(field: &str, length: usize, limit: usize) -> anyhow::Result<()> {
    ensure!(length <= limit, "{field} has {length} entries; write at most {limit}");
    Ok(())
}

fn check_workload_kinds(kinds: &[ConfiguredKind]) -> anyhow::Result<()> {
    check_length("workloadKinds", kinds.len(), WORKLOAD_KINDS)?;
    let (mut kinds_before, mut plurals_before) = (BTreeSet::new(), BTreeSet::new());
    for (index, kind) in kinds.iter().enumerate() {
        check_workload_kind(kind).with_context(|| format!("workloadKinds[{index}]"))?;
        let is_new_kind = kinds_before.insert((&kind.group, kind.kind.to_ascii_lowercase()));
        let is_new_plural = plurals_before.insert((&kind.group, &kind.plural));
        ensure!(
            is_new_kind && is_new_plural,
            "workloadKinds[{index}]: {} of {} is listed twice; keep one entry",
            kind.kind,
            kind.group
        );
    }
    Ok(())
}

/// Checks the group, version, kind and plural of a kind to watch.
fn check_kind([group, version, kind, plural]: [&str; 4]) -> anyhow::Result<()> {
    ensure!(
        is_subdomain(group),
        "group: {group:?} is not a valid API group; write the group of the kind, such as argoproj.io"
    );
    ensure!(
        is_label(version),
        "version: {version:?} is not a valid version; write the served version, such as v1alpha1"
    );
    ensure!(
        is_label(&kind.to_ascii_lowercase()),
        "kind: {kind:?} is not a valid kind; write it as in the CRD, such as Rollout"
    );
    ensure!(
        is_label(plural),
        "plural: {plural:?} is not a valid plural; write it as in kubectl api-resources, such as rollouts"
    );
    Ok(())
}

fn check_custom_signal(signal: &CustomSignal) -> anyhow::Result<()> {
    let CustomSignal { name, group, version, kind, plural, layer, failed, remedy, .. } = signal;
    ensure!(
        is_label(name),
        "name: {name:?} is not a valid signal name; write lowercase letters, digits and dashes, such as backup-plan"
    );
    let is_qualified = layer.split_once('/').is_some_and(|(domain, name)| is_subdomain(domain) && is_subdomain(name));
    ensure!(
        is_qualified || Matrix::built_in().find(layer).is_some(),
        "layer: {layer:?} is not a layer; write one of docs/reference/matrix.md such as backup-recovery, or one that a \
         ServiceModel defines, such as example.com/model-serving"
    );
    check_kind([group, version, kind, plural])?;
    for (field, text) in [("failed", failed), ("remedy", remedy)] {
        let Some(text) = text else { continue };
        ensure!(
            !text.trim().is_empty() && text.len() <= MESSAGE_LIMIT && !text.contains(char::is_control),
            "{field}: the text is empty, has more than {MESSAGE_LIMIT} bytes or has several lines; write a short text in one line"
        );
    }
    Ok(())
}

fn check_workload_kind(kind: &ConfiguredKind) -> anyhow::Result<()> {
    let ConfiguredKind { group, version, kind: name, plural, .. } = kind;
    check_kind([group, version, name, plural])?;
    if !matches!(WorkloadKind::of(group, name), WorkloadKind::Other(_)) {
        bail!("kind: {name} of {group} is a built-in kind of workload; remove the entry");
    }
    Ok(())
}

fn check_rule(rule: &NodeRule) -> anyhow::Result<()> {
    let texts = [
        ("label", &rule.label),
        ("labelPrefix", &rule.label_prefix),
        ("taint", &rule.taint),
        ("name", &rule.name),
        ("kubeletVersion", &rule.kubelet_version),
        ("providerID", &rule.provider_id),
        ("value", &rule.value),
    ];
    for (field, text) in texts {
        let Some(text) = text else { continue };
        ensure!(text.len() <= TEXT_LIMIT, "{field}: the text has more than {TEXT_LIMIT} bytes; write a shorter one");
        ensure!(
            !text.is_empty() || matches!(field, "value" | "providerID"),
            "{field}: the text is empty, which matches every node; remove the field, or write a value to match"
        );
    }
    let has_condition =
        texts.iter().any(|(field, text)| *field != "value" && text.is_some()) || rule.control_plane_visible;
    ensure!(
        has_condition,
        "the rule has no condition; write label, labelPrefix, taint, name, kubeletVersion, providerID or \
         controlPlaneVisible"
    );
    ensure!(
        rule.value.is_none() || rule.label.is_some() || rule.taint.is_some(),
        "value: there is no label or taint with this value; write label or taint too, or remove value"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::matrix::ServiceModel;

    const GOOD: &str = r#"
workloadKinds:
- {group: argoproj.io, version: v1alpha1, kind: Rollout, plural: rollouts, template: spec.template}
- {group: serving.knative.dev, version: v1, kind: Service, plural: services, template: spec.template}
nodeModels:
- {label: example.com/pool, value: metal, model: OnPremises, source: our contract}
- {providerID: '', model: OnPremises}
nodeAgents: [our-agent]
managedControlPlane: true
signals:
  node-age: {threshold: 14}
  broad-rights: {enabled: false}
customSignals:
- name: model-card
  group: example.com
  version: v1
  kind: ModelCard
  plural: modelcards
  layer: example.com/model-serving
  duty: Customer
  selector: {matchLabels: {final: 'true'}}
  podSelector: spec.selector
  rules:
  - {path: status.reviewed, equals: true}
  - {path: status.reviewedAt, newerThan: 90d}
  - path: status.conditions[type=Ready].status
    equals: "True"
  - path: metadata.annotations["example.com/tier"]
    in: [gold, 1, 0.5, true]
allowedRegistries: [registry.example.com/shop]
"#;

    /// Returns the error of a file with all causes in one line.
    fn refusal(text: &str) -> String {
        format!("{:#}", FileConfig::parse(text).expect_err("it was taken"))
    }

    #[test]
    fn a_good_file_is_taken_as_it_is_written() {
        let config = FileConfig::parse(GOOD).unwrap();
        assert_eq!(config.workload_kinds.len(), 2);
        assert_eq!(config.workload_kinds[0].workload_kind().to_string(), "Rollout.argoproj.io");
        assert_eq!(config.node_models[0].model, Some(ServiceModel::OnPremises));
        assert_eq!((config.node_models.len(), config.node_agents.as_slice()), (2, ["our-agent".to_owned()].as_slice()));
        assert!(config.managed_control_plane);
        let settings = &config.signal_settings;
        assert!(settings.enabled().any(|(signal, threshold)| signal.id == "node-age" && threshold == 14));
        assert!(settings.enabled().all(|(signal, _)| signal.id != "broad-rights"));
        let custom: Vec<_> = settings.custom().map(|objects| objects.of.name.as_str()).collect();
        assert_eq!(custom, ["model-card"]);
        let rules = &settings.custom().next().unwrap().of.rules;
        assert_eq!((&rules[0].equals, &rules[2].equals), (&Some(json!(true)), &Some(json!("True"))));
        assert_eq!(rules[3].r#in, Some(vec![json!("gold"), json!(1), json!(0.5), json!(true)]));
        assert_eq!(config.allowed_registries, ["registry.example.com/shop"]);
    }

    #[rstest]
    #[case::no_signal("signals: {node-ages: {}}", "signals: \"node-ages\" is no signal; write one of: broad-rights, ")]
    #[case::no_number(
        "signals: {network-policy: {threshold: 3}}",
        "signals: network-policy: threshold: its rule has no number; leave it out"
    )]
    #[case::out_of_range(
        "signals: {node-age: {threshold: 0}}",
        "signals: node-age: threshold: 0 is not possible; write from 1 to 365 days"
    )]
    #[case::no_registry(
        "allowedRegistries: ['']",
        "allowedRegistries[0]: \"\" is not a valid prefix of an image name; write a prefix"
    )]
    #[case::no_namespace(
        "veleroNamespace: Velero/1",
        "veleroNamespace: \"Velero/1\" is not a valid namespace name; write the namespace"
    )]
    #[case::custom_name(
        "customSignals: [{name: A B, NODE, layer: node-os}]",
        "customSignals[0]: name: \"A B\" is not a valid signal name; write lowercase letters"
    )]
    #[case::custom_layer(
        "customSignals: [{name: a, NODE, layer: node-oss}]",
        "customSignals[0]: layer: \"node-oss\" is not a layer; write"
    )]
    #[case::custom_rule(
        "customSignals: [{name: a, NODE, layer: node-os}, {name: b, NODE, layer: node-os, references: .spec}]",
        "customSignals[1]: references: the path cannot be read at \".spec\"; write it like spec.encrypted"
    )]
    #[case::custom_name_of_another(
        "customSignals: [{name: a, NODE, layer: node-os}, {name: a, NODE, layer: node-os}]",
        "customSignals[1]: name: \"a\" is the name of another signal"
    )]
    #[case::custom_age(
        "customSignals: [{name: a, NODE_WITHOUT_RULES, layer: node-os, rules: [{path: a, exists: true}, {path: b, newerThan: 0d}]}]",
        "customSignals[0]: rules[1]: newerThan: \"0d\" is not a whole number of days from 1 to 3650; write"
    )]
    #[case::custom_without_rules(
        "customSignals: [{name: a, NODE_WITHOUT_RULES, layer: node-os, rules: []}]",
        "customSignals[0]: rules: there are 0; write 1 to 16, such as {path: status.phase, equals: Ready}"
    )]
    #[case::custom_sentence(
        "customSignals: [{name: a, NODE, layer: node-os, failed: ' '}]",
        "customSignals[0]: failed: the text is empty"
    )]
    #[case::odd_registry(
        "allowedRegistries: [a.io, 'https://a.io/ *']",
        "allowedRegistries[1]: \"https://a.io/ *\" is not a valid prefix"
    )]
    fn odd_settings_of_signals_are_refused(#[case] text: &str, #[case] expected: &str) {
        let node = "group: example.com, version: v1, kind: NodeScan, plural: nodescans, duty: Operator";
        let with_rules = format!("{node}, rules: [{{path: spec.ok, equals: true}}]");
        let refusal = refusal(&text.replace("NODE_WITHOUT_RULES", node).replace("NODE", &with_rules));
        assert!(refusal.starts_with(expected), "{refusal}");
    }

    #[rstest]
    #[case("")]
    #[case("# nodeAgents: [our-agent]\n")]
    #[case("nodeAgents: []\n")]
    fn a_file_that_says_nothing_changes_nothing(#[case] text: &str) {
        let config = FileConfig::parse(text).unwrap();
        assert!(config.workload_kinds.is_empty() && config.node_models.is_empty() && config.node_agents.is_empty());
        assert!(!config.managed_control_plane);
    }

    #[rstest]
    #[case::unknown_field("nodeAgent: [a]", &["unknown field", "nodeAgent", "nodeAgents"])]
    #[case::unknown_field_below("workloadKinds: [{group: a.io, path: x}]", &["unknown field", "path", "template"])]
    #[case::missing_field("workloadKinds: [{group: a.io, version: v1, kind: A, plural: as}]", &["missing field", "template"])]
    #[case::template("workloadKinds: [{group: a.io, version: v1, kind: A, plural: as, template: template}]", &["spec.template"])]
    #[case::unknown_model("nodeModels: [{label: a, model: OnPrem}]", &["OnPrem", "OnPremises"])]
    #[case::no_yaml("nodeAgents: [", &["line 1"])]
    fn what_does_not_parse_is_named_with_its_place(#[case] text: &str, #[case] words: &[&str]) {
        let refusal = refusal(text);
        for word in words {
            assert!(refusal.contains(word), "{word} is not in: {refusal}");
        }
    }

    #[rstest]
    #[case::group(("argoproj.io", "", "v1", "Rollout", "rollouts"), "workloadKinds[0]: group: \"\" is not a valid API group; write")]
    #[case::version(("v1", "argoproj.io", "V1", "Rollout", "rollouts"), "workloadKinds[0]: version: \"V1\" is not a valid version; write")]
    #[case::kind(("", "argoproj.io", "v1", "Roll/out", "rollouts"), "workloadKinds[0]: kind: \"Roll/out\" is not a valid kind; write")]
    #[case::plural(("", "argoproj.io", "v1", "Rollout", "Rollouts"), "workloadKinds[0]: plural: \"Rollouts\" is not a valid plural; write")]
    #[case::built_in(("", "apps", "v1", "Deployment", "deployments"), "workloadKinds[0]: kind: Deployment of apps is a built-in kind of workload; remove")]
    fn odd_kinds_are_refused(#[case] kind: (&str, &str, &str, &str, &str), #[case] expected: &str) {
        let (_, group, version, kind, plural) = kind;
        let text = format!(
            "workloadKinds: [{{group: '{group}', version: '{version}', kind: '{kind}', plural: '{plural}', template: spec.template}}]"
        );
        let refusal = refusal(&text);
        assert!(refusal.starts_with(expected), "{refusal}");
    }

    #[rstest]
    #[case::asks_nothing("{model: CaaS}", "nodeModels[0]: the rule has no condition; write label")]
    #[case::asks_nothing_but_a_value(
        "{value: a, model: CaaS}",
        "nodeModels[0]: the rule has no condition; write label"
    )]
    #[case::value_of_nothing(
        "{name: a, value: b, model: CaaS}",
        "nodeModels[0]: value: there is no label or taint with this value; write"
    )]
    #[case::empty_prefix(
        "{labelPrefix: '', model: CaaS}",
        "nodeModels[0]: labelPrefix: the text is empty, which matches every node"
    )]
    fn odd_rules_are_refused(#[case] rule: &str, #[case] expected: &str) {
        let refusal = refusal(&format!("nodeModels: [{rule}]"));
        assert!(refusal.starts_with(expected), "{refusal}");
    }

    #[test]
    fn a_kind_that_is_there_twice_is_refused_in_whatever_version() {
        let entry = |version, kind| {
            format!(
                "- {{group: argoproj.io, version: {version}, kind: {kind}, plural: rollouts, template: spec.template}}\n"
            )
        };
        let expected = "workloadKinds[1]: Rollout of argoproj.io is listed twice; keep one entry";
        assert_eq!(refusal(&format!("workloadKinds:\n{}{}", entry("v1", "Rollout"), entry("v2", "Rollout"))), expected);
        let other_kind = refusal(&format!("workloadKinds:\n{}{}", entry("v1", "Roll"), entry("v1", "Rollout")));
        assert_eq!(other_kind, expected, "the plural is the same");
    }

    #[rstest]
    #[case::kinds(
        "workloadKinds",
        "{group: a.io, version: v1, kind: KN, plural: kN, template: spec.template}",
        WORKLOAD_KINDS
    )]
    #[case::rules("nodeModels", "{name: n-N}", NODE_MODELS)]
    #[case::agents("nodeAgents", "agent-N", NODE_AGENTS)]
    fn lists_have_a_limit(#[case] field: &str, #[case] entry: &str, #[case] limit: usize) {
        let text = |length: usize| {
            let entries: Vec<String> = (0..length).map(|number| entry.replace('N', &number.to_string())).collect();
            format!("{field}: [{}]", entries.join(", "))
        };
        FileConfig::parse(&text(limit)).unwrap();
        let expected = format!("{field} has {} entries; write at most {limit}", limit + 1);
        assert_eq!(refusal(&text(limit + 1)), expected);
    }

    #[test]
    fn a_name_that_no_daemon_set_has_is_refused() {
        assert!(
            refusal("nodeAgents: [good, 'Not One']")
                .starts_with("nodeAgents[1]: \"Not One\" is not a valid DaemonSet name")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_the_flag() {
        let error = format!("{:#}", FileConfig::read(Path::new("/does/not/exist.yaml")).unwrap_err());
        assert!(error.starts_with("cannot read /does/not/exist.yaml, which --config names: No such file"), "{error}");
    }
}
