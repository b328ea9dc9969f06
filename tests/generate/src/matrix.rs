//! Writes `docs/reference/matrix.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use responsibility_operator::matrix::{Layer, LayerTriggers, Matrix, Owes, Presence, ServiceModel};
use responsibility_operator::model::{NodeModels, NodeRule};

use crate::markdown::{GENERATED, ended, table};

/// The identifiers of controls by layer and catalogue.
type Controls = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Marks a cell that rests on inference.
const INFERRED: &str = "†";

/// Returns the document: who owes each layer, the duties of each side, and the sources.
///
/// # Errors
///
/// Fails if the list of controls is not valid.
pub fn document() -> Result<String> {
    let matrix = Matrix::built_in();
    let controls = controls()?;
    let mut out = format!("{GENERATED}# The responsibility matrix, version {}\n\n", matrix.version());
    let _ = writeln!(
        out,
        "The table shows which side owes a duty in each layer under each service model: C the customer, P the provider, S both. \
         If both sides owe\na duty, each side has its own duty. [Concepts](../concepts.md#words) explains the words.\n\n\
         - From left to right, a duty only moves from the customer to the provider, never back.\n\
         - {INFERRED} marks a cell that rests on inference: there is no published source for it, or only one about another \
         provider.\n\
         - Layers in **bold** are retained: the customer stays accountable, even if another party does the work.\n"
    );
    let models = ServiceModel::ALL.map(ServiceModel::name);
    let head: Vec<&str> = std::iter::once("layer").chain(models).collect();
    table(&mut out, &head, matrix.layers().map(|(_, layer)| cells(layer)));
    out.push_str("## Service models\n\n");
    table(&mut out, &["model", "meaning"], matrix.models().map(|(_, m)| vec![m.name.clone(), m.meaning.clone()]));
    out.push_str(
        "A cluster can define service models and layers of its own with the kind `ServiceModel`: see [the API](api.md).\n\n\
         ## Layers\n\n\
         - *plane*: the part of the cluster that determines the service model of the layer: the control plane (Cluster), the \
         nodes that\n  the workload can be scheduled on (Node), or the workload and these nodes (Workload).\n\
         - *concern*: Workload (the team of the workload) or Platform (the platform team). The assignments of this team list the \
         gaps of\n  the layer, and their claims on customer duties have the highest rank.\n\
         - *present*: the workloads that have the layer.\n\n",
    );
    for (_, layer) in matrix.layers() {
        describe(&mut out, layer, controls.get(&layer.name));
    }
    out.push_str(
        "## Service models of nodes\n\nThe first rule whose conditions all hold gives the service model of a node. Rules of \
         the [configuration](../configuration.md) come before these\nrules. A workload has the service models of the nodes \
         that it can be scheduled on.\n\n",
    );
    let rules = NodeModels::built_in().iter().map(|rule| {
        let model = rule.model.map_or("undetermined", ServiceModel::name).to_owned();
        vec![condition(rule), model, rule.source.clone()]
    });
    table(&mut out, &["node", "model", "source"], rules);
    out.push_str("## Sources\n\n");
    let sources = matrix.sources().iter().map(|(name, source)| vec![name.clone(), source.clone()]);
    table(&mut out, &["", "source"], sources);
    Ok(ended(out))
}

/// Reads the controls that each layer relates to.
fn controls() -> Result<Controls> {
    serde_saphyr::from_str(include_str!("controls.yaml")).context("controls.yaml is not valid")
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

fn describe(out: &mut String, layer: &Layer, controls: Option<&BTreeMap<String, Vec<String>>>) {
    let _ = writeln!(out, "### {}\n\n{}.\n", layer.name, capitalised(&layer.meaning));
    let present = match layer.presence {
        Presence::Inherent => "in every workload".to_owned(),
        Presence::Declared => "only where an assignment declares it".to_owned(),
        Presence::Detected => {
            format!("in workloads with {}, and where an assignment declares it", triggers(layer.triggers))
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
        let _ = writeln!(out, "- the provider's duty: {}", halves.provider);
        let _ = writeln!(out, "- the customer's duty: {}", halves.customer);
    }
    let sources: Vec<String> =
        layer.cells.iter().map(|(model, (_, sources))| format!("{} {sources}", model.name())).collect();
    let _ = writeln!(out, "- sources: {}", sources.join("; "));
    if let Some(controls) = controls {
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

/// Names what makes a detected layer present.
fn triggers(triggers: LayerTriggers) -> String {
    let words = |trigger: LayerTriggers| match trigger {
        LayerTriggers::STORAGE => "a volume that keeps data",
        LayerTriggers::SECRETS => "a reference to secret material",
        LayerTriggers::EXTERNAL_SERVICES => "the address of an external service",
        LayerTriggers::PUBLISHED => "an entry point (a Service, an Ingress or a route)",
        _ => "a port of the node",
    };
    triggers.iter().map(words).collect::<Vec<_>>().join(" or ")
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
        parts.push("a node of the cluster has the label `node-role.kubernetes.io/control-plane`".to_owned());
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
    fn only_layers_have_controls_and_every_layer_has_some() {
        let layers: Vec<&str> = Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str()).collect();
        let controls = controls().unwrap();
        for layer in &layers {
            assert!(controls.contains_key(*layer), "{layer}");
        }
        for name in controls.keys().filter(|name| *name != "all-layers") {
            assert!(layers.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn inferred_cells_are_marked() {
        assert!(is_inferred("W I") && is_inferred("I"));
        assert!(!is_inferred("EA (R: Shared)"));
        let document = document().unwrap();
        assert!(document.contains("| secrets-and-keys | C† | C† | S | S | S† | S† | S† |"), "{document}");
    }
}
