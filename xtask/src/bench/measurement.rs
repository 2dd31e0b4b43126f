//! One run of a program: how long it took, and what memory and which bytes.
//!
//! `RssAnon` has no high-water mark of its own, so it is read from `/proc/PID/status` about every
//! millisecond; a peak that is shorter than that can be missed. `/proc/PID/io` is read when the
//! process has ended and is not yet waited for.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::figure::Usage;
use crate::run::describe;

const POLL: Duration = Duration::from_millis(1);

/// What a run took.
#[derive(Debug)]
pub(crate) struct Measurement {
    pub(crate) seconds: f64,
    pub(crate) usage: Usage,
    /// What it printed, where that was wanted.
    pub(crate) output: String,
}

/// Runs a program whose output is of no interest.
pub(crate) fn run(command: &mut Command) -> Result<Measurement> {
    measure(command.stdout(Stdio::null()))
}

/// Runs a program that prints a few words.
pub(crate) fn run_and_read(command: &mut Command) -> Result<Measurement> {
    measure(command.stdout(Stdio::piped()))
}

fn measure(command: &mut Command) -> Result<Measurement> {
    let text = describe(command);
    let begun = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{text}`"))?;
    let id = child.id();
    let has_ended = AtomicBool::new(false);
    let (seconds, anon_bytes) = thread::scope(|scope| {
        let peak = scope.spawn(|| peak_anon_bytes(id, &has_ended));
        let seconds = wait_for_end(id, begun);
        has_ended.store(true, Ordering::Relaxed);
        (seconds, peak.join().unwrap_or_default())
    });
    let io = fs::read_to_string(format!("/proc/{id}/io")).context("/proc/PID/io");
    let status = child.wait()?;
    ensure!(status.success(), "`{text}` failed: {status}");
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout {
        stdout.read_to_string(&mut output)?;
    }
    let io = io?;
    let field = |name| number(&io, name).unwrap_or_default();
    Ok(Measurement {
        seconds: seconds?,
        usage: Usage {
            anon_bytes,
            read_bytes: field("rchar:"),
            written_bytes: field("wchar:"),
            disk_read_bytes: field("read_bytes:"),
            disk_written_bytes: field("write_bytes:"),
        },
        output,
    })
}

fn wait_for_end(id: u32, begun: Instant) -> Result<f64> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    let pid = pid.context("a process without an id")?;
    waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    )?;
    Ok(begun.elapsed().as_secs_f64())
}

fn peak_anon_bytes(id: u32, has_ended: &AtomicBool) -> u64 {
    let path = format!("/proc/{id}/status");
    let mut peak = 0;
    while !has_ended.load(Ordering::Relaxed) {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let kib = number(&status, "RssAnon:").unwrap_or_default();
        peak = peak.max(kib * 1024);
        thread::sleep(POLL);
    }
    peak
}

/// The number after a word at the front of a line.
fn number(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_whole_word() {
        let io = "rchar: 12\nwchar: 7\nread_bytes: 4096\nwrite_bytes: 0\n";
        assert_eq!(number(io, "read_bytes:"), Some(4096));
        assert_eq!(number(io, "wchar:"), Some(7));
        assert_eq!(number("RssAnon:\t     123 kB\n", "RssAnon:"), Some(123));
        assert_eq!(number(io, "RssAnon:"), None);
    }

    #[test]
    fn a_program_is_measured() {
        let script = "echo four; exit 0";
        let run = run_and_read(Command::new("sh").args(["-c", script])).expect("it runs");
        assert_eq!(run.output, "four\n");
        assert!(run.usage.written_bytes >= 5, "{run:?}");
        assert!(run_and_read(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }
}
