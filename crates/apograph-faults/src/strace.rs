//! The built command with a fault at one of its system calls, put there by strace.
//!
//! strace counts the calls of each kind, and of each thread, apart. The calls of the loader are
//! counted too: they are struck, and then nothing has happened yet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::check::Ended;
use crate::command::{CommandRun, Programs};
use crate::mutant::Neglect;

/// A fault, and the call that it strikes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Injection<'a> {
    /// The system call.
    pub call: &'a str,
    /// What becomes of it, in strace's words: `signal=KILL`, `error=EIO`, `retval=7`.
    pub fault: &'a str,
    /// Which of these calls is struck, from 1.
    pub number: u32,
}

/// Whether strace is there and may trace.
pub(crate) fn is_possible() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-o", "/dev/null", "true"]);
    let status = strace.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a command line with a fault at each call of a kind.
///
/// # Errors
///
/// Where strace cannot be started.
pub(crate) fn run_each(
    programs: &Programs,
    words: &[String],
    call: &str,
    fault: &str,
    trace: &Path,
) -> Result<CommandRun> {
    let inject = format!("inject={call}:{fault}");
    CommandRun::of(&mut traced(programs, None, words, call, &inject, trace))
}

/// Runs a command line for which some calls fail for good: all of them, or those that are about one
/// of some paths.
///
/// # Errors
///
/// Where strace cannot be started.
pub(crate) fn run_without(
    programs: &Programs,
    words: &[String],
    injections: &[&str],
    paths: &[PathBuf],
    trace: &Path,
) -> Result<CommandRun> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(trace);
    let calls = injections.iter().filter_map(|it| it.split(':').next());
    let calls: Vec<_> = calls.collect();
    strace.args(["-e", &format!("trace={}", calls.join(","))]);
    for injection in injections {
        strace.args(["-e", &format!("inject={injection}")]);
    }
    for path in paths {
        strace.arg("-P").arg(path);
    }
    programs.add_to(&mut strace, None);
    CommandRun::of(strace.args(words).arg("--json"))
}

/// Runs a command line with a fault; `None` where there was no such call to strike.
///
/// # Errors
///
/// Where strace cannot be started.
pub(crate) fn run(
    programs: &Programs,
    neglects: Option<Neglect>,
    words: &[String],
    injection: Injection<'_>,
    trace: &Path,
) -> Result<Option<(Ended, CommandRun)>> {
    let Injection {
        call,
        fault,
        number,
    } = injection;
    let inject = format!("inject={call}:{fault}:when={number}");
    let run = CommandRun::of(&mut traced(programs, neglects, words, call, &inject, trace))?;
    let traced = fs::read_to_string(trace).context("strace left no trace")?;
    let is_struck = traced.contains("(INJECTED)") || traced.contains("killed by SIGKILL");
    Ok(is_struck.then_some((run.ended(), run)))
}

fn traced(
    programs: &Programs,
    neglects: Option<Neglect>,
    words: &[String],
    call: &str,
    inject: &str,
    trace: &Path,
) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(trace);
    strace.args(["-e", &format!("trace={call}"), "-e", inject]);
    programs.add_to(&mut strace, neglects);
    strace.args(words).arg("--json");
    strace
}
