//! The `truth.json` of a golden fixture: what the live database answered after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use apograph_format::{Generation, SegmentKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fixtures::Fixtures;

/// The truth about one fixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Its name.
    pub fixture: String,
    /// The generation of the format, by its number.
    #[serde(with = "number")]
    pub generation: Generation,
    /// The engine that made it.
    pub engine: String,
    /// What it is about.
    pub about: String,
    /// What else there is to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Every epoch adds exactly one node; only the last state was written down.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nodes_equal_epoch: bool,
    /// The backups, in the order they were taken.
    pub backups: Vec<TruthBackup>,
    /// The states, in the order they were seen.
    pub states: Vec<TruthState>,
}

/// A backup that was taken, or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthBackup {
    /// Full or incremental.
    pub kind: SegmentKind,
    /// The state it was taken after.
    pub after_seq: u64,
    /// The process lifetime it was taken in.
    pub life: u64,
    /// The file in the backup directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The first epoch, as the backup itself states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_epoch: Option<u64>,
    /// The last epoch, as the backup itself states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_epoch: Option<u64>,
    /// The size of the file in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The size of every log file right after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal: Option<BTreeMap<String, u64>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The live database after one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthState {
    /// Its place among the states.
    pub seq: u64,
    /// The process lifetime: one more per crash or reopen.
    pub life: u64,
    /// What was done just before.
    pub op: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `current_epoch()` of the live database.
    pub epoch: u64,
    /// The size of every log file: each is a legal place to cut.
    pub wal: BTreeMap<String, u64>,
    /// What the database held, as the driver of the engine dumps it.
    pub content: Value,
}

/// Why a `truth.json` cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TruthError {
    /// The file system refused.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is not a truth.
    #[error("{} is not a truth.json", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Truth {
    /// The truth about a fixture.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn of(fixtures: Fixtures, fixture: &str) -> Self {
        let file = fixtures.read(&format!("{fixture}/truth.json"));
        serde_json::from_slice(&file.bytes)
            .unwrap_or_else(|error| panic!("{} is no truth: {error}", file.path))
    }

    /// The backups that did not fail.
    pub fn taken(&self) -> impl Iterator<Item = &TruthBackup> {
        self.backups.iter().filter(|backup| backup.file.is_some())
    }

    /// Reads a `truth.json`.
    ///
    /// # Errors
    ///
    /// See [`TruthError`].
    pub fn read(path: &Path) -> Result<Self, TruthError> {
        let text = fs::read(path).map_err(|source| TruthError::Io {
            path: path.into(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| TruthError::Malformed {
            path: path.into(),
            source,
        })
    }

    /// Writes a `truth.json`, one line per backup and state.
    ///
    /// # Errors
    ///
    /// See [`TruthError`].
    pub fn write(&self, path: &Path) -> Result<(), TruthError> {
        let text = self.lines().map_err(|source| TruthError::Malformed {
            path: path.into(),
            source,
        })?;
        fs::write(path, text).map_err(|source| TruthError::Io {
            path: path.into(),
            source,
        })
    }

    /// The last state of an epoch in a life: the exact state *at* that epoch.
    pub fn last_state_of(&self, life: u64, epoch: u64) -> Option<&TruthState> {
        self.history(life).remove(&epoch)
    }

    /// The last state of all.
    ///
    /// # Panics
    ///
    /// If there is no state.
    pub fn last_state(&self) -> &TruthState {
        self.states.last().expect("a truth has states")
    }

    /// Every point the truth knows, as life and epoch, in order and each once.
    ///
    /// A life of generation 2 goes on with the epochs of the one before: its own points are those
    /// that it changed.
    pub fn points(&self) -> Vec<(u64, u64)> {
        let last_life = self.last_state().life;
        let mut points = BTreeSet::from_iter(self.lasting_points());
        points.extend(
            (0..last_life)
                .filter(|life| self.is_lost_after(*life))
                .flat_map(|life| self.points_of(life)),
        );
        points.into_iter().collect()
    }

    /// The points that the log still had at the end: not those that a crash took away.
    pub fn lasting_points(&self) -> Vec<(u64, u64)> {
        if self.nodes_equal_epoch {
            return (0..=self.last_state().epoch)
                .map(|epoch| (0, epoch))
                .collect();
        }
        let last_life = self.last_state().life;
        match self.generation {
            Generation::One => (0..=last_life).flat_map(|it| self.points_of(it)).collect(),
            Generation::Two => self.points_of(last_life),
        }
    }

    /// Whether this is the content at a point.
    pub fn matches(&self, life: u64, epoch: u64, content: &Value) -> bool {
        self.diff(life, epoch, content).is_none()
    }

    /// Where a content differs from the truth at a point, for people; `None` when nowhere.
    pub fn diff(&self, life: u64, epoch: u64, content: &Value) -> Option<String> {
        if self.nodes_equal_epoch {
            let nodes = content["nodes"].as_array().map_or(0, Vec::len) as u64;
            return (nodes != epoch).then(|| format!("{nodes} nodes, not {epoch}"));
        }
        match self.last_state_of(life, epoch) {
            Some(state) => state.diff(content),
            None => Some(format!(
                "{}: no state at life {life}, epoch {epoch}",
                self.fixture
            )),
        }
    }

    fn points_of(&self, life: u64) -> Vec<(u64, u64)> {
        let history = self.history(life);
        let points = history.iter().map(|(epoch, state)| (state.life, *epoch));
        points.collect()
    }

    /// Whether the next life does not have all that this one had.
    fn is_lost_after(&self, life: u64) -> bool {
        let history = self.history(life);
        let next = self.states.iter().find(|state| state.life > life);
        let last = history.last_key_value().map(|(_, state)| *state);
        next.zip(last)
            .is_some_and(|(next, last)| !next.is_same_as(last))
    }

    /// What a life has: the last state of each epoch.
    fn history(&self, life: u64) -> BTreeMap<u64, &TruthState> {
        let mut history: BTreeMap<u64, &TruthState> = BTreeMap::new();
        let mut current = 0;
        for state in self.states.iter().take_while(|state| state.life <= life) {
            if state.life > current {
                current = state.life;
                match self.generation {
                    Generation::One => history.clear(),
                    Generation::Two => drop(history.split_off(&(state.epoch + 1))),
                }
                if history
                    .get(&state.epoch)
                    .is_some_and(|before| state.is_same_as(before))
                {
                    continue;
                }
            }
            history.insert(state.epoch, state);
        }
        history
    }

    fn lines(&self) -> serde_json::Result<String> {
        let nodes_equal_epoch = if self.nodes_equal_epoch {
            " \"nodes_equal_epoch\": true,\n"
        } else {
            ""
        };
        Ok(format!(
            "{{\n \"fixture\": {}, \"generation\": {}, \"engine\": {},\n \"about\": {},\n \
             \"notes\": {},\n{nodes_equal_epoch} \"backups\": {},\n \"states\": {}\n}}\n",
            json!(self.fixture),
            self.generation.number(),
            json!(self.engine),
            json!(self.about),
            json!(self.notes),
            rows(&self.backups)?,
            rows(&self.states)?,
        ))
    }
}

impl TruthState {
    fn is_same_as(&self, other: &Self) -> bool {
        (self.epoch, &self.content) == (other.epoch, &other.content)
    }

    /// Where a content differs from this state, for people; `None` when nowhere.
    pub fn diff(&self, content: &Value) -> Option<String> {
        let mut differences = Vec::new();
        compare("", Some(&self.content), Some(content), &mut differences);
        (!differences.is_empty()).then(|| differences.join("\n"))
    }
}

fn compare(place: &str, wanted: Option<&Value>, got: Option<&Value>, found: &mut Vec<String>) {
    match (wanted, got) {
        (Some(Value::Object(wanted)), Some(Value::Object(got))) => {
            let keys: BTreeSet<_> = wanted.keys().chain(got.keys()).collect();
            for key in keys {
                let place = format!("{place}/{key}");
                compare(&place, wanted.get(key), got.get(key), found);
            }
        }
        (Some(Value::Array(wanted)), Some(Value::Array(got))) => {
            for index in 0..wanted.len().max(got.len()) {
                let place = format!("{place}/{index}");
                compare(&place, wanted.get(index), got.get(index), found);
            }
        }
        _ if wanted == got => {}
        _ => {
            let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
            found.push(format!(
                "{place}: wanted {}, got {}",
                text(wanted),
                text(got)
            ));
        }
    }
}

fn rows(items: &[impl Serialize]) -> serde_json::Result<String> {
    if items.is_empty() {
        return Ok("[]".into());
    }
    let rows = items
        .iter()
        .map(|item| Ok(serde_json::to_value(item)?.to_string()));
    let rows = rows.collect::<serde_json::Result<Vec<_>>>()?;
    Ok(format!("[\n  {}\n ]", rows.join(",\n  ")))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde wants"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A generation as its number.
mod number {
    use apograph_format::Generation;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde wants"
    )]
    pub(super) fn serialize<S: Serializer>(
        generation: &Generation,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        generation.number().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Generation, D::Error> {
        match u8::deserialize(from)? {
            1 => Ok(Generation::One),
            2 => Ok(Generation::Two),
            other => Err(D::Error::custom(format!("there is no generation {other}"))),
        }
    }
}
