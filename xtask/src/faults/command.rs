//! The built command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::metadata::target_folder;
use crate::run::{cargo, run};

/// Builds the command.
pub(super) fn build() -> Result<()> {
    run(&mut cargo(["build", "--quiet", "--package", "apograph"]))
}

/// Where the built command is.
pub(super) fn path() -> Result<&'static Path> {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = PATH.get() {
        return Ok(path);
    }
    let path = target_folder()?.join("debug/apograph");
    Ok(PATH.get_or_init(|| path))
}

/// Runs the command, which has to succeed, and reads the object that it prints.
pub(super) fn object(words: &[String]) -> Result<Value> {
    let mut words = words.to_vec();
    words.push("--json".to_owned());
    let output = Command::new(path()?).args(&words).output();
    let output = output.context("cannot start the command")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {errors}", words.join(" "));
    serde_json::from_slice(&output.stdout).with_context(|| words.join(" "))
}

/// Words of a command line.
pub(super) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}
