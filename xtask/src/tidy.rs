//! The rules of the workspace that no compiler checks.
//!
//! Each rule adds what breaks it to one list, so that a run tells all of it.

mod circles;
mod contract;
mod decisions;
mod documents;
mod files;
mod findings;
mod format_document;
mod layers;
mod names;
mod public_items;
mod publication;
mod sources;
mod types;
mod workspace;

use anyhow::{Result, bail};
use clap::CommandFactory as _;

use self::findings::Findings;
use self::workspace::Workspace;
use crate::arguments::Arguments;
use crate::metadata::packages;
use crate::run::root;

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
