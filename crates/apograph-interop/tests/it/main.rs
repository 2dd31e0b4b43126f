//! Proves the judge against the golden fixtures, and apograph before the judge.

mod command;
mod fixtures;
mod golden_chains;
mod judge;
mod live_engine;
mod own_chains;
mod scenarios;
mod sources;
mod truth_file;
