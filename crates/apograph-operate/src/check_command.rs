//! A command that is asked whether a restored database is right.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apograph_io::{Context, IoError};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::DrillError;
use crate::expected::is_in;

/// What stands for the path of the database.
const PATH: &str = "{}";
/// So much of what a command says is kept.
const OUTPUT_MAX_BYTES: usize = 1 << 20;
/// How often it is looked whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// How long what it said is waited for after it has ended.
const LINGER: Duration = Duration::from_millis(500);

/// A command that is run on a restored database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckCommand {
    /// The program and its arguments, as they are: no shell reads them. `{}` in one of them stands for
    /// the path of the database.
    pub words: Vec<String>,
    /// What has to be in its output.
    pub expect: Option<String>,
    /// How long it may run.
    pub timeout: Duration,
}

/// What a command did.
pub(crate) struct Ran {
    /// The front of its standard output.
    pub(crate) output: String,
    /// Why it proves nothing.
    pub(crate) failure: Option<String>,
}

impl CheckCommand {
    /// Runs it. What it started is killed with it where its time is over.
    pub(crate) fn run(&self, database: &Path, context: Context<'_>) -> Result<Ran, DrillError> {
        let path = database.to_string_lossy();
        let mut words = self.words.iter().map(|word| word.replace(PATH, &path));
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(words).process_group(0);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| DrillError::Command {
            program: program.clone(),
            source: source.into(),
        })?;
        let output = child.stdout.take().map(Front::of);
        let errors = child.stderr.take().map(Front::of);
        let ended = wait(&mut child, self.timeout, context);
        if !matches!(ended, Ok(Some(_))) {
            kill(&mut child);
        }
        let [output, errors] = [output, errors].map(|front| {
            let front = front.map(|front| front.taken(context));
            String::from_utf8_lossy(&front.unwrap_or_default()).into_owned()
        });
        let failure = self.failure(ended?, &output, &errors);
        Ok(Ran { output, failure })
    }

    fn failure(&self, ended: Option<ExitStatus>, output: &str, errors: &str) -> Option<String> {
        let Some(status) = ended else {
            let seconds = self.timeout.as_secs();
            return Some(format!("the command had not ended after {seconds} s"));
        };
        if !status.success() {
            let last = errors.lines().rev().find(|line| !line.trim().is_empty());
            let last = last.map(|line| format!(": {}", line.trim()));
            return Some(format!(
                "the command failed, {status}{}",
                last.unwrap_or_default()
            ));
        }
        let expect = self.expect.as_ref()?;
        (!is_in(output, expect))
            .then(|| format!("the output of the command does not have `{expect}`"))
    }
}

/// Waits until a process has ended; `None` where that takes too long.
fn wait(
    child: &mut Child,
    timeout: Duration,
    context: Context<'_>,
) -> Result<Option<ExitStatus>, IoError> {
    let begun = context.clock.running();
    loop {
        let ended = child.try_wait().map_err(|source| IoError::Failed {
            operation: "wait for",
            path: "the command".into(),
            source,
        })?;
        if ended.is_some() {
            return Ok(ended);
        }
        context.monitor.go_on()?;
        if context.clock.running().saturating_sub(begun) >= timeout {
            return Ok(None);
        }
        context.clock.wait(PAUSE);
    }
}

/// Kills a process and what it started.
fn kill(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// The front of what comes out of a pipe, all of which is read. What a command started and left may
/// hold the pipe for as long as it runs, and nobody waits for that.
struct Front {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Front {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let front = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                let mut front = front.lock().unwrap_or_else(PoisonError::into_inner);
                let left = OUTPUT_MAX_BYTES.saturating_sub(front.len());
                front.extend(piece.iter().take(count.min(left)));
            }
        });
        Self { bytes, reader }
    }

    /// What came until the command had ended, and a little longer.
    fn taken(self, context: Context<'_>) -> Vec<u8> {
        let begun = context.clock.running();
        while !self.reader.is_finished() && context.clock.running().saturating_sub(begun) < LINGER {
            context.clock.wait(PAUSE);
        }
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut bytes)
    }
}
