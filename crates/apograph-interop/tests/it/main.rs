//! Proves the judge against the golden fixtures, and apograph before the judge.

/// Makes a test for each generation of every function that takes one.
macro_rules! for_each_generation {
    ($($test:ident),+ $(,)?) => {
        mod generation_1 {
            $(#[test] fn $test() { super::$test(apograph_interop::EngineGeneration::One); })+
        }
        mod generation_2 {
            $(#[test] fn $test() { super::$test(apograph_interop::EngineGeneration::Two); })+
        }
    };
}

mod captured_sources;
mod clients;
mod command;
mod continuity;
mod crash;
mod damaged;
mod diff;
mod encrypted;
mod exact_points;
mod field;
mod fixtures;
mod folder_databases;
mod follow;
mod golden_chains;
#[cfg(feature = "slow")]
mod grown;
#[cfg(feature = "strace")]
mod held;
mod interplay;
mod judge;
mod live_engine;
mod lives;
mod migrated;
mod own_chains;
mod races;
mod random;
mod records;
mod refusals;
mod regressions;
mod salvage;
mod salvage_database;
mod scenarios;
mod sources;
mod stage;
mod targets;
mod times;
mod truth_file;
