//! The objects of a large cluster, always the same ones for the same size, for the scale run and the benchmarks.

pub mod cases;
pub mod kept;
mod manifest;
pub mod measurement;
mod read;
pub mod scenario;
mod world;

pub use manifest::managed_fields;
pub use read::Sent;
pub use world::{Object, World};
