//! The configuration file: what does not fit on a command line.

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

/// The most bytes of a file: a ConfigMap holds no more.
const SIZE_LIMIT: u64 = 1024 * 1024;
/// The most kinds of workload.
const WORKLOAD_KINDS: usize = 32;
/// The most rules for nodes.
const NODE_MODELS: usize = 64;
/// The most names of agents.
const NODE_AGENTS: usize = 256;
/// The most custom signals.
const CUSTOM_SIGNALS: usize = 32;
/// The most allowed registries.
const REGISTRIES: usize = 256;
/// The most bytes of each text of a rule.
const TEXT_LIMIT: usize = 512;
/// The most bytes of a message of a custom signal.
const SENTENCE: usize = 256;

/// What the operator is told by its configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct FileConfig {
    /// Kinds of workload beside the built-in ones.
    pub(super) workload_kinds: Vec<ConfiguredKind>,
    /// Rules that tell the service model of nodes, in front of the built-in ones.
    pub(super) node_models: Vec<NodeRule>,
    /// Names of DaemonSets that are known to need access to their node, beside the built-in ones.
    pub(super) node_agents: Vec<String>,
    /// Whether the provider runs the control plane although no node shows it.
    pub(super) managed_control_plane: bool,
    /// What is looked at to see whether duties are fulfilled, by the names of signals.
    signals: BTreeMap<String, SignalSetting>,
    /// Custom signals.
    custom_signals: Vec<CustomSignal>,
    /// The beginnings of the names of images that are allowed.
    pub(super) allowed_registries: Vec<String>,
    /// The namespace where Velero runs.
    velero_namespace: Option<String>,
    /// The settings of all signals, with the rules of custom signals checked.
    #[serde(skip)]
    pub(super) signal_settings: SignalSettings,
}

impl FileConfig {
    /// Reads and checks a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let read = || {
            let mut text = String::new();
            let file = File::open(path)?;
            file.take(SIZE_LIMIT + 1).read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        let shown = path.display();
        let text = read().with_context(|| format!("cannot read {shown}, which --config names"))?;
        ensure!(
            text.len() as u64 <= SIZE_LIMIT,
            "{shown} has more than {SIZE_LIMIT} bytes; no configuration needs that"
        );
        Self::parse(&text).with_context(|| format!("{shown} cannot be used"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        // A file in which everything is commented out says nothing.
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
                "nodeAgents[{index}]: no DaemonSet is called {name:?}; write the name of one, such as my-agent"
            );
        }
        check_length("customSignals", config.custom_signals.len(), CUSTOM_SIGNALS)?;
        for (index, signal) in config.custom_signals.iter().enumerate() {
            check_custom_signal(signal).with_context(|| format!("customSignals[{index}]"))?;
        }
        config.signal_settings = config.settings_of_signals()?;
        check_length("allowedRegistries", config.allowed_registries.len(), REGISTRIES)?;
        for (index, registry) in config.allowed_registries.iter().enumerate() {
            ensure!(
                is_beginning_of_image(registry),
                "allowedRegistries[{index}]: no image is called {registry:?}; write the beginning of the names of images, such as \
                 registry.example.com/shop"
            );
        }
        if let Some(name) = &config.velero_namespace {
            ensure!(
                is_label(name),
                "veleroNamespace: {name:?} is no namespace; write the name of the one where Velero runs, such as velero"
            );
        }
        Ok(config)
    }

    /// What is looked at to see whether duties are fulfilled.
    fn settings_of_signals(&self) -> anyhow::Result<SignalSettings> {
        let settings = SignalSettings::new(self.signals.clone()).context("signals")?;
        let settings = settings
            .with_custom(&self.custom_signals)
            .map_err(|(index, why)| anyhow::anyhow!("customSignals[{index}]: {why}"))?;
        let settings = settings.with_registries(!self.allowed_registries.is_empty());
        Ok(settings.with_velero_in(self.velero_namespace.clone()))
    }
}

/// Whether names of images can begin so.
fn is_beginning_of_image(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
    !text.is_empty()
        && text.len() <= TEXT_LIMIT
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_good)
}

fn check_length(field: &str, length: usize, limit: usize) -> anyhow::Result<()> {
    ensure!(length <= limit, "{field} has {length} entries; write at most {limit}");
    Ok(())
}

fn check_workload_kinds(kinds: &[ConfiguredKind]) -> anyhow::Result<()> {
    check_length("workloadKinds", kinds.len(), WORKLOAD_KINDS)?;
    let (mut known_kinds, mut known_plurals) = (BTreeSet::new(), BTreeSet::new());
    for (index, kind) in kinds.iter().enumerate() {
        check_workload_kind(kind).with_context(|| format!("workloadKinds[{index}]"))?;
        let is_new_kind = known_kinds.insert((&kind.group, kind.kind.to_ascii_lowercase()));
        let is_new_plural = known_plurals.insert((&kind.group, &kind.plural));
        ensure!(
            is_new_kind && is_new_plural,
            "workloadKinds[{index}]: {} of {} is there twice; keep one entry",
            kind.kind,
            kind.group
        );
    }
    Ok(())
}

/// Checks the group, version, kind and plural of what is to be watched.
fn check_kind([group, version, kind, plural]: [&str; 4]) -> anyhow::Result<()> {
    ensure!(is_subdomain(group), "group: {group:?} is no API group; write the group of the kind, such as argoproj.io");
    ensure!(
        is_label(version),
        "version: {version:?} is no version; write the version that is served, such as v1alpha1"
    );
    ensure!(
        is_label(&kind.to_ascii_lowercase()),
        "kind: {kind:?} is no kind; write it as its definition spells it, such as Rollout"
    );
    ensure!(
        is_label(plural),
        "plural: {plural:?} is no plural; write it as in kubectl api-resources, such as rollouts"
    );
    Ok(())
}

fn check_custom_signal(signal: &CustomSignal) -> anyhow::Result<()> {
    let CustomSignal { name, group, version, kind, plural, layer, failed, remedy, .. } = signal;
    ensure!(
        is_label(name),
        "name: {name:?} is not a valid name of a signal; write small letters, digits and dashes, such as backup-plan"
    );
    let is_own = layer.split_once('/').is_some_and(|(domain, name)| is_subdomain(domain) && is_subdomain(name));
    ensure!(
        is_own || Matrix::built_in().find(layer).is_some(),
        "layer: {layer:?} is not a layer; write one of docs/reference/matrix.md such as backup-recovery, or one that a \
         ServiceModel defines, such as example.com/model-serving"
    );
    check_kind([group, version, kind, plural])?;
    for (field, text) in [("failed", failed), ("remedy", remedy)] {
        let Some(text) = text else { continue };
        ensure!(
            !text.trim().is_empty() && text.len() <= SENTENCE && !text.contains(char::is_control),
            "{field}: it is empty, or has more than {SENTENCE} bytes or several lines; write a few words in one line"
        );
    }
    Ok(())
}

fn check_workload_kind(kind: &ConfiguredKind) -> anyhow::Result<()> {
    let ConfiguredKind { group, version, kind: name, plural, .. } = kind;
    check_kind([group, version, name, plural])?;
    if !matches!(WorkloadKind::of(group, name), WorkloadKind::Other(_)) {
        bail!("kind: {name} of {group} is a workload without being named here; remove the entry");
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
        ensure!(text.len() <= TEXT_LIMIT, "{field}: it has more than {TEXT_LIMIT} bytes; no node shows that");
        ensure!(
            !text.is_empty() || matches!(field, "value" | "providerID"),
            "{field}: it is empty, which every node would fulfil; leave it out, or write what a node has to show"
        );
    }
    let asks = texts.iter().any(|(field, text)| *field != "value" && text.is_some()) || rule.control_plane_visible;
    ensure!(
        asks,
        "it asks nothing of a node; write label, labelPrefix, taint, name, kubeletVersion, providerID or \
         controlPlaneVisible"
    );
    ensure!(
        rule.value.is_none() || rule.label.is_some() || rule.taint.is_some(),
        "value: it is the value of nothing; write the label or the taint that has it"
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

    /// What is said of a file, all causes in a line.
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
    #[case::no_signal(
        "signals: {node-ages: {}}",
        "signals: \"node-ages\" is not a signal; write one of: broad-rights, "
    )]
    #[case::no_number(
        "signals: {network-policy: {threshold: 3}}",
        "signals: network-policy: threshold: this signal does not have a threshold; remove it"
    )]
    #[case::out_of_range(
        "signals: {node-age: {threshold: 0}}",
        "signals: node-age: threshold: 0 is out of range; write 1 to 365 days"
    )]
    #[case::no_registry(
        "allowedRegistries: ['']",
        "allowedRegistries[0]: no image is called \"\"; write the beginning"
    )]
    #[case::no_namespace("veleroNamespace: Velero/1", "veleroNamespace: \"Velero/1\" is no namespace; write the name")]
    #[case::custom_name(
        "customSignals: [{name: A B, NODE, layer: node-os}]",
        "customSignals[0]: name: \"A B\" is not a valid name of a signal; write small letters"
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
        "customSignals[0]: failed: it is empty"
    )]
    #[case::odd_registry("allowedRegistries: [a.io, 'https://a.io/ *']", "allowedRegistries[1]: no image is called")]
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
    #[case::group(("argoproj.io", "", "v1", "Rollout", "rollouts"), "workloadKinds[0]: group: \"\" is no API group; write")]
    #[case::version(("v1", "argoproj.io", "V1", "Rollout", "rollouts"), "workloadKinds[0]: version: \"V1\" is no version; write")]
    #[case::kind(("", "argoproj.io", "v1", "Roll/out", "rollouts"), "workloadKinds[0]: kind: \"Roll/out\" is no kind; write")]
    #[case::plural(("", "argoproj.io", "v1", "Rollout", "Rollouts"), "workloadKinds[0]: plural: \"Rollouts\" is no plural; write")]
    #[case::built_in(("", "apps", "v1", "Deployment", "deployments"), "workloadKinds[0]: kind: Deployment of apps is a workload without being named here; remove")]
    fn odd_kinds_are_refused(#[case] kind: (&str, &str, &str, &str, &str), #[case] expected: &str) {
        let (_, group, version, kind, plural) = kind;
        let text = format!(
            "workloadKinds: [{{group: '{group}', version: '{version}', kind: '{kind}', plural: '{plural}', template: spec.template}}]"
        );
        let refusal = refusal(&text);
        assert!(refusal.starts_with(expected), "{refusal}");
    }

    #[rstest]
    #[case::asks_nothing("{model: CaaS}", "nodeModels[0]: it asks nothing of a node; write label")]
    #[case::asks_nothing_but_a_value(
        "{value: a, model: CaaS}",
        "nodeModels[0]: it asks nothing of a node; write label"
    )]
    #[case::value_of_nothing(
        "{name: a, value: b, model: CaaS}",
        "nodeModels[0]: value: it is the value of nothing; write"
    )]
    #[case::empty_prefix("{labelPrefix: '', model: CaaS}", "nodeModels[0]: labelPrefix: it is empty, which every node")]
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
        let expected = "workloadKinds[1]: Rollout of argoproj.io is there twice; keep one entry";
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
            refusal("nodeAgents: [good, 'Not One']").starts_with("nodeAgents[1]: no DaemonSet is called \"Not One\"")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_the_flag() {
        let error = format!("{:#}", FileConfig::read(Path::new("/does/not/exist.yaml")).unwrap_err());
        assert!(error.starts_with("cannot read /does/not/exist.yaml, which --config names: No such file"), "{error}");
    }
}
