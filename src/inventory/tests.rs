//! Tests of the index.

mod acceptance;
mod build;
mod changes;
mod children;
mod costs;
mod crowd;
mod custom;
mod from_scratch;
mod generate;
mod growth;
mod monotone;
mod scenarios;
mod shown;
mod specs;
mod stats;
mod tenants;
mod workloads;
mod world;

use crate::facts::Labels;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn app(name: &str) -> Labels {
    labels(&[("app", name)])
}
