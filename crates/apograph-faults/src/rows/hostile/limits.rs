//! What a command may take: time, and memory.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::CommandRun;

/// The memory of a process at its peak, mapped files included.
const MEMORY_MAX_BYTES: u64 = 64 << 20;
/// A command that was not optimized takes longer, and tests run beside each other.
const TIME_MAX: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(8)
} else {
    Duration::from_secs(1)
};
/// When it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often its memory is looked at.
const INTERVAL: Duration = Duration::from_millis(1);

/// A command that was watched while it ran.
pub(super) struct Limited {
    pub(super) run: CommandRun,
    elapsed: Duration,
    peak_bytes: u64,
}

impl Limited {
    /// Runs it to its end, or until it was waited for long enough.
    pub(super) fn run(command: &mut Command) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (stdout, stderr) = (folder.path().join("stdout"), folder.path().join("stderr"));
        command.stdin(Stdio::null());
        command.stdout(File::create(&stdout)?);
        command.stderr(File::create(&stderr)?);
        let begun = Instant::now();
        let mut child = command.spawn().context("cannot start the command")?;
        let program = Path::new(command.get_program()).canonicalize()?;
        let (status, peak_bytes) = watch(&mut child, &program, begun)?;
        let elapsed = begun.elapsed();
        let run = CommandRun::read(status.code(), &fs::read(stdout)?, &fs::read(stderr)?);
        Ok(Self {
            run,
            elapsed,
            peak_bytes,
        })
    }

    /// Whether it ended by itself, and kept within what it may take.
    pub(super) fn check(&self) -> Result<()> {
        let (elapsed, mebibytes) = (self.elapsed, self.peak_bytes >> 20);
        let exit = self.run.exit.context("it was killed, or hung")?;
        ensure!((0..=9).contains(&exit), "exit {exit}");
        ensure!(elapsed <= TIME_MAX, "it took {elapsed:?}");
        ensure!(
            self.peak_bytes <= MEMORY_MAX_BYTES,
            "it took {mebibytes} MiB"
        );
        Ok(())
    }
}

fn watch(child: &mut Child, program: &Path, begun: Instant) -> Result<(ExitStatus, u64)> {
    let process = Path::new("/proc").join(child.id().to_string());
    let mut peak_bytes = 0;
    loop {
        let peak = peak_of(&process, program);
        peak_bytes = peak_bytes.max(peak.unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak_bytes));
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            return Ok((child.wait()?, peak_bytes));
        }
        thread::sleep(INTERVAL);
    }
}

/// The highest that the memory of a process ever was; none of one that has ended, or has not begun
/// to run its own program.
fn peak_of(process: &Path, program: &Path) -> Option<u64> {
    // Until then it has the memory of the one that started it.
    if fs::read_link(process.join("exe")).ok()? != program {
        return None;
    }
    let text = fs::read_to_string(process.join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
