//! The scale run.

fn main() {}
