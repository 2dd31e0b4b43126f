//! What is published: packaged, and compiled for the systems that are not tested.

use std::env;

use anyhow::{Result, bail};

use crate::metadata::{Package, packages};
use crate::run::{cargo, describe, run};

/// Systems that the published crates compile for, and that no test runs on.
const COMPILED_ALONE: [&str; 1] = ["aarch64-apple-darwin"];

/// Packages every published crate, and builds each from its package.
pub(crate) fn release(dry_run: bool) -> Result<()> {
    if !dry_run {
        bail!("nothing is released yet: see what would be with `cargo xtask release --dry-run`");
    }
    let mut package = cargo(["package", "--locked"]);
    package.args(published()?);
    println!("==> {}", describe(&package));
    run(&mut package)
}

/// Lints every published crate for the systems that they compile for.
pub(crate) fn platforms() -> Result<()> {
    for system in COMPILED_ALONE {
        let mut lint = cargo(["clippy", "--target", system]);
        lint.args(published()?).args(["--", "-D", "warnings"]);
        // A check links nothing, so what a dependency has in C need not be compiled, and a
        // compiler for that system need not be there.
        let system = system.replace('-', "_");
        for tool in ["CC", "AR"] {
            let name = format!("{tool}_{system}");
            if env::var_os(&name).is_none() {
                lint.env(name, "true");
            }
        }
        println!("==> {}", describe(&lint));
        run(&mut lint)?;
    }
    Ok(())
}

/// The published packages, as words for cargo.
fn published() -> Result<Vec<String>> {
    let mut packages = packages()?;
    packages.retain(Package::is_published);
    let names = packages.into_iter().map(|package| package.name);
    Ok(names
        .flat_map(|name| ["--package".to_owned(), name])
        .collect())
}
