//! Writes the files that are generated from the chart: the plain manifests, the README and the copy of the CRDs.

use std::fs;

use harness::Chart;

fn main() -> anyhow::Result<()> {
    for (path, text) in Chart::locate()?.generated()? {
        fs::write(path, text)?;
    }
    Ok(())
}
