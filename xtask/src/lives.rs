//! Lives of databases with the real engines: scripted ones, and random ones by their seeds.

use std::ops::RangeInclusive;
use std::process::Command;

use anyhow::{Result, bail};

use crate::driver;
use crate::metadata::target_folder;
use crate::run::{cargo, run};

/// Which lives are lived.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct Options {
    pub(crate) seeds: RangeInclusive<u64>,
    /// That of one generation alone.
    pub(crate) generation: Option<u32>,
    /// Whether a life that finds something is told without what has no part in it.
    pub(crate) shrinks: bool,
    /// Whether scripted lives are left out.
    pub(crate) only_random: bool,
    /// Whether all repositories are vaults.
    pub(crate) in_vaults: bool,
    /// Whether all databases of generation 1 are folders.
    pub(crate) in_folders: bool,
}

pub(crate) fn lives(options: &Options) -> Result<()> {
    let programs = target_folder()?.join("debug");
    let mut found = Vec::new();
    if !options.only_random {
        let scripted = [
            "test",
            "--package",
            "apograph-interop",
            "--test",
            "it",
            "--features",
            "strace,slow",
            "--",
            "lives::",
            "held::",
            "field::",
            "grown::",
        ];
        if run(&mut cargo(scripted)).is_err() {
            found.push("scripted lives".to_owned());
        }
    }
    for generation in 1..=2 {
        if options.generation.is_some_and(|only| only != generation) {
            continue;
        }
        // That of generation 1 is built with the command and the program that lives.
        let driver = driver::build(1)?;
        let driver = if generation == 1 {
            driver
        } else {
            driver::build(generation)?
        };
        let mut random = Command::new(programs.join("lives"));
        random.arg(generation.to_string()).arg(driver);
        random.arg(programs.join("apograph-under-test"));
        let (first, last) = (options.seeds.start(), options.seeds.end());
        random.arg(format!("{first}-{last}"));
        if options.shrinks {
            random.arg("--shrink");
        }
        if options.in_vaults {
            random.arg("--vaults");
        }
        if options.in_folders {
            random.arg("--folders");
        }
        if run(&mut random).is_err() {
            found.push(format!("random lives of generation {generation}"));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("{}", found.join(", "))
}
