//! Standard output that takes nothing.

use std::fs::OpenOptions;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::act::{Act, ActFolder};
use crate::check::{Ended, check};
use crate::command::Programs;
use crate::mount::{self, Mount};
use crate::report::{RowExtent, Tally};
use crate::scratch::scratch;
use crate::stage::FaultStage;

/// Ways in which a result is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// `/dev/full`.
    Full,
    /// A file on a file system without room.
    NoRoom,
    /// A pipe that nobody reads.
    Closed,
}

/// Does an act whose result cannot be written: it is done, and says that this failed.
pub(super) fn sweep(
    programs: &Programs,
    stage: &FaultStage,
    act: Act,
    extent: RowExtent,
) -> Result<Tally> {
    let mut outputs = vec![Output::Full, Output::Closed];
    if extent == RowExtent::Long && mount::is_possible().is_ok() {
        outputs.push(Output::NoRoom);
    }
    let mut tally = Tally::default();
    for output in outputs {
        for json in [false, true] {
            let folder = scratch()?;
            let place = ActFolder::prepared(folder.path(), stage, act)?;
            tally.runs += 1;
            let judged = run(programs, &act.words(&place), output, json)
                .and_then(|()| check(stage, act, &place, Ended::Acknowledged));
            let generation = stage.generation();
            let what = || format!("generation {generation}, {act:?}, {output:?}, json: {json}");
            tally.struck(what, judged);
        }
    }
    Ok(tally)
}

/// The same of what only reads, and of what the command says of itself.
pub(super) fn of_readers(programs: &Programs, stage: &FaultStage) -> Tally {
    let repository = stage.path("newer").display().to_string();
    let manifest = stage.path("newer/backup_manifest.json");
    let manifest = manifest.display().to_string();
    let database = stage.path("live/src.grafeo").display().to_string();
    let rows: [&[&str]; 8] = [
        &["list", &repository],
        &["log", &repository],
        &["inspect", &manifest],
        &["inspect", &database],
        &["completions", "bash"],
        &["help", "restore"],
        &["--help"],
        &["--version"],
    ];
    let mut tally = Tally::default();
    for words in rows {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        for output in [Output::Full, Output::Closed] {
            tally.runs += 1;
            let judged = run(programs, &words, output, false);
            tally.struck(|| format!("{words:?}, {output:?}"), judged);
        }
    }
    tally
}

fn run(programs: &Programs, words: &[String], output: Output, json: bool) -> Result<()> {
    let folder = scratch()?;
    let mut room = None;
    let stdout: Stdio = match output {
        Output::Full => OpenOptions::new().write(true).open("/dev/full")?.into(),
        Output::NoRoom => {
            room = Some(Mount::in_memory(folder.path(), "size=4k")?);
            std::fs::write(folder.path().join("filler"), [0; 4096])?;
            std::fs::File::create(folder.path().join("result"))?.into()
        }
        Output::Closed => std::io::pipe()?.1.into(),
    };
    let mut command = programs.command(None);
    command.args(words).stdout(stdout);
    if json {
        command.arg("--json");
    }
    let ended = command.output().context("cannot start the command")?;
    drop(command);
    room.map(Mount::end).transpose()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let exit = i32::from(output != Output::Closed);
    ensure!(
        ended.status.code() == Some(exit),
        "the exit status is {:?}: {said}",
        ended.status.code()
    );
    if output == Output::Closed {
        ensure!(said.is_empty(), "it says {said}");
    } else if json {
        let object: Value = serde_json::from_slice(&ended.stderr)?;
        ensure!(object["error"]["code"] == "io", "it says {said}");
    } else {
        ensure!(
            said.starts_with("error: cannot write to standard output"),
            "it says {said}"
        );
    }
    Ok(())
}
