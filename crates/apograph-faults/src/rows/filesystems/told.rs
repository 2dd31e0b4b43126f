//! What a guest tells of the file systems on it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kind::{CHOSEN, Kind, Machine};
use crate::command::Programs;
use crate::guest::{Guest, TOLD};
use crate::report::{RowExtent, Tally};

/// What became of a file system.
#[derive(Serialize, Deserialize)]
pub(super) enum Part {
    /// It was made.
    Ran(Tally),
    /// It was not, and why.
    Skipped(String),
}

/// On which machine this program runs.
pub(super) fn machine() -> Machine {
    match std::env::var_os(TOLD) {
        Some(_) => Machine::Guest,
        None => Machine::Users,
    }
}

/// Tells what is done next on a file system, where this is a guest: whoever is silent hangs.
///
/// # Errors
///
/// Where nobody can be told.
pub(super) fn tell_next(kind: &Kind, what: &str) -> Result<()> {
    tell(&json!({ "name": kind.name(), "next": what }))
}

/// Tells what became of a file system, where this is a guest.
///
/// # Errors
///
/// Where nobody can be told.
pub(super) fn tell_done(kind: &Kind, part: &Part) -> Result<()> {
    tell(&json!({ "name": kind.name(), "done": part }))
}

fn tell(line: &Value) -> Result<()> {
    let Some(file) = std::env::var_os(TOLD) else {
        return Ok(());
    };
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    let line = format!("{line}\n");
    file.write_all(line.as_bytes())
        .context("nobody can be told")
}

/// Lets a guest do what this machine cannot. Each of them gets an answer.
///
/// # Errors
///
/// Where no guest comes up.
pub(super) fn ask(programs: &Programs, extent: RowExtent, kinds: &[&Kind]) -> Result<Vec<Part>> {
    let guest = Guest::prepared(&programs.guest)?;
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let own = own.to_str().context("this program has a name in UTF-8")?;
    let mut words = vec![own, "filesystems"];
    if extent == RowExtent::Long {
        words.push("--long");
    }
    let names: Vec<&str> = kinds.iter().map(|it| it.name()).collect();
    let told = guest.run(&words, &[(CHOSEN, &names.join(":"))])?;
    let (mut next, mut done) = (String::new(), BTreeMap::new());
    for line in told.lines {
        // The last line may be cut off.
        let mut line: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(name) = line["name"].as_str().map(str::to_owned) {
            match serde_json::from_value(line["done"].take()) {
                Ok(part) => drop(done.insert(name, part)),
                Err(_) => next = format!("{name}, {}", line["next"]),
            }
        }
    }
    let parts = names.into_iter().map(|name| {
        done.remove(name).unwrap_or_else(|| {
            let mut tally = Tally::default();
            let what = format!("it came to no end: at {next}, {}", told.end);
            tally.violations.push(what);
            Part::Ran(tally)
        })
    });
    Ok(parts.collect())
}
