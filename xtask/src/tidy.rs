//! The rules of the workspace that no compiler checks.
//!
//! Each rule adds what breaks it to one list, so that a run tells all of it.

mod circles;
mod contract;
mod decisions;
mod documents;
mod format_document;
mod layers;
mod names;
mod public_items;
mod publication;
mod sources;
mod types;
mod workspace;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::CommandFactory as _;

use self::workspace::Workspace;
use crate::Arguments;
use crate::metadata::packages;
use crate::run::root;

/// What breaks the rules.
#[derive(Debug, Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, finding: impl Into<String>) {
        self.0.push(finding.into());
    }
}

pub(crate) fn tidy() -> Result<()> {
    let root = root();
    let packages = packages()?;
    let mut findings = Findings::default();
    layers::check(&packages, &mut findings);
    publication::check(&packages, &mut findings);
    circles::check(&packages, &mut findings)?;
    contract::check(&root, &mut findings)?;
    decisions::check(&root, &mut findings)?;
    let workspace = Workspace::read(&root)?;
    documents::check(&root, &workspace, &mut findings);
    names::check(&root, &workspace, &Arguments::command(), &mut findings)?;
    public_items::check(&root, &packages, &mut findings)?;
    format_document::check(&root, &mut findings)?;
    sources::check(&root, &packages, &mut findings)?;
    types::check(&root, &mut findings)?;
    for finding in &findings.0 {
        println!("tidy: {finding}");
    }
    match findings.0.len() {
        0 => Ok(()),
        1 => bail!("1 finding"),
        count => bail!("{count} findings"),
    }
}

/// The Rust files below a folder, sorted; none where there is no folder.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = folder
        .read_dir()
        .with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in listed {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
