//! The responsibility matrix: layers, service models, and who owes what under each.
//!
//! The facts are data (`matrix.yaml`, each cell with its sources); this module gives them types and loads them once.
//! Layers are numbered in the order of the data, which is the order of every list that users read.

mod layer_set;
mod service_model;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub use layer_set::{LayerId, LayerSet};
pub use service_model::{ServiceModel, ServiceModels};

/// One of the two duties a layer can owe: the provider's half or the customer's half.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub enum Duty {
    /// The duty of the provider of the service model.
    Provider,
    /// The duty of the customer of the service model.
    Customer,
}

impl Duty {
    /// Both duties, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Provider, Self::Customer];

    /// The duty of the other side of the same layer.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Provider => Self::Customer,
            Self::Customer => Self::Provider,
        }
    }

    /// The word for this duty in sentences: `provider` or `customer`, also the field of an assignment that claims it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Customer => "customer",
        }
    }
}

/// What a cell of the matrix says: who owes the layer under a service model. Ordered from the customer to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Owes {
    /// The customer duty only.
    Customer,
    /// Both duties.
    Shared,
    /// The provider duty only.
    Provider,
}

impl Owes {
    /// Whether this cell owes the given duty.
    #[must_use]
    pub fn includes(self, duty: Duty) -> bool {
        match duty {
            Duty::Provider => self != Self::Customer,
            Duty::Customer => self != Self::Provider,
        }
    }
}

/// Whose facts decide the service model of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// The control plane of the cluster.
    Cluster,
    /// The nodes on which a workload may land.
    Node,
    /// The workload itself, hence its nodes too.
    Workload,
}

/// Who is told of a gap in a layer, and whose assignment outranks the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Concern {
    /// The team that runs the cluster.
    Platform,
    /// The team that runs the workload.
    Workload,
}

/// Which workloads have a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Every workload.
    Inherent,
    /// Workloads whose manifests, Services or routes show one of the layer's signals, and those where it is declared.
    Detected,
    /// Only workloads selected by an assignment that declares the layer.
    Declared,
}

/// A fact about a workload that makes detected layers present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// It keeps data in a volume that outlives its containers.
    Storage,
    /// It refers to secret material.
    Secrets,
    /// It calls a service outside of the cluster.
    ExternalServices,
    /// It is reachable from outside of the cluster through a Service, an Ingress or a route.
    Published,
    /// It listens on the network of its node (hostPort or hostNetwork).
    HostNetwork,
}

/// A set of [`Signal`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signals(u8);

impl Signals {
    /// The set with `signal` added.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | 1 << signal as u8)
    }

    /// The set with `signal` added when `condition` holds.
    #[must_use]
    pub const fn with_if(self, signal: Signal, condition: bool) -> Self {
        if condition { self.with(signal) } else { self }
    }

    /// Whether `signal` is in the set.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & 1 << signal as u8 != 0
    }
}

/// What each side of a layer does, in words for messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halves {
    /// What the provider does.
    pub provider: String,
    /// What the customer does.
    pub customer: String,
}

/// A layer of the security of a workload: one row of the matrix.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its name in assignments and statuses, such as `node-os`.
    pub name: String,
    /// What it is about.
    pub meaning: String,
    /// Whose facts decide its service model.
    pub plane: Plane,
    /// Who is told of its gaps.
    pub concern: Concern,
    /// Which workloads have it.
    pub presence: Presence,
    /// The signals that make a detected layer present.
    #[serde(default)]
    pub signals: Vec<Signal>,
    /// Whether the customer stays accountable whoever does the work.
    #[serde(default)]
    pub retained: bool,
    /// What each side does; given wherever some service model shares the layer.
    #[serde(default)]
    pub halves: Option<Halves>,
    /// Who owes it under each service model, with the sources of the statement.
    pub cells: BTreeMap<ServiceModel, (Owes, String)>,
}

impl Layer {
    /// What the given side does, or what the layer is about where one side does all of it.
    #[must_use]
    pub fn describe(&self, duty: Duty) -> &str {
        match (&self.halves, duty) {
            (Some(halves), Duty::Provider) => &halves.provider,
            (Some(halves), Duty::Customer) => &halves.customer,
            (None, _) => &self.meaning,
        }
    }
}

/// The duties that are owed: for each duty the layers that owe it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owed {
    /// The layers that owe a provider duty.
    pub provider: LayerSet,
    /// The layers that owe a customer duty.
    pub customer: LayerSet,
}

impl Owed {
    /// The layers that owe the given duty.
    #[must_use]
    pub const fn of(&self, duty: Duty) -> LayerSet {
        match duty {
            Duty::Provider => self.provider,
            Duty::Customer => self.customer,
        }
    }

    /// The duties owed under either: adding a model never removes a duty.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { provider: self.provider.union(other.provider), customer: self.customer.union(other.customer) }
    }
}

/// The parsed matrix. There is one, [`Matrix::built_in`].
#[derive(Debug)]
pub struct Matrix {
    version: String,
    sources: BTreeMap<String, String>,
    service_models: BTreeMap<ServiceModel, String>,
    layers: Vec<Layer>,
    owed: [Owed; ServiceModel::ALL.len()],
    customer_everywhere: LayerSet,
    retained: LayerSet,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MatrixData {
    version: String,
    sources: BTreeMap<String, String>,
    service_models: BTreeMap<ServiceModel, String>,
    layers: Vec<Layer>,
}

static BUILT_IN: LazyLock<Matrix> = LazyLock::new(|| {
    let data = serde_saphyr::from_str(include_str!("matrix.yaml"))
        .expect("the built-in matrix is part of the binary and parsed by the tests");
    Matrix::from_data(data)
});

impl Matrix {
    /// The matrix that this version of the operator ships, loaded once.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    fn from_data(data: MatrixData) -> Self {
        let rows = || (0..).map(LayerId::new).zip(&data.layers);
        let owing =
            |model, duty| rows().filter(|(_, layer)| layer.cells[&model].0.includes(duty)).map(|(id, _)| id).collect();
        let owed = ServiceModel::ALL
            .map(|model| Owed { provider: owing(model, Duty::Provider), customer: owing(model, Duty::Customer) });
        let purely_customer = |layer: &Layer| layer.cells.values().all(|(owes, _)| *owes == Owes::Customer);
        let customer_everywhere = rows().filter(|(_, layer)| purely_customer(layer)).map(|(id, _)| id).collect();
        let retained = rows().filter(|(_, layer)| layer.retained).map(|(id, _)| id).collect();
        let MatrixData { version, sources, service_models, layers } = data;
        Self { version, sources, service_models, layers, owed, customer_everywhere, retained }
    }

    /// The version of the data, as statuses show it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The published sources behind the cells, by their short name.
    #[must_use]
    pub const fn sources(&self) -> &BTreeMap<String, String> {
        &self.sources
    }

    /// What each service model means.
    #[must_use]
    pub fn meaning_of(&self, model: ServiceModel) -> &str {
        &self.service_models[&model]
    }

    /// All layers in the order of the matrix.
    pub fn layers(&self) -> impl Iterator<Item = (LayerId, &Layer)> {
        (0..).map(LayerId::new).zip(&self.layers)
    }

    /// The layer with the given number.
    #[must_use]
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.index()]
    }

    /// The layer of that name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<LayerId> {
        self.layers().find(|(_, layer)| layer.name == name).map(|(id, _)| id)
    }

    /// The duties owed under a service model.
    #[must_use]
    pub const fn owed(&self, model: ServiceModel) -> Owed {
        self.owed[model as usize]
    }

    /// The layers that are the customer's under every service model: what is owed even where the model is unknown.
    #[must_use]
    pub const fn customer_everywhere(&self) -> LayerSet {
        self.customer_everywhere
    }

    /// The layers for which the customer stays accountable whoever does the work.
    #[must_use]
    pub const fn retained(&self) -> LayerSet {
        self.retained
    }

    /// The layers that a workload with these signals has, where the assignments that select it declare `declared`.
    #[must_use]
    pub fn present(&self, signals: Signals, declared: LayerSet) -> LayerSet {
        let seen = |layer: &Layer| match layer.presence {
            Presence::Inherent => true,
            Presence::Detected => layer.signals.iter().any(|signal| signals.contains(*signal)),
            Presence::Declared => false,
        };
        self.layers().filter(|(_, layer)| seen(layer)).map(|(id, _)| id).collect::<LayerSet>().union(declared)
    }
}

#[cfg(test)]
mod tests;
