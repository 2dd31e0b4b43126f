//! Everything that must hold before a change goes in, from the quick to the slow.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::driver;
use crate::metadata::packages;
use crate::run::{cargo, describe, root, run};
use crate::tidy::tidy;

/// The example that needs a database to back up.
const NEEDS_A_DATABASE: (&str, &str) = ("apograph", "first_backup");

pub(crate) fn verify() -> Result<()> {
    let begun = Instant::now();
    let mut docs = cargo(["doc", "--workspace", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    let steps: [(&str, Command); 8] = [
        ("format", cargo(["fmt", "--all", "--check"])),
        ("format of engine-0.6", driver::format_newer()),
        (
            "lints",
            cargo([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]),
        ),
        ("lints of engine-0.6", driver::lint_newer()?),
        ("build of engine-0.6", driver::build_newer()?),
        ("tests", cargo(["test", "--workspace"])),
        ("docs", docs),
        ("examples", cargo(["build", "--workspace", "--examples"])),
    ];
    for (name, mut command) in steps {
        println!("==> {name}: {}", describe(&command));
        timed(name, || run(&mut command))?;
    }
    for (package, example) in runnable()? {
        let name = format!("example {example} of {package}");
        println!("==> {name}");
        timed(&name, || run_example(&package, &example))?;
    }
    println!("==> tidy");
    timed("tidy", tidy)?;
    println!("verified in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn timed(name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    step().with_context(|| format!("{name} failed"))?;
    println!("    {name}: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The examples of the published packages that run without arguments.
fn runnable() -> Result<Vec<(String, String)>> {
    let packages = packages()?;
    let published = packages.iter().filter(|package| package.is_published());
    let examples = published.flat_map(|package| {
        let own = package.examples();
        own.map(|example| (package.name.clone(), example.to_owned()))
    });
    let mut examples: Vec<_> = examples.collect();
    examples.retain(|(package, example)| (package.as_str(), example.as_str()) != NEEDS_A_DATABASE);
    Ok(examples)
}

/// Runs an example without arguments in an empty folder.
fn run_example(package: &str, example: &str) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut command = cargo(["run", "--quiet", "--package", package, "--example", example]);
    command
        .arg("--manifest-path")
        .arg(root().join("Cargo.toml"));
    run(command.current_dir(folder.path()))
}
