//! Kills and errors at every system call, by strace.
//!
//! strace counts the calls of each kind. The first fault of a kind is put on the first call, the
//! next on the second, until none is left to hit: so a sweep goes through every instant at which
//! the command talks to the system. Calls of the loader are hit too, and then nothing has happened.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::faults::command::{self, object, words};
use crate::faults::stage::{LAST_EPOCH, Stage, contents, copy, text};
use crate::faults::{Row, Tally};

/// The calls that change something, or that a change depends on.
const CALLS: &[&str] = &[
    "openat",
    "write",
    "pwrite64",
    "copy_file_range",
    "fsync",
    "fdatasync",
    "rename",
    "renameat2",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "ftruncate",
    "mkdir",
    "mkdirat",
    "flock",
];
/// The calls that only read.
const READING_CALLS: &[&str] = &["read", "pread64", "mmap", "statx", "getdents64", "close"];
const ERRORS: &[&str] = &["EIO", "ENOSPC"];
const MORE_ERRORS: &[&str] = &["EROFS", "EMFILE"];

/// Whether the machine has what it takes.
pub(super) fn is_possible() -> bool {
    let mut strace = Command::new("strace");
    let status = strace.arg("-V").stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Goes through every call of every command.
pub(super) fn sweep(stage: &Stage, row: Row, long: bool) -> Result<Tally> {
    let mut calls = CALLS.to_vec();
    if long {
        calls.extend(READING_CALLS);
    }
    let injections: Vec<String> = match row {
        Row::Kill => vec!["signal=KILL".to_owned()],
        Row::Error => {
            let more = if long { MORE_ERRORS } else { &[] };
            let errors = ERRORS.iter().chain(more);
            errors.map(|error| format!("error={error}")).collect()
        }
    };
    let mut tally = Tally::default();
    for act in [Act::Incremental, Act::Full, Act::Restore, Act::Rebuild] {
        for injection in &injections {
            for call in &calls {
                for number in 1_u32.. {
                    let fault = format!("{call}:{injection}:when={number}");
                    let run = Run::new(stage, act)?;
                    tally.runs += 1;
                    let Some(outcome) = run.with(call, &fault)? else {
                        break;
                    };
                    tally.faults += 1;
                    if let Err(error) = run.check(row, outcome) {
                        let generation = stage.generation;
                        let what = format!("generation {generation}, {act:?}, {fault}: {error:#}");
                        tally.violations.push(what);
                    }
                }
            }
        }
        println!(
            "generation {}, {row}, {act:?}: {} faults so far",
            stage.generation, tally.faults
        );
    }
    Ok(tally)
}

/// What the command is doing when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Incremental,
    Full,
    Restore,
    Rebuild,
}

/// How a run with a fault ended.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    acknowledged: bool,
}

/// A folder for one run.
struct Run {
    folder: TempDir,
    act: Act,
    /// What the repository holds before.
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Run {
    fn new(stage: &Stage, act: Act) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let before = BTreeMap::new();
        let mut run = Self {
            folder,
            act,
            before,
        };
        match act {
            Act::Incremental | Act::Full => {
                copy(&stage.path("live"), &run.path("live"))?;
                copy(&stage.path("older"), &run.path("repository"))?;
            }
            Act::Restore => copy(&stage.path("newer"), &run.path("repository"))?,
            Act::Rebuild => {
                copy(&stage.path("newer"), &run.path("repository"))?;
                fs::remove_file(run.path("repository/backup_manifest.json"))?;
            }
        }
        run.before = contents(&run.path("repository"))?;
        Ok(run)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn words(&self) -> Vec<String> {
        let repository = text(&self.path("repository"));
        let database = text(&self.path("live/src.grafeo"));
        let output = text(&self.path("out.grafeo"));
        match self.act {
            Act::Incremental => {
                words(["backup", &database, "--repo", &repository, "--incremental"])
            }
            Act::Full => words(["backup", &database, "--repo", &repository, "--full"]),
            Act::Restore => words(["restore", &repository, &output]),
            Act::Rebuild => words(["rebuild", &repository]),
        }
    }

    /// Runs the command with a fault; `None` where the fault came too late to hit anything.
    fn with(&self, call: &str, fault: &str) -> Result<Option<Outcome>> {
        let trace = self.path("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(&trace);
        strace.args([
            "-e",
            &format!("trace={call}"),
            "-e",
            &format!("inject={fault}"),
        ]);
        strace.arg(command::path()?).args(self.words());
        let output = strace.output().context("cannot start strace")?;
        let traced = fs::read_to_string(&trace).unwrap_or_default();
        let is_hit = traced.contains("(INJECTED)") || traced.contains("killed by SIGKILL");
        let _ = fs::remove_file(&trace);
        Ok(is_hit.then_some(Outcome {
            acknowledged: output.status.success(),
        }))
    }

    fn check(&self, row: Row, outcome: Outcome) -> Result<()> {
        let changes_nothing = row == Row::Error && !outcome.acknowledged;
        if changes_nothing || self.act == Act::Restore {
            let after = contents(&self.path("repository"))?;
            let differs = |path: &&PathBuf| self.before.get(*path) != after.get(*path);
            let changed = self.before.keys().chain(after.keys()).find(differs);
            ensure!(
                changed.is_none(),
                "the repository is not as it was: {changed:?}"
            );
        }
        match self.act {
            Act::Incremental | Act::Full => self.check_backup(outcome),
            Act::Restore => self.check_restore(row, outcome),
            Act::Rebuild => self.check_rebuild(),
        }
    }

    /// What was acknowledged restores; what failed left nothing; the next backup works.
    fn check_backup(&self, outcome: Outcome) -> Result<()> {
        let repository = self.path("repository");
        let held = self.latest(&repository)?;
        ensure!(
            held == LAST_EPOCH || !outcome.acknowledged,
            "acknowledged, and ends at {held}"
        );
        let database = text(&self.path("live/src.grafeo"));
        object(&words(["backup", &database, "--repo", &text(&repository)]))
            .context("the next backup")?;
        check_no_temporary(&repository)?;
        object(&words(["verify", &text(&repository)]))?;
        let after = self.latest(&repository)?;
        ensure!(after == LAST_EPOCH, "in the end it ends at {after}");
        let output = text(&self.path("out.grafeo"));
        object(&words(["restore", &text(&repository), &output]))?;
        Ok(())
    }

    /// The database is whole, or not there; and then the same command makes it.
    fn check_restore(&self, row: Row, outcome: Outcome) -> Result<()> {
        let output = self.path("out.grafeo");
        let is_there = output.exists();
        ensure!(
            is_there || !outcome.acknowledged,
            "acknowledged, and not there"
        );
        if row == Row::Error && !outcome.acknowledged && !is_there {
            let left = contents(self.folder.path())?;
            let left = left
                .keys()
                .find(|path| !path.starts_with(self.path("repository")));
            ensure!(left.is_none(), "failed, and left {left:?}");
        }
        if !is_there {
            object(&self.words()).context("the next restore")?;
        }
        // What was restored is a database whose log is whole: it can be captured.
        let copies = text(&self.path("copies"));
        object(&words(["backup", &text(&output), "--repo", &copies]))?;
        let held = self.latest(&self.path("copies"))?;
        ensure!(held == LAST_EPOCH, "the restored database is at {held}");
        Ok(())
    }

    fn check_rebuild(&self) -> Result<()> {
        let repository = self.path("repository");
        object(&self.words()).context("the next rebuild")?;
        object(&words(["verify", &text(&repository)]))?;
        let after = self.latest(&repository)?;
        ensure!(after == LAST_EPOCH, "in the end it ends at {after}");
        Ok(())
    }

    /// The last epoch of what can be restored, by a restore that writes nothing.
    fn latest(&self, repository: &Path) -> Result<u64> {
        let output = text(&self.path("nothing.grafeo"));
        let restore = ["restore", &text(repository), &output, "--dry-run"];
        let restored = object(&words(restore))?;
        restored["epoch"].as_u64().context("an epoch")
    }
}

fn check_no_temporary(folder: &Path) -> Result<()> {
    let contents = contents(folder)?;
    let is_temporary = |path: &&PathBuf| text(path).ends_with("apograph-tmp");
    let left = contents.keys().find(is_temporary);
    ensure!(left.is_none(), "{left:?} is left");
    Ok(())
}
