//! Progress on a terminal, once it has taken a second.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use apograph_io::{Clock, Monitor};
use indicatif::{ProgressBar, ProgressStyle};

use crate::display;
use crate::interrupt::Interrupt;

const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar on standard error, and the warnings of a command.
pub(crate) struct Terminal<'a> {
    bar: Option<Mutex<Phase>>,
    /// Whether a program reads the warnings, in the object that the command prints.
    json: bool,
    warnings: Mutex<Vec<String>>,
    interrupt: &'a Interrupt,
    clock: &'a dyn Clock,
}

struct Phase {
    started: Duration,
    name: &'static str,
    total_bytes: u64,
    done_bytes: u64,
    bar: Option<ProgressBar>,
}

impl<'a> Terminal<'a> {
    /// Shows no progress where standard error is no terminal, or where the user said so.
    pub(crate) fn new(
        quiet: bool,
        json: bool,
        interrupt: &'a Interrupt,
        clock: &'a dyn Clock,
    ) -> Self {
        let shown = !quiet && !json && std::io::stderr().is_terminal();
        let phase = Phase {
            started: clock.running(),
            name: "",
            total_bytes: 0,
            done_bytes: 0,
            bar: None,
        };
        Self {
            bar: shown.then(|| Mutex::new(phase)),
            json,
            warnings: Mutex::default(),
            interrupt,
            clock,
        }
    }

    /// What was warned of so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.warnings.lock();
        warnings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.with(|phase| {
            if let Some(bar) = phase.bar.take() {
                bar.finish_and_clear();
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut Phase)) {
        if let Some(Ok(mut phase)) = self.bar.as_ref().map(Mutex::lock) {
            change(&mut phase);
        }
    }
}

impl Monitor for Terminal<'_> {
    fn phase(&self, name: &'static str, total_bytes: u64) {
        self.with(|phase| {
            if let Some(bar) = phase.bar.take() {
                bar.finish_and_clear();
            }
            (phase.name, phase.total_bytes, phase.done_bytes) = (name, total_bytes, 0);
        });
    }

    fn advance(&self, bytes: u64) {
        self.with(|phase| {
            phase.done_bytes = phase.done_bytes.saturating_add(bytes);
            let shown_at = phase.started + PATIENCE;
            if phase.bar.is_none() && self.clock.running() >= shown_at {
                let style = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
                let bar = ProgressBar::new(phase.total_bytes).with_message(phase.name);
                let style = ProgressStyle::with_template(style);
                phase.bar = Some(style.map_or(bar.clone(), |style| bar.with_style(style)));
            }
            if let Some(bar) = &phase.bar {
                bar.set_position(phase.done_bytes);
            }
        });
    }

    fn warn(&self, message: &str) {
        let warnings = self.warnings.lock();
        let mut warnings = warnings.unwrap_or_else(PoisonError::into_inner);
        warnings.push(message.to_owned());
        if !self.json {
            let message = display::plain(message);
            // Standard error may be gone; that is no reason to stop.
            let _ = writeln!(anstream::stderr().lock(), "warning: {message}");
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }
}
