//! Objects of a large cluster for the scale run and the benchmarks. The same size always gives the same objects.

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
