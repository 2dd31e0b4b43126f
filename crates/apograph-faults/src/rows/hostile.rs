//! Repositories that were made to break whoever reads them.
//!
//! A repository comes from somewhere: another machine, a mounted disk, a folder that others write
//! to. Each trap is a file in one that declares, or is, what no backup ever was. Whatever a command
//! makes of it, it ends by itself, with an exit status of the contract, in a second and within 64
//! MiB of memory: that is what a small machine has to spare beside the database that it is there
//! for. Mapped files count, since whoever measures a process counts them.
//!
//! The control reads as one reads who has never met such a file: it takes each as it is.

mod limits;
mod naive;
mod reader;
mod trap;

use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use self::limits::Limited;
use self::reader::Reader;
use self::trap::Trap;
use crate::command::Programs;
use crate::database_state::state_of;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::stage::{FaultStage, copy};

/// Lets every command read every trap.
///
/// # Errors
///
/// Where a trap cannot be made.
pub fn run(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for trap in trap::all(extent) {
            let place = tempfile::tempdir()?;
            let repository = place.path().join("repository");
            copy(&stage.path("newer"), &repository)?;
            copy(&stage.path("live"), &place.path().join("live"))?;
            match trap.set(&repository) {
                Err(_) if trap.takes_root() => {
                    tally.note("traps left out, since a device takes root");
                    continue;
                }
                set => set?,
            }
            for reader in Reader::ALL {
                let what = || format!("generation {generation}, {trap}, {reader:?}");
                let mut command = Command::new(&programs.sound);
                command.args(words(reader, &place, &trap));
                let limited = Limited::run(&mut command)?;
                tally.runs += 1;
                let judged = judge(&limited, reader, &trap);
                tally.struck(what, judged.and_then(|()| check_output(&stage, &place)));
            }
            control.runs += 1;
            let read = naive::read(&repository.join(trap.file()));
            control.struck(|| format!("generation {generation}, {trap}"), read);
        }
    }
    let what = "a reader that believes what it reads";
    let control = Some(Control {
        what,
        tally: control,
    });
    Ok(RowOutcome::Ran { tally, control })
}

fn words(reader: Reader, place: &TempDir, trap: &Trap) -> Vec<String> {
    let path = |name: &str| place.path().join(name).display().to_string();
    let word = str::to_owned;
    let repository = path("repository");
    let mut words = match reader {
        Reader::List => vec![word("list"), repository],
        Reader::Verify => vec![word("verify"), repository],
        Reader::Restore => vec![word("restore"), repository, path("out.grafeo")],
        Reader::Inspect => vec![word("inspect"), format!("{repository}/{}", trap.file())],
        Reader::Rebuild => vec![word("rebuild"), repository, word("--dry-run")],
        Reader::Backup => vec![
            word("backup"),
            path("live/src.grafeo"),
            word("--repo"),
            repository,
        ],
    };
    words.push(word("--json"));
    words
}

fn judge(limited: &Limited, reader: Reader, trap: &Trap) -> Result<()> {
    limited.check()?;
    let is_done = limited.run.exit == Some(0);
    ensure!(
        is_done || limited.run.json.is_object(),
        "exit {:?}, and it says nothing",
        limited.run.exit
    );
    let has_report = limited.run.json["command"].is_string();
    if !is_done && !has_report {
        limited.run.code()?;
    }
    let may_be_done = !trap.bars(reader);
    ensure!(!is_done || may_be_done, "it is done, and cannot be");
    Ok(())
}

/// What was restored in spite of a trap is a state that the database had.
fn check_output(stage: &FaultStage, place: &TempDir) -> Result<()> {
    let output = place.path().join("out.grafeo");
    if output.exists() {
        let found = state_of(&output)?;
        let is_known = stage.truth().values().any(|truth| found == *truth);
        ensure!(is_known, "it restored another state");
    }
    Ok(())
}
