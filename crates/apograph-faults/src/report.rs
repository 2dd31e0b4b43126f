//! What a row came to.

use std::collections::BTreeMap;

use anyhow::Error;
use serde::{Deserialize, Serialize};

/// How much of a row to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowExtent {
    /// What every change waits for.
    Quick,
    /// All of it.
    Long,
}

/// Faults, and what did not hold after them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// How often something was run that a fault could strike.
    pub runs: u64,
    /// How many faults struck.
    pub faults: u64,
    /// What did not hold.
    pub violations: Vec<String>,
    /// What else was counted.
    pub notes: BTreeMap<String, u64>,
    /// Its parts, in words.
    pub parts: Vec<String>,
}

impl Tally {
    /// A fault struck; `outcome` is what was found after it.
    pub fn struck(&mut self, what: impl FnOnce() -> String, outcome: Result<(), Error>) {
        self.faults += 1;
        if let Err(error) = outcome {
            self.violations.push(format!("{}: {error:#}", what()));
        }
    }

    /// Whether a control is to be run on: a quick one ends with the first that is caught.
    pub fn wants_more(&self, extent: RowExtent) -> bool {
        extent == RowExtent::Long || self.violations.is_empty()
    }

    /// Counts one more of something.
    pub fn note(&mut self, what: &str) {
        *self.notes.entry(what.to_owned()).or_default() += 1;
    }

    /// Says something of a part.
    pub fn say(&mut self, words: String) {
        self.parts.push(words);
    }

    /// The same as a part, which has a name and tells its own figures.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        let (runs, faults, violations) = (self.runs, self.faults, self.violations.len());
        for violation in &mut self.violations {
            violation.insert_str(0, &format!("{name}: "));
        }
        self.say(format!(
            "{name}: {runs} runs, {faults} faults, {violations} violations"
        ));
        self
    }

    /// All of another one too.
    pub fn add(&mut self, other: Self) {
        self.parts.extend(other.parts);
        self.runs += other.runs;
        self.faults += other.faults;
        self.violations.extend(other.violations);
        for (what, count) in other.notes {
            *self.notes.entry(what).or_default() += count;
        }
    }
}

/// The same faults upon something that cannot bear them.
#[derive(Debug)]
pub struct Control {
    /// What it is.
    pub what: &'static str,
    /// What it came to.
    pub tally: Tally,
}

impl Control {
    /// The control of a row.
    pub fn of(what: &'static str, tally: Tally) -> Option<Self> {
        Some(Self { what, tally })
    }
}

/// How a row ended.
#[derive(Debug)]
pub enum RowOutcome {
    /// It was run.
    Ran {
        /// What it came to.
        tally: Tally,
        /// What its control came to, where it has one.
        control: Option<Control>,
    },
    /// The machine cannot produce the fault, and why.
    Skipped(String),
}
