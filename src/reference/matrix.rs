//! The reference of the matrix.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use super::{GENERATED, table};
use crate::matrix::{Layer, LayerTriggers, Matrix, Owes, Presence, ServiceModel};
use crate::model::{NodeModels, NodeRule};

/// The controls that each layer relates to, by catalogue.
static CONTROLS: LazyLock<BTreeMap<String, BTreeMap<String, Vec<String>>>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("controls.yaml"))
        .expect("the control references are part of the binary and parsed by the tests")
});

/// The mark of a cell that rests on inference.
const INFERRED: &str = "†";

/// The matrix as a document: who owes what, what each side does, where that is said.
#[must_use]
pub fn matrix() -> String {
    let matrix = Matrix::built_in();
    let mut out = format!("{GENERATED}# The responsibility matrix, version {}\n\n", matrix.version());
    out.push_str(
        "Who owes each layer under each service model: C the customer, P the provider, S both, each a duty of its own.\n",
    );
    let _ = writeln!(
        out,
        "{INFERRED} marks cells that rest on inference: no published row was found, or only for another provider. Going \
         right no row moves\nback towards the customer. **Bold** layers are retained: the customer stays accountable \
         whoever does the work.\n"
    );
    let models = ServiceModel::ALL.map(ServiceModel::name);
    let head: Vec<&str> = std::iter::once("layer").chain(models).collect();
    table(&mut out, &head, matrix.layers().map(|(_, layer)| cells(layer)));
    out.push_str("## Service models\n\n");
    table(&mut out, &["model", "meaning"], matrix.models().map(|(_, m)| vec![m.name.clone(), m.meaning.clone()]));
    out.push_str(
        "A cluster can have columns of its own: kind `ServiceModel`, see [the API](api.md).\n\n## Layers\n\n\
         *plane*: whose facts decide the service model. *concern*: who is told of gaps, and whose assignment outranks the \
         others.\n*present*: which workloads have the layer.\n\n",
    );
    for (_, layer) in matrix.layers() {
        describe(&mut out, layer);
    }
    out.push_str(
        "## Which service model a node shows\n\nThe first rule of which everything holds; rules from the configuration come \
         before these. A workload's nodes are those it may\nland on.\n\n",
    );
    let rules = NodeModels::built_in().iter().map(|rule| {
        let model = rule.model.map_or("undetermined", ServiceModel::name).to_owned();
        vec![condition(rule), model, rule.source.clone()]
    });
    table(&mut out, &["node", "model", "source"], rules);
    out.push_str("## Sources\n\n");
    let sources = matrix.sources().iter().map(|(name, source)| vec![name.clone(), source.clone()]);
    table(&mut out, &["", "source"], sources);
    out
}

fn is_inferred(sources: &str) -> bool {
    sources.split(|c: char| !c.is_ascii_alphanumeric()).any(|source| source == "I")
}

fn cells(layer: &Layer) -> Vec<String> {
    let name = if layer.retained { format!("**{}**", layer.name) } else { layer.name.clone() };
    let cell = |(owes, sources): &(Owes, String)| {
        let word = match owes {
            Owes::Customer => "C",
            Owes::Shared => "S",
            Owes::Provider => "P",
        };
        format!("{word}{}", if is_inferred(sources) { INFERRED } else { "" })
    };
    std::iter::once(name).chain(layer.cells.values().map(cell)).collect()
}

fn describe(out: &mut String, layer: &Layer) {
    let _ = writeln!(out, "### {}\n\n{}.\n", layer.name, capitalised(&layer.meaning));
    let present = match layer.presence {
        Presence::Inherent => "in every workload".to_owned(),
        Presence::Declared => "only where an assignment declares it".to_owned(),
        Presence::Detected => {
            format!("where {} is seen, or where an assignment declares it", list(layer.triggers))
        }
    };
    let _ = writeln!(
        out,
        "- plane {:?}, concern {:?}, present {present}{}",
        layer.plane,
        layer.concern,
        if layer.retained { ", retained" } else { "" }
    );
    if let Some(halves) = &layer.halves {
        let _ = writeln!(out, "- the provider's half: {}", halves.provider);
        let _ = writeln!(out, "- the customer's half: {}", halves.customer);
    }
    let sources: Vec<String> =
        layer.cells.iter().map(|(model, (_, sources))| format!("{} {sources}", model.name())).collect();
    let _ = writeln!(out, "- sources: {}", sources.join("; "));
    if let Some(controls) = CONTROLS.get(&layer.name) {
        let of = |(catalogue, ids): (&String, &Vec<String>)| format!("{} {}", title(catalogue), ids.join(", "));
        let _ = writeln!(out, "- relates to: {}", controls.iter().map(of).collect::<Vec<_>>().join("; "));
    }
    out.push('\n');
}

fn title(catalogue: &str) -> &str {
    match catalogue {
        "ccm" => "CSA CCM 4.0",
        "nist" => "NIST SP 800-53 r5",
        "iso" => "ISO/IEC 27001:2022 A.",
        "iso27017" => "ISO/IEC 27017:2015",
        "pci" => "PCI DSS 4.0.1",
        other => other,
    }
}

fn list(triggers: LayerTriggers) -> String {
    let word = |trigger: LayerTriggers| match trigger {
        LayerTriggers::STORAGE => "a volume that keeps data",
        LayerTriggers::SECRETS => "a reference to secret material",
        LayerTriggers::EXTERNAL_SERVICES => "the address of a service outside",
        LayerTriggers::PUBLISHED => "a way in by a Service, an Ingress or a route",
        _ => "a port of the node",
    };
    triggers.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn condition(rule: &NodeRule) -> String {
    let mut parts = Vec::new();
    let value = rule.value.as_ref().map(|value| format!(" = `{value}`")).unwrap_or_default();
    for (what, given) in [("label", &rule.label), ("taint", &rule.taint)] {
        parts.extend(given.as_ref().map(|key| format!("{what} `{key}`{value}")));
    }
    parts.extend(rule.label_prefix.as_ref().map(|prefix| format!("a label under `{prefix}`")));
    parts.extend(rule.name.as_ref().map(|name| format!("name `{name}*`")));
    parts.extend(rule.kubelet_version.as_ref().map(|part| format!("kubelet version with `{part}`")));
    parts.extend(rule.provider_id.as_ref().map(|prefix| match prefix.as_str() {
        "" => "no providerID".to_owned(),
        prefix => format!("providerID `{prefix}...`"),
    }));
    if rule.control_plane_visible {
        parts.push("some node has the label `node-role.kubernetes.io/control-plane`".to_owned());
    }
    parts.join(" and ")
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_controls_that_it_relates_to_and_no_other_name_has() {
        let layers: Vec<&str> = Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str()).collect();
        for layer in &layers {
            assert!(CONTROLS.contains_key(*layer), "{layer}");
        }
        for name in CONTROLS.keys().filter(|name| *name != "all-layers") {
            assert!(layers.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn inferred_cells_are_marked() {
        assert!(is_inferred("W I") && is_inferred("I"));
        assert!(!is_inferred("EA (R: Shared)"));
        let document = matrix();
        assert!(document.contains("| secrets-and-keys | C† | C† | S | S | S† | S† | S† |"), "{document}");
    }
}
