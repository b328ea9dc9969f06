//! Writes what is generated from the chart: the plain manifests, the README, the copy of the definitions.

use std::fs;

use harness::Chart;

fn main() -> anyhow::Result<()> {
    for (path, text) in Chart::locate()?.generated()? {
        fs::write(path, text)?;
    }
    Ok(())
}
