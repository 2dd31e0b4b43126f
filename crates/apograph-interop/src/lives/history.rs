//! What a database was at each of its epochs.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::comparison::Comparison;
use crate::generation::EngineGeneration;

/// The states of a database, as far back as its epochs go: to where it was opened, or over crashes
/// and closes to its beginning where the engine counts on.
///
/// A change without an epoch of its own leaves two states at one epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(BTreeMap<u64, Vec<Rc<Value>>>);

impl History {
    /// The database was opened and is found like this.
    pub(crate) fn reopen(&mut self, generation: EngineGeneration, epoch: u64, content: Value) {
        if generation.counts_on() {
            drop(self.0.split_off(&(epoch + 1)));
        } else {
            self.0.clear();
        }
        self.note(epoch, content);
    }

    /// This is how it is now.
    pub(crate) fn note(&mut self, epoch: u64, content: Value) {
        let states = self.0.entry(epoch).or_default();
        if states.last().is_none_or(|last| **last != content) {
            states.push(Rc::new(content));
        }
    }

    /// Whether the database was ever like this at that epoch.
    pub(crate) fn has(&self, epoch: u64, content: &Value) -> bool {
        let states = self.0.get(&epoch);
        states.is_some_and(|states| states.iter().any(|state| **state == *content))
    }

    /// Whether these are its last states at these epochs. A timeline may break off before a change
    /// without an epoch, so its last point may be any state there was.
    pub(crate) fn disagreement(
        &self,
        points: &[(u64, Value)],
        comparison: Comparison,
    ) -> Option<String> {
        let last = points.last().map(|(epoch, _)| *epoch);
        points.iter().find_map(|(epoch, content)| {
            let Some(states) = self.0.get(epoch) else {
                return Some(format!("epoch {epoch} was never seen"));
            };
            let is_this = |state: &Rc<Value>| comparison.is_same(state, content);
            let is_so = if Some(*epoch) == last {
                states.iter().any(is_this)
            } else {
                states.last().is_some_and(is_this)
            };
            let wanted = || states.last().map(ToString::to_string);
            (!is_so).then(|| {
                format!(
                    "epoch {epoch} was {}, not {content}",
                    wanted().unwrap_or_default()
                )
            })
        })
    }
}
