//! What takes longer than a change waits for: fuzzing, fixtures, faults.

use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::driver;
use crate::metadata::target_folder;
use crate::run::{cargo, root, run};

/// Bytes that a fuzz target may take, in MiB: more than that means that a length was believed.
const FUZZ_MEMORY_MIB: u32 = 512;

/// New inputs have at most so many bytes: what is small runs often. The seeds have what they have.
const FUZZ_INPUT_BYTES: u32 = 4096;
/// A database file has three pages before it has anything else.
const FUZZ_DATABASE_BYTES: u32 = 16384;

/// When a fuzz target has run enough.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Seconds(NonZero<u32>),
    Runs(NonZero<u64>),
}

/// Runs one fuzz target, or each: first its seeds, then inputs made from them.
pub(crate) fn fuzz(until: Until, target: Option<&str>) -> Result<()> {
    let installed = cargo(["fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        bail!("cargo-fuzz is not installed; run: cargo install cargo-fuzz");
    }
    let mut targets = fuzz_targets()?;
    if let Some(target) = target {
        ensure!(
            targets.iter().any(|name| name == target),
            "there is no fuzz target {target}; there are: {}",
            targets.join(", ")
        );
        targets = vec![target.to_owned()];
    }
    run(cargo([
        "run",
        "--quiet",
        "--package",
        "apograph-model",
        "--bin",
        "fuzz-seeds",
    ])
    .args(["--", "fuzz/corpus"]))?;
    for target in targets {
        println!("==> {target}");
        let bytes = if target.starts_with("database_file") {
            FUZZ_DATABASE_BYTES
        } else {
            FUZZ_INPUT_BYTES
        };
        let enough = match until {
            Until::Seconds(seconds) => format!("-max_total_time={seconds}"),
            Until::Runs(runs) => format!("-runs={runs}"),
        };
        let small = format!("-max_len={bytes}");
        for options in [["-runs=0", ""], [&enough, &small]] {
            let options = options.iter().filter(|option| !option.is_empty());
            run(cargo(["+nightly", "fuzz", "run", &target, "--"])
                .arg(format!("-rss_limit_mb={FUZZ_MEMORY_MIB}"))
                .args(options))?;
        }
    }
    Ok(())
}

fn fuzz_targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot list {}", folder.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let (Some(name), Some("rs")) = (
            path.file_stem(),
            path.extension().and_then(|it| it.to_str()),
        ) {
            targets.push(name.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// Runs rows of faults, or all, upon the command as it is built here and the real engines.
pub(crate) fn faults(rows: &[String], long: bool) -> Result<()> {
    let build = ["build", "--quiet", "--profile", "faults", "--package"];
    run(cargo(build).arg("apograph-faults"))?;
    let mut faults = Command::new(target_folder()?.join("faults/apograph-faults"));
    if rows.is_empty() || rows.iter().any(|row| row == "race") {
        faults.env("APOGRAPH_DRIVER_1", driver::build(1)?);
        faults.env("APOGRAPH_DRIVER_2", driver::build(2)?);
    }
    run(faults.args(rows).args(long.then_some("--long")))
}

/// Makes golden fixtures with the real engine of a generation.
pub(crate) fn fixtures(generation: u32, out: &Path, names: &[String]) -> Result<()> {
    let driver = driver::build(generation)?;
    run(cargo([
        "run",
        "--package",
        "apograph-interop",
        "--bin",
        "golden",
        "--",
    ])
    .arg(generation.to_string())
    .arg(driver)
    .arg(out)
    .args(names))
}
