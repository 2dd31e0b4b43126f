//! What the restored states are compared with, and how the comparisons are counted.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// What came of the scenarios of a client, by feature.
pub(super) type Outcomes = BTreeMap<(String, String), Counts>;

/// What came of the comparisons of a scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// What came back is what the client said.
    pub(super) exact: usize,
    /// It is what the client itself makes of a copy of its files, and not what it said before; or
    /// the command has said what is missing.
    pub(super) as_engine: usize,
    /// The command refused, with these codes.
    pub(super) refused: Vec<String>,
    /// It is another state.
    pub(super) wrong: usize,
    /// The command said that all is well, and what the client has on disk is not in the backup.
    pub(super) silent: usize,
    /// The client does not offer the feature.
    pub(super) is_absent: bool,
    /// What was wrong, for people.
    pub(super) details: Vec<String>,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.exact += other.exact;
        self.as_engine += other.as_engine;
        self.refused.extend(other.refused.iter().cloned());
        self.wrong += other.wrong;
        self.silent += other.silent;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_absent {
            return f.write_str("not offered");
        }
        let mut codes = self.refused.clone();
        codes.sort();
        codes.dedup();
        write!(
            f,
            "{:>4} /{:>3} /{:>3} /{:>3} /{:>3}  {}",
            self.exact,
            self.as_engine,
            self.refused.len(),
            self.wrong,
            self.silent,
            codes.join(" ")
        )
    }
}

/// A state of the live database.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) epoch: u64,
    pub(super) held: Value,
}

/// The states that the client had, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct States(Vec<State>);

impl States {
    pub(super) fn note(&mut self, dump: &Value) {
        self.0.push(State {
            epoch: dump["epoch"].as_u64().unwrap_or_default(),
            held: dump["held"].clone(),
        });
    }

    /// What the client said, each with its epoch.
    pub(super) fn said(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.0.iter().map(|state| (state.epoch, &state.held))
    }

    /// What is found after a client that was killed in a step: whether it got to its end, and has
    /// taken an epoch, only that tells.
    pub(super) fn note_unanswered(&mut self, held: &Value) {
        let Some(last) = self.0.last().map(|state| state.epoch) else {
            return;
        };
        for epoch in [last, last + 1] {
            let held = held.clone();
            self.0.push(State { epoch, held });
        }
    }

    /// Whether the client ever had this at an epoch. What a process of generation 1 changes before
    /// it takes an epoch stands in the timeline before.
    pub(super) fn had(&self, epoch: u64, held: &Value) -> bool {
        self.0
            .iter()
            .any(|it| (it.epoch == epoch || it.epoch == 0) && it.held == *held)
    }
}

/// Where two values differ first.
pub(super) fn difference(wanted: &Value, found: &Value) -> Option<String> {
    differ("", wanted, found)
}

fn differ(place: &str, wanted: &Value, found: &Value) -> Option<String> {
    match (wanted, found) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys());
            let mut places =
                keys.filter_map(|key| differ(&format!("{place}/{key}"), &wanted[key], &found[key]));
            places.next()
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| differ(&format!("{place}/{index}"), one, other))
        }
        (Value::Array(one), Value::Array(other)) => Some(format!(
            "{place}: {} in place of {}",
            other.len(),
            one.len()
        )),
        _ if wanted == found => None,
        _ => {
            let short = |value: &Value| value.to_string().chars().take(80).collect::<String>();
            Some(format!(
                "{place}: {} in place of {}",
                short(found),
                short(wanted)
            ))
        }
    }
}
