//! Commands that strace kills or stops at one of their system calls.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::command::{Apograph, Outcome};
use crate::surroundings::ProcessSurroundings;

const KILLED: i32 = 9;
/// How strace tells that a process has stopped.
const STOPPED: &str = "stopped by SIGSTOP";
const POLL: Duration = Duration::from_millis(2);

/// One of the system calls that a command makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SystemCall {
    /// Its name.
    pub(crate) name: &'static str,
    /// Which of the calls of that name that a thread makes, from 1.
    pub(crate) number: u32,
}

/// Whether strace is there and may trace.
pub(crate) fn can_trace() -> bool {
    static IS_POSSIBLE: OnceLock<bool> = OnceLock::new();
    *IS_POSSIBLE.get_or_init(|| {
        let mut strace = Command::new("strace");
        strace.args(["-o", "/dev/null", "true"]);
        let status = strace.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    })
}

impl Apograph {
    /// Runs the command, which is killed at a call. `None` where it was; one that makes fewer such
    /// calls ends as ever.
    ///
    /// # Panics
    ///
    /// If strace cannot be started, or the answer is no JSON.
    #[track_caller]
    pub(crate) fn run_killed<W: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
        at: SystemCall,
    ) -> Option<Outcome> {
        let strace = self.traced(words, at, "signal=KILL", Path::new("/dev/null"));
        let process = strace.id();
        let output = strace.wait_with_output().expect("it ends");
        let is_killed = output.status.signal() == Some(KILLED);
        if is_killed {
            self.surroundings().clean_up(process);
        }
        (!is_killed).then(|| Outcome::of(&output))
    }

    /// Starts the command, which is stopped at a call, and returns once it is. What strace tells goes
    /// to a new file.
    ///
    /// # Panics
    ///
    /// If strace cannot be started.
    #[track_caller]
    pub(crate) fn run_until<W: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
        at: SystemCall,
        trace: &Path,
    ) -> StoppedCommand {
        let mut strace = self.traced(words, at, "signal=STOP", trace);
        let told = || fs::read_to_string(trace).unwrap_or_default();
        while !told().contains(STOPPED) && strace.try_wait().is_ok_and(|it| it.is_none()) {
            thread::sleep(POLL);
        }
        let told = told();
        let stopped = told.lines().find(|line| line.contains(STOPPED));
        let process = stopped.and_then(|line| line.split_whitespace().next());
        StoppedCommand {
            strace: Some(strace),
            surroundings: self.surroundings().clone(),
            process: process.map(str::to_owned),
        }
    }

    fn traced<W: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
        at: SystemCall,
        what: &str,
        trace: &Path,
    ) -> Child {
        let SystemCall { name, number } = at;
        let inject = format!("inject={name}:{what}:when={number}");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(trace);
        strace.args(["-e", &format!("trace={name}"), "-e", &inject]);
        strace.arg(self.program()).args(words).arg("--json");
        self.surroundings().put_around(&mut strace);
        strace.stdin(Stdio::null());
        strace.stdout(Stdio::piped()).stderr(Stdio::piped());
        strace.spawn().expect("strace can be started")
    }
}

/// A command that was stopped at a call, or that has ended before it made it. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct StoppedCommand {
    strace: Option<Child>,
    surroundings: ProcessSurroundings,
    /// Where it has stopped.
    process: Option<String>,
}

impl StoppedCommand {
    /// Lets it go on to its end.
    ///
    /// # Panics
    ///
    /// If its answer is no JSON.
    #[track_caller]
    pub(crate) fn go_on(mut self) -> Outcome {
        let mut strace = self.strace.take().expect("it is there until now");
        // Each of its threads may stop, at its own such call.
        while strace.try_wait().is_ok_and(|it| it.is_none()) {
            self.signal("-CONT");
            thread::sleep(POLL);
        }
        Outcome::of(&strace.wait_with_output().expect("it ends"))
    }

    /// Sends it a signal, if it has stopped.
    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            let mut kill = Command::new("kill");
            let _ = kill.args([signal, process]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for StoppedCommand {
    fn drop(&mut self) {
        if let Some(mut strace) = self.strace.take() {
            self.signal("-KILL");
            let _ = strace.wait();
            self.surroundings.clean_up(strace.id());
        }
    }
}
