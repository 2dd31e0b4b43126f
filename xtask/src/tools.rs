//! What takes longer than a change waits for: fuzzing, fixtures, benchmarks.

use std::num::NonZero;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::driver;
use crate::run::{cargo, root, run};

/// Bytes that a fuzz target may take, in MiB: more than that means that a length was believed.
const FUZZ_MEMORY_MIB: u32 = 512;

/// Runs one fuzz target, or each.
pub(crate) fn fuzz(seconds: NonZero<u32>, target: Option<&str>) -> Result<()> {
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
        run(cargo(["+nightly", "fuzz", "run", &target, "--"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-rss_limit_mb={FUZZ_MEMORY_MIB}")))?;
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

/// Runs the benchmarks.
pub(crate) fn bench(filter: Option<&str>) -> Result<()> {
    run(cargo(["bench", "--package", "apograph-benches", "--"]).args(filter))
}
