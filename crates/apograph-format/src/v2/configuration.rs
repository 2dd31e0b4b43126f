//! What a database of generation 2 was configured with, as its catalog keeps it.

use crate::error::Result;
use crate::fields::Fields;

/// The stored configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConfiguration<'a> {
    /// The number of the graph model: 0 labelled property graph, 1 RDF.
    pub graph_model: u32,
    /// Whether edges are found from their targets too.
    pub backward_edges: bool,
    /// Whether constraints of the schema are checked.
    pub schema_constraints: bool,
    /// Whether there is a log.
    pub wal_enabled: bool,
    /// When the log is made durable.
    pub wal_durability: LogDurability,
    /// The most memory that it takes, in bytes.
    pub memory_limit: Option<u64>,
    /// Where it moves what does not fit.
    pub spill_path: Option<&'a str>,
    /// What each section of the database may take.
    pub sections: Vec<SectionMemory>,
    /// How long it keeps what was.
    pub history_retention: HistoryRetention,
}

/// When a log is made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogDurability {
    /// At each commit.
    Sync,
    /// After so long, or so much.
    Batch {
        /// After so long, in milliseconds.
        max_delay_ms: u64,
        /// After so many records.
        max_records: u64,
    },
    /// About as often as this.
    Adaptive {
        /// The interval, in milliseconds.
        target_interval_ms: u64,
    },
    /// When the system does it.
    NoSync,
}

/// What a section of a database may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionMemory {
    /// The number of the section.
    pub section: u8,
    /// The most memory, in bytes.
    pub max_ram: Option<u64>,
    /// The number of where it lies: 0 where it fits, 1 in memory, 2 on the disk.
    pub tier: u32,
}

/// How long a database keeps what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryRetention {
    /// Not at all.
    Off,
    /// For so long.
    Duration {
        /// In milliseconds.
        millis: u64,
    },
    /// For ever.
    Forever,
}

impl<'a> StoredConfiguration<'a> {
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            graph_model: one_of(fields, 2)?,
            backward_edges: fields.bool()?,
            schema_constraints: fields.bool()?,
            wal_enabled: fields.bool()?,
            wal_durability: match fields.variant()? {
                0 => LogDurability::Sync,
                1 => LogDurability::Batch {
                    max_delay_ms: fields.number()?,
                    max_records: fields.number()?,
                },
                2 => LogDurability::Adaptive {
                    target_interval_ms: fields.number()?,
                },
                3 => LogDurability::NoSync,
                kind => return Err(fields.malformed(format!("durability {kind}"))),
            },
            memory_limit: fields.option(Fields::number)?,
            spill_path: fields.optional_text()?,
            sections: fields.list(|fields| {
                Ok(SectionMemory {
                    section: fields.u8()?,
                    max_ram: fields.option(Fields::number)?,
                    tier: one_of(fields, 3)?,
                })
            })?,
            history_retention: match fields.variant()? {
                0 => HistoryRetention::Off,
                1 => HistoryRetention::Duration {
                    millis: fields.number()?,
                },
                2 => HistoryRetention::Forever,
                kind => return Err(fields.malformed(format!("history retention {kind}"))),
            },
        })
    }
}

/// The number of a variant without fields, of so many.
fn one_of(fields: &mut Fields<'_>, variants: u32) -> Result<u32> {
    let variant = fields.variant()?;
    if variant < variants {
        return Ok(variant);
    }
    Err(fields.malformed(format!("variant {variant} of {variants}")))
}
