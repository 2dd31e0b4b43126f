//! Where the files of a golden fixture do not hold its last state, as data.
//!
//! A source is the folder `source*` of a fixture: the database as it lay on disk while the
//! engine had it open. The engine opens each to the fixture's last state, except for these.

use serde_json::{Value, json};

use crate::generation::EngineGeneration;

/// A source that does not open to its fixture's last state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// The generation of the fixture.
    pub generation: EngineGeneration,
    /// The fixture.
    pub fixture: &'static str,
    /// The source folder.
    pub source: &'static str,
    /// What it opens to instead.
    pub opens_to: OpensTo,
}

/// What a source opens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpensTo {
    /// The last state.
    LastState,
    /// The state with that number: the copy is older than the fixture's end, or cut short.
    State(u64),
    /// The last state without its indexes: the engine does not replay `CREATE INDEX`.
    LastStateWithoutIndexes,
}

/// Every exception.
pub const EXCEPTIONS: &[Exception] = &[
    one("05_schema", "source", OpensTo::LastStateWithoutIndexes),
    one("08_torn_tail", "source_cut23", OpensTo::State(4)),
    one("10_live", "source_precheckpoint", OpensTo::State(4)),
    one(
        "11_checkpoints_cursor",
        "source_before_incr",
        OpensTo::State(7),
    ),
    one(
        "20_temporal_schema",
        "source",
        OpensTo::LastStateWithoutIndexes,
    ),
    two("08_torn_tail", "source_cut9", OpensTo::State(4)),
    two("08_torn_tail", "source_cut23", OpensTo::State(4)),
    two("10_live", "source_precheckpoint", OpensTo::State(4)),
    two(
        "11_checkpoints_cursor",
        "source_before_incr",
        OpensTo::State(7),
    ),
];

/// What a source opens to.
pub fn opens_to(generation: EngineGeneration, fixture: &str, source: &str) -> OpensTo {
    let wanted = (generation, fixture, source);
    EXCEPTIONS
        .iter()
        .find(|it| (it.generation, it.fixture, it.source) == wanted)
        .map_or(OpensTo::LastState, |exception| exception.opens_to)
}

/// The same content, had no index ever been created.
pub fn without_indexes(mut content: Value) -> Value {
    content["indexes"] = json!([]);
    content
}

const fn one(fixture: &'static str, source: &'static str, opens_to: OpensTo) -> Exception {
    Exception {
        generation: EngineGeneration::One,
        fixture,
        source,
        opens_to,
    }
}

const fn two(fixture: &'static str, source: &'static str, opens_to: OpensTo) -> Exception {
    Exception {
        generation: EngineGeneration::Two,
        ..one(fixture, source, opens_to)
    }
}
