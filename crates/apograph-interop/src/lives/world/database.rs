//! What is known of a database.

use std::path::PathBuf;

use crate::driver::Engine;
use crate::lives::history::History;
use crate::protocol::OpenOptions;

/// A database, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    pub(super) engine: Option<Engine>,
    pub(super) is_open: bool,
    pub(super) options: OpenOptions,
    pub(super) history: History,
    /// Its files were mixed with those of another moment: what lies in its log never was.
    pub(super) is_mixed: bool,
    /// It was compacted since it was opened: in generation 1 its image then lacks what sessions did
    /// to nodes that were there before.
    pub(super) is_compacted: bool,
}

/// What a database is at a moment, wherever it lies.
#[derive(Debug, Clone)]
pub(super) struct State {
    history: History,
    is_mixed: bool,
    is_compacted: bool,
}

impl Database {
    pub(super) fn state(&self) -> State {
        State {
            history: self.history.clone(),
            is_mixed: self.is_mixed,
            is_compacted: self.is_compacted,
        }
    }

    pub(super) fn become_as(&mut self, state: State) {
        self.history = state.history;
        self.is_mixed = state.is_mixed;
        self.is_compacted = state.is_compacted;
    }
}
