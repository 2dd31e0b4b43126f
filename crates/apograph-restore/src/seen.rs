//! Records with the graph that they are about.
//!
//! A record of generation 2 names its graph. One of generation 1 is about the graph to which the
//! last record of another kind switched, in another group maybe. So whoever asks for graphs has to
//! see the records in the order of the log.

use apograph_format::change::{GraphOperation, GraphScope};
use apograph_wal::LoggedRecord;

/// A record, and the graph that it is about.
#[derive(Debug, Clone, Copy)]
pub struct SeenRecord<'a> {
    /// The graph; never [`GraphScope::Switched`]. Of a record that cannot be decoded it is not
    /// known: [`GraphScope::Database`].
    pub scope: GraphScope<'a>,
    /// The record.
    pub record: &'a LoggedRecord<'a>,
}

/// The graph to which the records so far switched; the default graph where there is no name.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentGraph {
    name: Option<String>,
}

impl CurrentGraph {
    /// Hands out the next record with its graph.
    pub(crate) fn see<E>(
        &mut self,
        record: &LoggedRecord<'_>,
        each: impl FnOnce(&SeenRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let change = record.change.as_ref().ok();
        let operation = change.map(|change| &change.operation);
        let scope = match change.map(|change| change.scope) {
            Some(GraphScope::Switched) => self.name.as_deref().into(),
            Some(scope) => scope,
            None => GraphScope::Database,
        };
        each(&SeenRecord { scope, record })?;
        match operation {
            Some(GraphOperation::SwitchGraph { name }) => {
                self.name = name.map(str::to_owned);
            }
            Some(GraphOperation::DropGraph { name }) if self.name.as_deref() == Some(name) => {
                self.name = None;
            }
            _ => {}
        }
        Ok(())
    }
}
