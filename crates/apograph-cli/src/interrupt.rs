//! The signals that end a command.
//!
//! The first one asks: the command takes back what it did, and exits as a process does that was
//! ended by the signal. A second one ends the process at once, and so does the first where there is
//! nothing to take back. A signal that whoever started the command has it ignore (`nohup`, a job
//! in the background of a script) stays ignored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

const SIGNALS: [(i32, &str); 3] = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")];

/// Whether a signal came.
pub(crate) struct Interrupt {
    /// Its number; 0 while none came.
    signal: Arc<AtomicUsize>,
    /// Whether the configuration is to be read again.
    reads_again: Arc<AtomicBool>,
    ends_at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on, for as long as the process runs.
    pub(crate) fn listen() -> Self {
        let interrupt = Self {
            signal: Arc::default(),
            reads_again: Arc::default(),
            ends_at_once: Arc::default(),
        };
        let ignored = ignored_signals();
        for (signal, _) in SIGNALS {
            if signal != SIGHUP && !is_in(ignored, signal) {
                // Where it cannot be listened for, it does what it does to any process.
                let _ = interrupt.listen_for(signal);
            }
        }
        interrupt
    }

    /// Listens for SIGHUP too: it ends the command, or asks it to read its configuration again.
    pub(crate) fn listen_to_hangup(&self, reads_again: bool) {
        // As above.
        let _ = if reads_again {
            flag::register(SIGHUP, Arc::clone(&self.reads_again)).map(drop)
        } else if is_in(ignored_signals(), SIGHUP) {
            Ok(())
        } else {
            self.listen_for(SIGHUP)
        };
    }

    /// Whether the configuration is to be read again, since this was asked last.
    pub(crate) fn is_to_read_again(&self) -> bool {
        self.reads_again.swap(false, Ordering::Relaxed)
    }

    fn listen_for(&self, signal: i32) -> std::io::Result<()> {
        // They act in this order.
        let at_once = Arc::clone(&self.ends_at_once);
        flag::register_conditional_shutdown(signal, status(signal), at_once)?;
        let number = usize::try_from(signal).unwrap_or_default();
        flag::register_usize(signal, Arc::clone(&self.signal), number)?;
        flag::register(signal, Arc::clone(&self.ends_at_once))?;
        Ok(())
    }

    /// From now on there is nothing to take back.
    pub(crate) fn end_at_once(&self) {
        self.ends_at_once.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// The name of the signal that came, and the exit status that tells of it.
    pub(crate) fn raised(&self) -> Option<(&'static str, u8)> {
        let raised = self.signal.load(Ordering::Relaxed);
        let known = SIGNALS
            .iter()
            .find(|(signal, _)| usize::try_from(*signal) == Ok(raised));
        known.map(|&(signal, name)| (name, u8::try_from(status(signal)).unwrap_or(u8::MAX)))
    }
}

const fn status(signal: i32) -> i32 {
    128 + signal
}

const fn is_in(signals: u64, signal: i32) -> bool {
    signals & (1 << (signal - 1)) != 0
}

/// A bit for each signal that the process ignores; none where the system does not tell.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}
