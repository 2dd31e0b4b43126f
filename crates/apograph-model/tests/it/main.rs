//! Scenarios, some thousand of them, and what must not pass.

mod copied_on;
mod derived;
mod found;
mod fuzz;
mod merged;
mod prune;
mod pruned;
mod readers;
mod reading;
mod rebuilt;
mod scenarios;

use std::path::PathBuf;

use apograph_testing::fixtures::{V1, V2};

/// The repositories of every golden.
fn golden_repositories() -> impl Iterator<Item = PathBuf> {
    let goldens = [V1, V2].into_iter().flat_map(|fixtures| {
        let folder = move |name: String| fixtures.root().join(name).join("backup");
        fixtures.names().into_iter().map(folder)
    });
    goldens.filter(|golden| golden.join("backup_manifest.json").exists())
}
