//! Progress on a terminal, once it has taken a second.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use apograph_io::Monitor;
use indicatif::{ProgressBar, ProgressStyle};

const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar on standard error.
pub(super) struct Terminal {
    bar: Option<Mutex<Phase>>,
}

struct Phase {
    started: Instant,
    name: &'static str,
    total_bytes: u64,
    done_bytes: u64,
    bar: Option<ProgressBar>,
}

impl Terminal {
    /// Shows nothing where standard error is no terminal, or where the user said so.
    pub(super) fn new(silent: bool) -> Self {
        let shown = !silent && std::io::stderr().is_terminal();
        let phase = Phase {
            started: Instant::now(),
            name: "",
            total_bytes: 0,
            done_bytes: 0,
            bar: None,
        };
        Self {
            bar: shown.then(|| Mutex::new(phase)),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Phase)) {
        if let Some(Ok(mut phase)) = self.bar.as_ref().map(Mutex::lock) {
            change(&mut phase);
        }
    }
}

impl Monitor for Terminal {
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
            if phase.bar.is_none() && phase.started.elapsed() >= PATIENCE {
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
        anstream::eprintln!("warning: {message}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.with(|phase| {
            if let Some(bar) = phase.bar.take() {
                bar.finish_and_clear();
            }
        });
    }
}
