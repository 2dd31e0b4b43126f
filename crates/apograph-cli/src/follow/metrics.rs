//! The figures of what is followed, in a file that is replaced each time: for the textfile collector
//! of `node_exporter`.

use std::path::Path;
use std::time::Duration;

use apograph_format::WithCauses;
use apograph_io::{Context, Folder, Mode, replace_file};
use apograph_operate::Exposition;

use super::told::Told;
use super::watch::Watch;

/// How often it is written, where nothing begins to fail or ends.
const EVERY: Duration = Duration::from_secs(10);

/// A file of figures.
pub(crate) struct MetricsFile<'a> {
    path: &'a Path,
    context: Context<'a>,
    written: Option<Duration>,
    /// What failed, and what had been captured at all, when it was written.
    stood: Vec<[bool; 2]>,
    is_unwritten: bool,
}

impl<'a> MetricsFile<'a> {
    pub(crate) fn new(path: &'a Path, context: Context<'a>) -> Self {
        Self {
            path,
            context,
            written: None,
            stood: Vec::new(),
            is_unwritten: false,
        }
    }

    /// Writes it, where that is due.
    pub(crate) fn write_where_due(&mut self, watches: &[Watch<'_>]) {
        let stands = watches.iter().map(|watch| {
            let figures = &watch.state().figures;
            [figures.failing.is_some(), figures.last_success.is_some()]
        });
        let stands: Vec<_> = stands.collect();
        let now = self.context.clock.running();
        let is_over = |written: Duration| now.saturating_sub(written) >= EVERY;
        if stands != self.stood || self.written.is_none_or(is_over) {
            self.stood = stands;
            self.write(watches);
        }
    }

    /// Writes it. That it cannot be written is told once, until it can.
    pub(crate) fn write(&mut self, watches: &[Watch<'_>]) {
        self.written = Some(self.context.clock.running());
        let mut metrics = Exposition::default();
        for watch in watches {
            let state = watch.state();
            metrics.about(&[
                ("repository", &watch.follow.repository.to_string()),
                ("database", &watch.database().to_string_lossy()),
            ]);
            state.figures.expose(&mut metrics);
        }
        let text = metrics.text();
        let written = Folder::holding(self.path).and_then(|(folder, name)| {
            replace_file(
                self.context.disk,
                folder.at(name),
                Mode::SHOWN,
                text.as_bytes(),
            )
        });
        let is_news = written.is_err() && !self.is_unwritten;
        self.is_unwritten = written.is_err();
        if let (true, Err(error), Some(watch)) = (is_news, written, watches.first()) {
            let text = format!("the figures are not written: {}", WithCauses(&error));
            watch.tell(&Told::Warning(&text));
        }
    }
}
