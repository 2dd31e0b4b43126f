//! What the fuzz targets do with their input: one function for each decoder.
//!
//! Each takes any bytes, and panics where a decoder breaks a promise. Whether bytes are accepted
//! is not their business, what follows from it is.

mod catalogue;
mod damaged;
mod database;
mod log;
mod records;
mod seeds;
mod segment;

pub use catalogue::{cursor, history, manifest, marker};
pub use database::{database_file, database_file_v2};
pub use log::{log_groups, log_groups_v2, split_log_groups};
pub use records::{records, records_v2};
pub use segment::{gbak_header, wal_segments};

/// A fuzz target: `fuzz/fuzz_targets/NAME.rs` in the repository.
#[derive(Debug, Clone, Copy)]
pub struct FuzzTarget {
    /// Its name.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
    /// The inputs that it begins with, made of the golden fixtures.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every fuzz target.
pub const TARGETS: &[FuzzTarget] = &[
    FuzzTarget {
        name: "cursor",
        run: cursor,
        seeds: seeds::cursors,
    },
    FuzzTarget {
        name: "database_file",
        run: database_file,
        seeds: seeds::database_files,
    },
    FuzzTarget {
        name: "database_file_v2",
        run: database_file_v2,
        seeds: seeds::database_files_v2,
    },
    FuzzTarget {
        name: "gbak_header",
        run: gbak_header,
        seeds: seeds::gbak_headers,
    },
    FuzzTarget {
        name: "history",
        run: history,
        seeds: seeds::histories,
    },
    FuzzTarget {
        name: "log_groups",
        run: log_groups,
        seeds: seeds::logs,
    },
    FuzzTarget {
        name: "log_groups_v2",
        run: log_groups_v2,
        seeds: seeds::logs_v2,
    },
    FuzzTarget {
        name: "manifest",
        run: manifest,
        seeds: seeds::manifests,
    },
    FuzzTarget {
        name: "marker",
        run: marker,
        seeds: seeds::markers,
    },
    FuzzTarget {
        name: "records",
        run: records,
        seeds: seeds::records,
    },
    FuzzTarget {
        name: "records_v2",
        run: records_v2,
        seeds: seeds::records_v2,
    },
    FuzzTarget {
        name: "split_log_groups",
        run: split_log_groups,
        seeds: seeds::split_logs,
    },
    FuzzTarget {
        name: "wal_segments",
        run: wal_segments,
        seeds: seeds::wal_segments,
    },
];
