//! Adds the service models of a cluster to the built-in matrix.
//!
//! The result does not depend on the order in which the service models were created. If two of them define the same layer
//! differently, both are refused.

use std::collections::BTreeMap;

use super::id_set::{CAPACITY, LayerId, LayerSet, ModelId};
use super::layer::{Layer, Owes};
use super::service_model::ServiceModel;
use super::{Duty, Matrix, Model, Owed};

/// A service model that the cluster defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDefinition {
    /// The name of the ServiceModel object.
    pub name: String,
    /// The built-in service model that applies to all other layers.
    pub extends: ServiceModel,
    /// The built-in layers whose duties differ, by name.
    pub cells: Vec<(String, Owes)>,
    /// The additional layers.
    pub layers: Vec<(Layer, Owes)>,
}

impl Matrix {
    /// Returns the built-in matrix with these service models. It excludes service models that are not valid;
    /// [`Matrix::find_model`] returns the reason.
    #[must_use]
    pub fn extended(mut definitions: Vec<ModelDefinition>) -> Self {
        let mut matrix = Self::built_in().clone();
        definitions.sort_by(|a, b| a.name.cmp(&b.name));
        let refused = refused_definitions(&matrix, &definitions);
        definitions.retain(|definition| !refused.contains_key(&definition.name));
        matrix.refused = refused;
        for definition in definitions {
            if let Err(reason) = matrix.add(&definition) {
                matrix.refused.insert(definition.name, reason);
            }
        }
        matrix.sort_layers();
        matrix
    }

    /// Adds a service model, and its layers at the end. Fails if the matrix is full.
    fn add(&mut self, definition: &ModelDefinition) -> Result<(), String> {
        let new: Vec<&Layer> =
            definition.layers.iter().map(|(layer, _)| layer).filter(|layer| self.find(&layer.name).is_none()).collect();
        if self.models.len() >= CAPACITY || self.layers.len() + new.len() > CAPACITY {
            return Err(format!(
                "there are more than {CAPACITY} service models or {CAPACITY} layers, including the built-in ones; remove some"
            ));
        }
        let id = ModelId::new(u8::try_from(self.models.len()).unwrap_or(u8::MAX));
        self.layers.extend(new.into_iter().cloned());
        let mut owed = self.owed(definition.extends);
        let cells = definition.cells.iter().map(|(name, owes)| (name, *owes));
        let layers = definition.layers.iter().map(|(layer, owes)| (&layer.name, *owes));
        for (name, owes) in cells.chain(layers) {
            let Some(layer) = self.find(name) else { continue };
            owed.set(layer, owes);
        }
        for (layer, _) in &definition.layers {
            let row = self.layers.iter_mut().find(|row| row.name == layer.name);
            if let Some(row) = row {
                row.defined_by = row.defined_by.union([id].into_iter().collect());
            }
        }
        let meaning = format!("a service model of this cluster that extends {}", definition.extends);
        self.models.push(Model { name: definition.name.clone(), meaning, owed });
        Ok(())
    }

    /// Sorts the layers that the cluster defines by name.
    fn sort_layers(&mut self) {
        let built_in = Self::built_in().layers.len();
        let mut order: Vec<usize> = (0..self.layers.len()).collect();
        order[built_in..].sort_by(|a, b| self.layers[*a].name.cmp(&self.layers[*b].name));
        let new_positions: BTreeMap<usize, usize> = order.iter().enumerate().map(|(to, from)| (*from, to)).collect();
        let renumber = |set: LayerSet| -> LayerSet {
            let position = |layer: LayerId| u8::try_from(new_positions[&layer.index()]).unwrap_or(u8::MAX);
            set.ids().map(|layer| LayerId::new(position(layer))).collect()
        };
        for model in &mut self.models {
            model.owed = Owed { provider: renumber(model.owed.provider), customer: renumber(model.owed.customer) };
        }
        self.layers[built_in..].sort_by(|a, b| a.name.cmp(&b.name));
    }
}

impl Owed {
    /// Sets the duties that a layer owes.
    fn set(&mut self, layer: LayerId, owes: Owes) {
        let only: LayerSet = [layer].into_iter().collect();
        let updated = |set: LayerSet, duty| if owes.includes(duty) { set.union(only) } else { set.difference(only) };
        *self =
            Self { provider: updated(self.provider, Duty::Provider), customer: updated(self.customer, Duty::Customer) };
    }
}

/// Returns the names of the definitions that cannot be used, each with the reason.
fn refused_definitions(matrix: &Matrix, definitions: &[ModelDefinition]) -> BTreeMap<String, String> {
    let mut refused = BTreeMap::new();
    for definition in definitions {
        if let Some(reason) = definition_error(matrix, definition) {
            refused.insert(definition.name.clone(), reason);
        }
    }
    for one in definitions {
        let other = definitions.iter().find(|other| {
            other.name != one.name
                && one.layers.iter().any(|(layer, _)| {
                    other.layers.iter().any(|(theirs, _)| theirs.name == layer.name && theirs != layer)
                })
        });
        if let Some(other) = other {
            let reason =
                format!("the service model {:?} defines the same layer differently; make both equal", other.name);
            refused.entry(one.name.clone()).or_insert(reason);
        }
    }
    refused
}

/// Returns the first error of a definition. The CRD has the same rules; this check does not rely on them.
fn definition_error(matrix: &Matrix, definition: &ModelDefinition) -> Option<String> {
    if let Some(built_in) = ServiceModel::ALL.iter().find(|model| model.name().eq_ignore_ascii_case(&definition.name)) {
        return Some(format!(
            "{:?} is the name of the built-in service model {built_in} in lower case; create it with another name",
            definition.name
        ));
    }
    for (name, owes) in &definition.cells {
        let Some(id) = matrix.find(name) else {
            return Some(format!("{name:?} is not a built-in layer; define it under layers, or correct the name"));
        };
        if matrix.layer(id).retained && *owes == Owes::Provider {
            return Some(format!(
                "{name} is retained: the customer stays accountable for it; write owes: Customer or owes: Shared"
            ));
        }
    }
    for (layer, owes) in &definition.layers {
        if !layer.name.contains('/') {
            return Some(format!("{:?} needs a qualified name such as example.com/{}", layer.name, layer.name));
        }
        if *owes == Owes::Shared && layer.halves.is_none() {
            return Some(format!(
                "{} is shared and has no halves; write halves: {{provider: ..., customer: ...}}",
                layer.name
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Audience, Halves, LayerTriggers, ModelSet, Plane, Presence};
    use super::*;

    fn layer(name: &str) -> Layer {
        Layer {
            name: name.to_owned(),
            meaning: "the models that are called".to_owned(),
            plane: Plane::Workload,
            concern: Audience::Workload,
            presence: Presence::Inherent,
            triggers: LayerTriggers::empty(),
            retained: false,
            tenant_exceptions: true,
            halves: Some(Halves { provider: "runs them".to_owned(), customer: "chooses them".to_owned() }),
            cells: BTreeMap::new(),
            defined_by: ModelSet::empty(),
        }
    }

    fn definition(name: &str) -> ModelDefinition {
        ModelDefinition { name: name.to_owned(), extends: ServiceModel::ManagedNodes, cells: vec![], layers: vec![] }
    }

    #[test]
    fn a_name_that_differs_from_a_built_in_one_in_case_only_is_refused() {
        for built_in in ServiceModel::ALL {
            let name = built_in.name().to_lowercase();
            let matrix = Matrix::extended(vec![definition(&name), definition("house")]);
            assert_eq!(matrix.refused.keys().collect::<Vec<_>>(), [&name]);
            assert!(matrix.refused[&name].contains(built_in.name()), "{}", matrix.refused[&name]);
        }
    }

    fn id(matrix: &Matrix, name: &str) -> LayerId {
        matrix.find(name).unwrap()
    }

    #[test]
    fn cells_that_are_not_named_are_those_of_the_extended_model() {
        let cells = vec![("storage-platform".to_owned(), Owes::Provider), ("cloud-network".to_owned(), Owes::Shared)];
        let matrix = Matrix::extended(vec![ModelDefinition { cells, ..definition("rosa") }]);
        let rosa = matrix.owed(matrix.find_model("rosa").unwrap());
        let built_in = Matrix::built_in().owed(ServiceModel::ManagedNodes);
        let storage: LayerSet = [id(&matrix, "storage-platform")].into_iter().collect();
        let network: LayerSet = [id(&matrix, "cloud-network")].into_iter().collect();
        assert_eq!(rosa.customer, built_in.customer.difference(storage));
        assert_eq!(rosa.provider, built_in.provider.union(network));
    }

    #[test]
    fn a_layer_of_its_own_is_owed_and_present_under_the_models_that_define_it_only() {
        let with_layers = |names: &[&str]| names.iter().map(|name| (layer(name), Owes::Shared)).collect();
        let matrix = Matrix::extended(vec![
            ModelDefinition { layers: with_layers(&["z.example/b", "a.example/c"]), ..definition("one") },
            ModelDefinition { layers: with_layers(&["m.example/a"]), ..definition("two") },
        ]);
        let names: Vec<_> = matrix.layers().skip(22).map(|(_, layer)| layer.name.as_str()).collect();
        assert_eq!(names, ["a.example/c", "m.example/a", "z.example/b"]);
        let [one, two] = ["one", "two"].map(|name| matrix.find_model(name).unwrap());
        let own = |model| -> Vec<usize> {
            let owed = matrix.owed(model);
            assert_eq!(
                owed.customer.ids().filter(|l| l.index() > 21).count(),
                owed.provider.ids().filter(|l| l.index() > 21).count()
            );
            owed.customer.ids().map(LayerId::index).filter(|index| *index > 21).collect()
        };
        assert_eq!((own(one), own(two)), (vec![22, 24], vec![23]));
        let present = |models: &[ModelId]| {
            matrix
                .present(super::super::LayerTriggers::default(), models.iter().copied().collect(), LayerSet::empty())
                .len()
        };
        assert_eq!((present(&[]), present(&[one]), present(&[two]), present(&[one, two])), (13, 15, 14, 16));
    }

    #[test]
    fn a_declared_layer_of_another_model_owes_what_that_model_says() {
        let declared = Layer { presence: Presence::Declared, ..layer("example.com/ai") };
        let matrix =
            Matrix::extended(vec![ModelDefinition { layers: vec![(declared, Owes::Customer)], ..definition("ai") }]);
        let ai: LayerSet = [id(&matrix, "example.com/ai")].into_iter().collect();
        let [own, caas] = [matrix.find_model("ai").unwrap(), ServiceModel::Caas.into()];
        assert_eq!(
            matrix.owed_where_declared(ai, [caas].into_iter().collect()),
            Owed { customer: ai, ..Owed::default() }
        );
        assert_eq!(matrix.owed_where_declared(ai, [caas, own].into_iter().collect()), Owed::default());
    }

    #[test]
    fn a_retained_layer_never_becomes_the_providers() {
        let cells = vec![("access-control".to_owned(), Owes::Provider)];
        let matrix = Matrix::extended(vec![ModelDefinition { cells, ..definition("lazy") }, definition("fine")]);
        assert!(
            matches!(matrix.find_model("lazy"), Err(super::super::Unusable::Refused(why)) if why.contains("retained"))
        );
        assert!(matrix.find_model("fine").is_ok());
        assert_eq!(matrix.find_model("absent"), Err(super::super::Unusable::NotFound));
    }

    #[test]
    fn what_a_schema_would_refuse_is_refused_here_as_well() {
        let refused = |definition: ModelDefinition| {
            let name = definition.name.clone();
            Matrix::extended(vec![definition]).find_model(&name).is_err()
        };
        assert!(refused(ModelDefinition { cells: vec![("nodeos".to_owned(), Owes::Shared)], ..definition("a") }));
        assert!(refused(ModelDefinition { layers: vec![(layer("unqualified"), Owes::Customer)], ..definition("a") }));
        let without_halves = Layer { halves: None, ..layer("example.com/ai") };
        assert!(refused(ModelDefinition { layers: vec![(without_halves.clone(), Owes::Shared)], ..definition("a") }));
        assert!(!refused(ModelDefinition { layers: vec![(without_halves, Owes::Customer)], ..definition("a") }));
    }

    #[test]
    fn two_models_that_define_a_layer_differently_are_both_refused_whatever_the_order() {
        let other = Layer { meaning: "something else".to_owned(), ..layer("example.com/ai") };
        let one = ModelDefinition { layers: vec![(layer("example.com/ai"), Owes::Customer)], ..definition("one") };
        let two = ModelDefinition { layers: vec![(other, Owes::Customer)], ..definition("two") };
        for order in [vec![one.clone(), two.clone()], vec![two, one.clone()]] {
            let matrix = Matrix::extended(order);
            assert!(matrix.find_model("one").is_err() && matrix.find_model("two").is_err());
            assert_eq!(matrix.layers().count(), 22);
        }
        let same = ModelDefinition { name: "two".to_owned(), ..one.clone() };
        let matrix = Matrix::extended(vec![one, same]);
        assert!(matrix.find_model("one").is_ok() && matrix.find_model("two").is_ok());
        assert_eq!(matrix.layers().count(), 23);
    }

    #[test]
    fn there_are_at_most_64_layers_and_64_models() {
        let many =
            |layers: usize| (0..layers).map(|at| (layer(&format!("example.com/l{at:02}")), Owes::Customer)).collect();
        let matrix = Matrix::extended(vec![
            ModelDefinition { layers: many(42), ..definition("full") },
            ModelDefinition { layers: vec![(layer("example.com/one-more"), Owes::Customer)], ..definition("more") },
        ]);
        assert_eq!(matrix.layers().count(), 64);
        assert!(matrix.find_model("full").is_ok() && matrix.find_model("more").is_err());
        let matrix = Matrix::extended((0..60).map(|at| definition(&format!("m{at:02}"))).collect());
        assert_eq!(matrix.models().count(), 64);
        assert!(matrix.find_model("m56").is_ok() && matrix.find_model("m57").is_err());
    }
}
