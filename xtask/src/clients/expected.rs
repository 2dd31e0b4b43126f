//! What must come of each client and feature: the table in docs/grafeo-versions.md.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};

use super::judge::{Counts, Outcomes};
use crate::run::root;

const DOCUMENT: &str = "docs/grafeo-versions.md";
const HEADING: &str = "## What comes back";

/// The table, by feature and client.
pub(super) struct Expected(BTreeMap<(String, String), Cell>);

/// What must come of a feature in the hands of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cell {
    is_offered: bool,
    /// Some points are what the client itself makes of its files, which lack something.
    lacks: bool,
    /// No backup is taken at all.
    is_never_taken: bool,
    /// The codes that some backups are refused with.
    codes: &'static [&'static str],
    /// Those that some may be refused with, by where a kill strikes.
    may: &'static [&'static str],
}

impl Cell {
    fn read(words: &str) -> Result<Self> {
        let mut cell = Self::default();
        for word in words.split_whitespace().filter(|word| *word != "-") {
            cell.is_offered = true;
            match word {
                "exact" => {}
                "engine" => cell.lacks = true,
                "closed" => cell.codes = &["unsupported-version"],
                "never" => {
                    cell.codes = &["unsupported-version"];
                    cell.is_never_taken = true;
                }
                "torn" => cell.may = &["wal-damaged"],
                "refused" => cell.codes = &["spilled-vectors"],
                other => bail!("{DOCUMENT} says `{other}`"),
            }
        }
        Ok(cell)
    }
}

impl Expected {
    pub(super) fn read() -> Result<Self> {
        let path = root().join(DOCUMENT);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
        let (_, table) = text
            .split_once(HEADING)
            .with_context(|| format!("{DOCUMENT} has no `{HEADING}`"))?;
        let mut rows = table
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .map(|line| {
                line.trim_matches('|')
                    .split('|')
                    .map(str::trim)
                    .collect::<Vec<_>>()
            });
        let head = rows.next().context("the table is empty")?;
        let mut cells = BTreeMap::new();
        for row in rows.skip(1) {
            ensure!(
                row.len() == head.len(),
                "a row of {DOCUMENT} is not whole: {row:?}"
            );
            for (client, cell) in head.iter().zip(&row).skip(1) {
                let cell = Cell::read(cell)?;
                cells.insert((row[0].to_owned(), (*client).to_owned()), cell);
            }
        }
        Ok(Self(cells))
    }

    /// What is not as the table says.
    pub(super) fn compare(&self, outcomes: &Outcomes) -> Vec<String> {
        let mut findings = Vec::new();
        for ((feature, client), counts) in outcomes {
            let Some(cell) = self.0.get(&(feature.clone(), client.clone())) else {
                findings.push(format!("{feature} of {client} is not in {DOCUMENT}"));
                continue;
            };
            for finding in cell.findings(counts) {
                findings.push(format!("{feature} of {client}: {finding}"));
            }
        }
        findings
    }
}

impl Cell {
    fn findings(self, counts: &Counts) -> Vec<String> {
        let mut findings = Vec::new();
        let mut must = |is_so: bool, finding: &str| {
            if !is_so {
                findings.push(format!("{finding} ({counts})"));
            }
        };
        must(
            counts.is_absent != self.is_offered,
            "offered, or not offered, against the table",
        );
        must(counts.wrong == 0, "wrong");
        must(counts.silent == 0, "silent");
        if !self.is_offered || counts.is_absent {
            return findings;
        }
        let comes_back = counts.exact + counts.as_engine > 0;
        must(
            comes_back != self.is_never_taken,
            "something comes back, or nothing",
        );
        must(
            counts.exact > 0 || self.lacks || self.is_never_taken,
            "nothing is exact",
        );
        must(
            counts.as_engine == 0 || self.lacks,
            "not all that the client said",
        );
        must(counts.as_engine > 0 || !self.lacks, "better than the table");
        let is_right = |code: &String| {
            let mut right = self.codes.iter().chain(self.may);
            right.any(|right| right == code)
        };
        must(counts.refused.iter().all(is_right), "refused");
        must(
            self.codes.is_empty() || !counts.refused.is_empty(),
            "not refused",
        );
        findings
    }
}
