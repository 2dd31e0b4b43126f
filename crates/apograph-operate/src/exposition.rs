//! Metrics as Prometheus reads them.
//!
//! The text is that of its exposition format, version 0.0.4: for each metric a line of help, a line
//! with its type, and its samples, be they of several repositories. A figure that is not known has no
//! sample.

use std::fmt::Write;
use std::time::Duration;

use apograph_format::{Point, UnixMillis};

/// Metrics, in the order in which they were first named.
#[derive(Debug, Default)]
pub struct Exposition {
    labels: String,
    metrics: Vec<Metric>,
}

#[derive(Debug)]
struct Metric {
    name: String,
    help: &'static str,
    kind: &'static str,
    samples: String,
}

/// What was captured last.
pub(crate) struct Newest {
    pub(crate) captured_until: Option<UnixMillis>,
    pub(crate) committed_at: Option<UnixMillis>,
    pub(crate) point: Option<Point>,
    pub(crate) last_full: Option<UnixMillis>,
}

impl Exposition {
    /// What the next samples are about.
    pub fn about(&mut self, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(name, value)| {
            let value = label(value);
            format!("{name}=\"{value}\"")
        });
        self.labels = labels.collect::<Vec<_>>().join(",");
    }

    /// The text.
    pub fn text(&self) -> String {
        let metrics = self.metrics.iter().map(|metric| {
            let Metric {
                name,
                help,
                kind,
                samples,
            } = metric;
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}")
        });
        metrics.collect()
    }

    /// What was captured last.
    pub(crate) fn newest(&mut self, newest: &Newest) {
        self.time(
            "captured_until",
            "Every commit before this time is in the repository.",
            newest.captured_until,
        );
        self.time(
            "last_commit",
            "When the newest commit in the repository was made, where its log says it.",
            newest.committed_at,
        );
        self.number(
            "last_commit_epoch",
            "The epoch of the newest state that can be restored.",
            newest.point.map(|point| point.epoch.get()),
        );
        self.number(
            "last_commit_timeline",
            "Its timeline.",
            newest.point.map(|point| point.timeline.get()),
        );
        self.time(
            "last_full",
            "When the last full backup was taken.",
            newest.last_full,
        );
    }

    /// How much of a log is in no backup.
    pub(crate) fn pending_bytes(&mut self, bytes: Option<u64>) {
        self.number(
            "pending_bytes",
            "The bytes of the log that are in no backup.",
            bytes,
        );
    }

    pub(crate) fn number(&mut self, name: &str, help: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.sample(name, help, None, &value.to_string());
        }
    }

    /// A number for each value of a label.
    pub(crate) fn by(
        &mut self,
        name: &str,
        help: &'static str,
        label: &str,
        values: &[(&str, u64)],
    ) {
        for (of, value) in values {
            self.sample(name, help, Some((label, of)), &value.to_string());
        }
    }

    /// A time, in seconds since 1970.
    pub(crate) fn time(&mut self, name: &str, help: &'static str, time: Option<UnixMillis>) {
        if let Some(time) = time {
            let name = format!("{name}_timestamp_seconds");
            let time = Duration::from_millis(time.get());
            self.sample(&name, help, None, &seconds(time));
        }
    }

    /// A duration, in seconds.
    pub(crate) fn duration(&mut self, name: &str, help: &'static str, time: Option<Duration>) {
        if let Some(time) = time {
            let name = format!("{name}_seconds");
            self.sample(&name, help, None, &seconds(time));
        }
    }

    /// A sample of a metric, which is a counter where its name says so.
    fn sample(&mut self, name: &str, help: &'static str, by: Option<(&str, &str)>, value: &str) {
        let name = format!("apograph_{name}");
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        let index = self.metrics.iter().position(|metric| metric.name == name);
        let index = index.unwrap_or_else(|| {
            self.metrics.push(Metric {
                name: name.clone(),
                help,
                kind,
                samples: String::new(),
            });
            self.metrics.len() - 1
        });
        let by = by.map(|(label, of)| format!(",{label}=\"{of}\""));
        let (labels, by) = (&self.labels, by.unwrap_or_default());
        if let Some(metric) = self.metrics.get_mut(index) {
            // Memory takes what it is given.
            let _ = writeln!(metric.samples, "{name}{{{labels}{by}}} {value}");
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// The value of a label.
fn label(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}
