//! The programs that hold a live database for the tests, one for each generation of the engine.
//!
//! That of generation 1 is a binary of `apograph-interop`. That of generation 2 is a workspace of
//! its own: its engine asks for a newer compiler than the workspace does, though it needs none.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::metadata::target_folder;
use crate::run::{cargo, run};

/// The folder of the driver of generation 2.
pub(crate) const NEWER: &str = "crates/apograph-interop/engine-0.6";
/// Where it is built, in cargo's own folder: the tests look for it there.
const NEWER_TARGET: &str = "engine-0.6";

/// Checks how the driver of generation 2 is formatted.
pub(crate) fn format_newer() -> Command {
    let mut command = cargo(["fmt", "--check"]);
    command.arg("--manifest-path").arg(manifest());
    command
}

/// Lints the driver of generation 2 while it is built: `cargo clippy` would check the whole engine
/// first, which is built all the same.
pub(crate) fn lint_newer() -> Result<Command> {
    let mut command = newer("rustc")?;
    command.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    command.args(["--", "-D", "warnings"]);
    Ok(command)
}

/// Builds the driver of generation 2, where the tests look for it.
pub(crate) fn build_newer() -> Result<Command> {
    newer("build")
}

/// Compares the records of generation 2 with what its engine reads.
pub(crate) fn test_newer() -> Result<Command> {
    newer("test")
}

/// Builds the driver of a generation and says where it is.
pub(crate) fn build(generation: u32) -> Result<PathBuf> {
    let target = target_folder()?;
    if generation == 1 {
        run(&mut cargo(["build", "--package", "apograph-interop"]))?;
        return Ok(target.join("debug/grafeo-driver"));
    }
    run(&mut build_newer()?)?;
    Ok(target.join(NEWER_TARGET).join("debug/grafeo-driver-0-6"))
}

fn newer(subcommand: &str) -> Result<Command> {
    let mut command = cargo([subcommand, "--ignore-rust-version"]);
    command.arg("--manifest-path").arg(manifest());
    command
        .arg("--target-dir")
        .arg(target_folder()?.join(NEWER_TARGET));
    Ok(command)
}

fn manifest() -> PathBuf {
    PathBuf::from(NEWER).join("Cargo.toml")
}
