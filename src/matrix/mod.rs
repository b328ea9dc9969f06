//! The responsibility matrix: layers, service models, and the duties that each layer owes under each service model.
//!
//! The data is in `matrix.yaml`, each cell with its sources. This module defines the types and loads the data once. Layers are
//! numbered in the order of the data. All lists for users have this order.

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

/// The owed duties, as one set of layers for each duty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owed {
    /// The layers that owe a provider duty.
    pub provider: LayerSet,
    /// The layers that owe a customer duty.
    pub customer: LayerSet,
}

impl Owed {
    /// Returns the layers that owe the duty.
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

    /// Returns the duties of these layers only.
    #[must_use]
    pub const fn intersection(self, layers: LayerSet) -> Self {
        Self { provider: self.provider.intersection(layers), customer: self.customer.intersection(layers) }
    }

    /// Returns the duties of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { provider: self.provider.union(other.provider), customer: self.customer.union(other.customer) }
    }
}

/// A service model: one column of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name in manifests and statuses.
    pub name: String,
    /// A description. For a service model of the cluster: the built-in service model that it extends.
    pub meaning: String,
    /// The duties that layers owe under this service model.
    pub owed: Owed,
}

/// The reason why a service model cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable<'a> {
    /// No service model has this name.
    NotFound,
    /// The definition of the service model is not valid, for the reason given.
    Refused(&'a str),
}

/// The matrix: the built-in service models and layers, and those that the cluster defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    version: String,
    sources: BTreeMap<String, String>,
    layers: Vec<Layer>,
    models: Vec<Model>,
    /// The names of service models that cannot be used, each with the reason.
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
    /// Returns the built-in matrix. It is loaded once.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    fn from_data(data: MatrixData) -> Self {
        let MatrixData { version, sources, service_models, layers } = data;
        let rows = || (0..).map(LayerId::new).zip(&layers);
        let layers_that_owe =
            |model, duty| rows().filter(|(_, layer)| layer.cells[&model].0.includes(duty)).map(|(id, _)| id).collect();
        let column = |(model, meaning): (ServiceModel, String)| Model {
            name: model.name().to_owned(),
            meaning,
            owed: Owed {
                provider: layers_that_owe(model, Duty::Provider),
                customer: layers_that_owe(model, Duty::Customer),
            },
        };
        let models = service_models.into_iter().map(column).collect();
        let is_customer_only = |layer: &Layer| layer.cells.values().all(|(owes, _)| *owes == Owes::Customer);
        let customer_everywhere = rows().filter(|(_, layer)| is_customer_only(layer)).map(|(id, _)| id).collect();
        Self { version, sources, layers, models, refused: BTreeMap::new(), customer_everywhere }
    }

    /// Returns the version of the data, which statuses contain.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the published sources of the cells, by their short names.
    #[must_use]
    pub const fn sources(&self) -> &BTreeMap<String, String> {
        &self.sources
    }

    /// Returns all layers in the order of the matrix.
    pub fn layers(&self) -> impl Iterator<Item = (LayerId, &Layer)> {
        (0..).map(LayerId::new).zip(&self.layers)
    }

    /// Returns the layer with this number. The number must be from this matrix.
    #[must_use]
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.index()]
    }

    /// Returns the number of the layer with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<LayerId> {
        self.layers().find(|(_, layer)| layer.name == name).map(|(id, _)| id)
    }

    /// Returns the service models, built-in ones first.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        (0..).map(ModelId::new).zip(&self.models)
    }

    /// Returns the service model with this number. The number must be from this matrix.
    #[must_use]
    pub fn model(&self, id: impl Into<ModelId>) -> &Model {
        &self.models[id.into().index()]
    }

    /// Returns the number of the service model with this name.
    ///
    /// # Errors
    ///
    /// Fails if no service model has this name, or if its definition is not valid.
    pub fn find_model(&self, name: &str) -> Result<ModelId, Unusable<'_>> {
        if let Some((id, _)) = self.models().find(|(_, model)| model.name == name) {
            return Ok(id);
        }
        Err(self.refused.get(name).map_or(Unusable::NotFound, |reason| Unusable::Refused(reason)))
    }

    /// Returns the duties owed under a service model.
    #[must_use]
    pub fn owed(&self, model: impl Into<ModelId>) -> Owed {
        self.model(model).owed
    }

    /// Returns the duties owed under any of the service models. Adding a service model never removes a duty.
    #[must_use]
    pub fn owed_under(&self, models: ModelSet) -> Owed {
        models.ids().map(|model| self.owed(model)).fold(Owed::default(), Owed::union)
    }

    /// Returns the duties of declared layers that none of these service models defines. The duties are those of the service
    /// models that define the layers. Built-in layers are ignored.
    #[must_use]
    pub fn owed_where_declared(&self, declared: LayerSet, models: ModelSet) -> Owed {
        let is_defined_elsewhere = |layer: &LayerId| {
            let defined_by = self.layer(*layer).defined_by;
            !defined_by.is_empty() && !defined_by.intersects(models)
        };
        declared.ids().filter(is_defined_elsewhere).fold(Owed::default(), |all, layer| {
            let owed = self.owed_under(self.layer(layer).defined_by);
            all.union(owed.intersection([layer].into_iter().collect()))
        })
    }

    /// Returns the layers that owe only a customer duty under every built-in service model. Workloads with an unknown service
    /// model owe these duties too.
    #[must_use]
    pub const fn customer_everywhere(&self) -> LayerSet {
        self.customer_everywhere
    }

    /// Returns the layers that a workload with these triggers has under these service models. `declared` are the layers that
    /// the assignments of the workload declare.
    #[must_use]
    pub fn present(&self, triggers: LayerTriggers, models: ModelSet, declared: LayerSet) -> LayerSet {
        let is_present = |layer: &Layer| match layer.presence {
            Presence::Inherent => layer.defined_by.is_empty() || layer.defined_by.intersects(models),
            Presence::Detected => layer.triggers.intersects(triggers),
            Presence::Declared => false,
        };
        self.layers().filter(|(_, layer)| is_present(layer)).map(|(id, _)| id).collect::<LayerSet>().union(declared)
    }
}

#[cfg(test)]
mod tests;
