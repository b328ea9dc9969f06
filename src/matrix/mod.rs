//! The responsibility matrix: layers, service models, and who owes what under each.
//!
//! The facts are data (`matrix.yaml`, each cell with its sources); this module gives them types and loads them once.
//! Layers are numbered in the order of the data, which is the order of every list that users read.

mod extension;
mod id_set;
mod layer;
mod service_model;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub use extension::ModelDefinition;
pub use id_set::{LayerId, LayerSet, ModelId, ModelSet};
pub use layer::{Audience, Duty, Halves, Layer, LayerTriggers, Owes, Plane, Presence};
pub use service_model::ServiceModel;

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

    /// Adds a duty of a layer.
    pub const fn insert(&mut self, layer: LayerId, duty: Duty) {
        match duty {
            Duty::Provider => self.provider = self.provider.union(LayerSet::of(layer)),
            Duty::Customer => self.customer = self.customer.union(LayerSet::of(layer)),
        }
    }

    /// Those of the duties that are about these layers.
    #[must_use]
    pub const fn intersection(self, layers: LayerSet) -> Self {
        Self { provider: self.provider.intersection(layers), customer: self.customer.intersection(layers) }
    }

    /// The duties owed under either: adding a model never removes a duty.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { provider: self.provider.union(other.provider), customer: self.customer.union(other.customer) }
    }
}

/// A service model: one column of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name in manifests and statuses.
    pub name: String,
    /// What it means, or which built-in one it extends.
    pub meaning: String,
    /// The duties owed under it.
    pub owed: Owed,
}

/// Why an assignment cannot name a service model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable<'a> {
    /// There is none of that name.
    NotFound,
    /// There is one, which cannot be used for this reason.
    Refused(&'a str),
}

/// The matrix: the built-in one, or the built-in one with the service models and layers that a cluster defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    version: String,
    sources: BTreeMap<String, String>,
    layers: Vec<Layer>,
    models: Vec<Model>,
    /// Service models that cannot be used, and why.
    refused: BTreeMap<String, String>,
    customer_everywhere: LayerSet,
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
        let MatrixData { version, sources, service_models, layers } = data;
        let rows = || (0..).map(LayerId::new).zip(&layers);
        let owing =
            |model, duty| rows().filter(|(_, layer)| layer.cells[&model].0.includes(duty)).map(|(id, _)| id).collect();
        let column = |(model, meaning): (ServiceModel, String)| Model {
            name: model.name().to_owned(),
            meaning,
            owed: Owed { provider: owing(model, Duty::Provider), customer: owing(model, Duty::Customer) },
        };
        let models = service_models.into_iter().map(column).collect();
        let purely_customer = |layer: &Layer| layer.cells.values().all(|(owes, _)| *owes == Owes::Customer);
        let customer_everywhere = rows().filter(|(_, layer)| purely_customer(layer)).map(|(id, _)| id).collect();
        Self { version, sources, layers, models, refused: BTreeMap::new(), customer_everywhere }
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

    /// The service models, built-in ones first.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        (0..).map(ModelId::new).zip(&self.models)
    }

    /// The service model with the given number.
    #[must_use]
    pub fn model(&self, id: impl Into<ModelId>) -> &Model {
        &self.models[id.into().index()]
    }

    /// The service model of that name, or why it cannot be used.
    ///
    /// # Errors
    ///
    /// When there is none, or one that was refused.
    pub fn find_model(&self, name: &str) -> Result<ModelId, Unusable<'_>> {
        if let Some((id, _)) = self.models().find(|(_, model)| model.name == name) {
            return Ok(id);
        }
        Err(self.refused.get(name).map_or(Unusable::NotFound, |why| Unusable::Refused(why)))
    }

    /// The duties owed under a service model.
    #[must_use]
    pub fn owed(&self, model: impl Into<ModelId>) -> Owed {
        self.model(model).owed
    }

    /// The duties owed under several service models together.
    #[must_use]
    pub fn owed_under(&self, models: ModelSet) -> Owed {
        models.ids().map(|model| self.owed(model)).fold(Owed::default(), Owed::union)
    }

    /// The duties of declared layers that none of these service models knows: those of the models that define the layer.
    #[must_use]
    pub fn owed_where_declared(&self, declared: LayerSet, models: ModelSet) -> Owed {
        let elsewhere = |layer: &LayerId| {
            let defined_by = self.layer(*layer).defined_by;
            !defined_by.is_empty() && !defined_by.intersects(models)
        };
        declared.ids().filter(elsewhere).fold(Owed::default(), |all, layer| {
            let owed = self.owed_under(self.layer(layer).defined_by);
            all.union(owed.intersection([layer].into_iter().collect()))
        })
    }

    /// The layers that are the customer's under every built-in service model: what is owed even where the model is unknown.
    #[must_use]
    pub const fn customer_everywhere(&self) -> LayerSet {
        self.customer_everywhere
    }

    /// The layers that a workload with these triggers has under these service models, where the assignments that select it
    /// declare `declared`.
    #[must_use]
    pub fn present(&self, triggers: LayerTriggers, models: ModelSet, declared: LayerSet) -> LayerSet {
        let seen = |layer: &Layer| match layer.presence {
            Presence::Inherent => layer.defined_by.is_empty() || layer.defined_by.intersects(models),
            Presence::Detected => layer.triggers.intersects(triggers),
            Presence::Declared => false,
        };
        self.layers().filter(|(_, layer)| seen(layer)).map(|(id, _)| id).collect::<LayerSet>().union(declared)
    }
}

#[cfg(test)]
mod tests;
