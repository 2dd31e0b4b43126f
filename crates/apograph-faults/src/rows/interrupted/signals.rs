//! Signals at any moment of the built command.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::act::{Act, ActFolder};
use crate::check::{Ended, check};
use crate::command::{CommandRun, Programs};
use crate::report::{RowExtent, Tally};
use crate::scratch::scratch;
use crate::stage::FaultStage;

/// The signals, and the exit status that tells of each.
const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
/// Slow enough that an act takes a good part of a second.
const RATE: &str = "128K";

/// Sends each signal at moments all over the time that an act takes, none of them at the same.
pub(super) fn sweep(
    programs: &Programs,
    stage: &FaultStage,
    act: Act,
    extent: RowExtent,
) -> Result<Tally> {
    let rounds = match extent {
        RowExtent::Quick => 1,
        RowExtent::Long => 40,
    };
    let mut tally = Tally::default();
    let folder = scratch()?;
    let place = ActFolder::prepared(folder.path(), stage, act)?;
    let begun = Instant::now();
    start(programs, act, &place)?.wait()?;
    let step = begun.elapsed() / (rounds * 3);
    for moment in 0..rounds * 3 {
        let (signal, exit) = SIGNALS[moment as usize % SIGNALS.len()];
        let folder = scratch()?;
        let place = ActFolder::prepared(folder.path(), stage, act)?;
        let child = start(programs, act, &place)?;
        sleep(step * moment + step / 2);
        kill_process(Pid::from_child(&child), signal)?;
        tally.runs += 1;
        let judged = ended(child, exit).and_then(|(ended, what)| {
            tally.note(what);
            check(stage, act, &place, ended)
        });
        let generation = stage.generation();
        let of_all = rounds * 3;
        let what =
            || format!("generation {generation}, {act:?}, {signal:?} at {moment} of {of_all}");
        tally.struck(what, judged);
    }
    Ok(tally)
}

fn start(programs: &Programs, act: Act, place: &ActFolder) -> Result<Child> {
    let mut command = programs.command(None);
    command.args(act.words(place)).arg("--json");
    // What a prune reads is small.
    if act != Act::Rebuild && !act.is_prune() {
        command.args(["--limit-rate", RATE]);
    }
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().context("cannot start the command")
}

/// How a command ended that was told to. It may have been done already, or not have listened yet.
fn ended(child: Child, exit: i32) -> Result<(Ended, &'static str)> {
    let output = child.wait_with_output()?;
    match output.status.code() {
        Some(0) => Ok((Ended::Acknowledged, "done already")),
        Some(found) if found == exit => {
            let run = CommandRun::read(Some(found), &output.stdout, &output.stderr);
            let code = run.json["code"].as_str();
            // Told when it had only its result left to write, it ends without a word.
            ensure!(
                code.is_none_or(|code| code == "interrupted"),
                "the error is {code:?}"
            );
            let is_failed = code.is_some();
            let what = if is_failed {
                "interrupted"
            } else {
                "ended at once"
            };
            Ok((
                if is_failed {
                    Ended::Failed
                } else {
                    Ended::CutOff
                },
                what,
            ))
        }
        None => Ok((Ended::CutOff, "did not listen yet")),
        other => bail!("the exit status is {other:?}"),
    }
}
