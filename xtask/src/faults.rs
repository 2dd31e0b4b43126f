//! `cargo xtask faults`: faults that take longer to go through than a change waits for.
//!
//! Each row does something to the built command at every place where it can happen, and looks at
//! what is left. A row that cannot run on a machine says so; it never passes in silence.

mod command;
mod stage;
mod system_calls;

use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::faults::stage::Stage;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// The command is killed at each of its system calls
    Kill,
    /// Each system call of the command fails
    Error,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Error => "error",
        })
    }
}

/// What a row came to.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    faults: u64,
    violations: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.faults += other.faults;
        self.violations.extend(other.violations);
    }
}

/// Runs one row, or each.
pub(crate) fn faults(only: Option<Row>, long: bool) -> Result<()> {
    command::build()?;
    let mut rows = Vec::new();
    for row in Row::value_variants().iter().copied() {
        if only.is_none_or(|only| only == row) {
            rows.push((row, run(row, long)?));
        }
    }
    println!(
        "\n{:<8} {:>8} {:>8} {:>10}",
        "row", "runs", "faults", "violations"
    );
    let mut violations = 0;
    for (row, tally) in &rows {
        match tally {
            Some(tally) => {
                violations += tally.violations.len();
                let (runs, faults) = (tally.runs, tally.faults);
                println!(
                    "{:<8} {runs:>8} {faults:>8} {:>10}",
                    row.to_string(),
                    tally.violations.len()
                );
            }
            None => println!("{:<8} SKIPPED: strace is not installed", row.to_string()),
        }
    }
    if violations > 0 {
        bail!("{violations} violations");
    }
    Ok(())
}

/// `None` where the machine cannot produce the fault.
fn run(row: Row, long: bool) -> Result<Option<Tally>> {
    if !system_calls::is_possible() {
        return Ok(None);
    }
    let mut tally = Tally::default();
    for generation in [1, 2] {
        let stage = Stage::new(generation)?;
        tally.add(system_calls::sweep(&stage, row, long)?);
    }
    for violation in &tally.violations {
        println!("VIOLATION {violation}");
    }
    Ok(Some(tally))
}
