//! The objects of a large cluster, always the same ones for the same size, for the scale run and the benchmarks.

mod manifest;
mod world;

pub use manifest::managed_fields;
pub use world::{Object, World};
