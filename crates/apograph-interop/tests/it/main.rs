//! Proves the judge against the golden fixtures.

mod fixtures;
mod live_engine;
mod scenarios;
mod sources;
mod truth_file;
