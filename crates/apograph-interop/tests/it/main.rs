//! Proves the judge against the golden fixtures, and apograph before the judge.

mod captured_sources;
mod command;
mod crash;
mod fixtures;
mod golden_chains;
mod interplay;
mod judge;
mod live_engine;
mod own_chains;
mod races;
mod random;
mod refusals;
mod scenarios;
mod sources;
mod stage;
mod targets;
mod truth_file;
