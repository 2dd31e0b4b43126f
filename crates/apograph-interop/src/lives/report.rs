//! What the backups of a life came to.

use std::collections::BTreeMap;
use std::fmt;

use crate::command::Outcome;

/// Counts, and what is wrong.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Backups that were asked for.
    pub backups: u64,
    /// Full ones.
    pub fulls: u64,
    /// Increments.
    pub increments: u64,
    /// Those that found nothing new.
    pub up_to_date: u64,
    /// Refusals, by the code of the error.
    pub refused: BTreeMap<String, u64>,
    /// Those of files that the engine does not open either.
    pub unjudged: u64,
    /// How many increments of vaults were merged.
    pub merged: u64,
    /// How many objects of vaults were deleted, and versions of their catalogs.
    pub deleted: u64,
    /// How many commands were killed.
    pub killed: u64,
    /// How many backups slept while others went on.
    pub woken: u64,
    /// How many old chains were removed from vaults.
    pub pruned: u64,
    /// How many states were found again by the name that they had as the latest.
    pub named: u64,
    /// How many pairs of them were compared, and made one of the other by what is different.
    pub compared: u64,
    /// How many of those names were refused.
    pub unnamed: u64,
    /// Why full backups were no increments, each the first time.
    pub reasons: BTreeMap<String, u64>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// In which way.
    pub kind: FindingKind,
    /// What.
    pub detail: String,
}

/// A way of being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A backup says that all is captured, and its latest state is not what the engine makes of a
    /// plain copy.
    Silent,
    /// A point that is offered is not the state that was there, or cannot be restored.
    Wrong,
    /// A point was offered, and no longer is.
    Lost,
}

impl Report {
    /// Counts what a backup came to.
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        self.backups += 1;
        match outcome.word() {
            "full" => {
                self.fulls += 1;
                let why = outcome.json["why"].as_str().unwrap_or_default().to_owned();
                *self.reasons.entry(why).or_default() += 1;
            }
            "incremental" => self.increments += 1,
            "up-to-date" => self.up_to_date += 1,
            code => *self.refused.entry(code.to_owned()).or_default() += 1,
        }
    }

    /// Counts what became of a vault that was made smaller.
    pub(crate) fn compacted(&mut self, outcome: &Outcome) {
        let number = |key: &str| outcome.json[key].as_u64().unwrap_or_default();
        self.merged += number("merged");
        self.deleted += number("deleted") + number("versions");
    }

    /// Adds what another life came to.
    pub fn add(&mut self, other: Self) {
        self.backups += other.backups;
        self.fulls += other.fulls;
        self.increments += other.increments;
        self.up_to_date += other.up_to_date;
        self.unjudged += other.unjudged;
        self.merged += other.merged;
        self.deleted += other.deleted;
        self.killed += other.killed;
        self.woken += other.woken;
        self.pruned += other.pruned;
        self.named += other.named;
        self.compared += other.compared;
        self.unnamed += other.unnamed;
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        for (why, count) in other.reasons {
            *self.reasons.entry(why).or_default() += count;
        }
        self.findings.extend(other.findings);
    }

    /// How many findings are of a kind.
    pub fn count_of(&self, kind: FindingKind) -> usize {
        self.findings.iter().filter(|it| it.kind == kind).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: u64 = self.refused.values().sum();
        write!(
            f,
            "{} backups, {} fulls, {} increments, {} up to date, {refused} refused, {} wrong, \
             {} silent, {} lost, {} merged, {} deleted, {} killed, {} woken, {} pruned, {} named, \
             {} compared, {} names refused",
            self.backups,
            self.fulls,
            self.increments,
            self.up_to_date,
            self.count_of(FindingKind::Wrong),
            self.count_of(FindingKind::Silent),
            self.count_of(FindingKind::Lost),
            self.merged,
            self.deleted,
            self.killed,
            self.woken,
            self.pruned,
            self.named,
            self.compared,
            self.unnamed,
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}
