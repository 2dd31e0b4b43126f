//! The programs that are measured, and the folder of the workloads.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::measurement::{Measurement, run, run_and_read};
use super::rounds::median;
use super::state::{list, remove};
use crate::metadata::target_folder;
use crate::run::{cargo, run as build};

/// The programs, built as they are released, and where their workloads are.
#[derive(Debug)]
pub(crate) struct Workloads {
    command: PathBuf,
    worker: PathBuf,
    folder: PathBuf,
}

impl Workloads {
    /// Builds the programs.
    pub(crate) fn build() -> Result<Self> {
        for package in [
            ["--package", "apograph-cli"],
            ["--package", "apograph-benches"],
        ] {
            build(cargo(["build", "--quiet", "--release", "--bins"]).args(package))?;
        }
        let target = target_folder()?;
        Ok(Self {
            command: target.join("release/apograph"),
            worker: target.join("release/bench-worker"),
            folder: target.join("bench"),
        })
    }

    /// The folder of the workloads.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the workloads that are not there.
    pub(crate) fn prepare(&self) -> Result<()> {
        build(Command::new(&self.worker).arg("prepare").arg(&self.folder))?;
        println!("the workloads are in {}", self.folder.display());
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.folder.join("v2/thousand/done").exists(),
            "there are no workloads: run `cargo xtask bench --prepare`"
        );
        Ok(())
    }

    /// The folder of a workload.
    pub(crate) fn of(&self, generation: u32, name: &str) -> PathBuf {
        self.folder.join(format!("v{generation}")).join(name)
    }

    /// An empty folder beside the workloads.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        let scratch = self.folder.join("scratch");
        remove(&scratch)?;
        fs::create_dir_all(&scratch)?;
        Ok(scratch)
    }

    /// Runs the command.
    pub(crate) fn command(&self, words: &[impl AsRef<OsStr>]) -> Result<Measurement> {
        run(Command::new(&self.command).arg("--quiet").args(words))
    }

    /// Runs the worker.
    pub(crate) fn worker(&self, words: &[impl AsRef<OsStr>]) -> Result<Measurement> {
        run_and_read(Command::new(&self.worker).args(words))
    }
}

/// The median of the seconds that the worker printed under a name.
pub(crate) fn printed(measurement: &Measurement, name: &str) -> Result<Option<f64>> {
    let printed: Value =
        serde_json::from_str(&measurement.output).context("the worker's output")?;
    let seconds = printed.get(name).and_then(Value::as_array);
    let seconds = seconds.into_iter().flatten().filter_map(Value::as_f64);
    Ok(median(&seconds.collect::<Vec<_>>()))
}

/// Copies files and folders into a folder, durably, with the tools of the system.
pub(crate) fn copy_durably(from: &Path, to: &Path) -> Result<Measurement> {
    let script = "cp -R \"$0\" \"$1\" && find \"$1\" -type f -exec sync {} +";
    run(Command::new("sh").args(["-c", script]).arg(from).arg(to))
}

/// Writes back what is not on the disk yet.
pub(crate) fn write_back() -> Result<()> {
    build(&mut Command::new("sync"))
}

/// Reads every file below a path, so that it is in the page cache.
pub(crate) fn warm(path: &Path) -> Result<()> {
    if path.is_dir() {
        return list(path)?.iter().try_for_each(|path| warm(path));
    }
    io::copy(&mut fs::File::open(path)?, &mut io::sink())?;
    Ok(())
}
