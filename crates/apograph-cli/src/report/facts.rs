//! How the repository of a report stands, as HTML.

use std::fmt::Write;
use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_operate::{Limits, RepositoryReport};

use super::html::escaped;
use crate::{display, segments};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What matters first: whether the latest state can be restored, and what is wrong.
pub(super) fn verdict(report: &RepositoryReport<'_>) -> String {
    let status = &report.status;
    let newest = status.newest.and_then(|newest| newest.point);
    let state = newest.map_or_else(
        || "The latest state".to_owned(),
        |point| format!("The latest state, <b class=\"mono\">{point}</b>,"),
    );
    let mut html = match &report.restore {
        _ if report.segments.is_empty() => {
            "<p class=\"lead\">Nothing was backed up yet.</p>".to_owned()
        }
        Some(_) => {
            let until = status.captured_until.map_or_else(String::new, |until| {
                format!(" It has every commit up to {}.", time(until))
            });
            format!("<p class=\"lead\">{state} can be restored.{until}</p>")
        }
        None => format!("<p class=\"lead\">{state} <b>cannot be restored</b>.</p>"),
    };
    let mut alerts: Vec<String> = status
        .violations(&Limits::default())
        .iter()
        .map(ToString::to_string)
        .collect();
    match status.missing {
        0 => {}
        1 => alerts.push("at one place something is missing from the history".to_owned()),
        count => alerts.push(format!(
            "at {count} places something is missing from the history"
        )),
    }
    if !alerts.is_empty() {
        html.push_str("<ul class=\"alerts\">");
        for alert in alerts {
            let _ = write!(html, "<li>{}</li>", escaped(&sentence(&alert)));
        }
        html.push_str("</ul>");
    }
    html
}

/// The figures.
pub(super) fn facts(report: &RepositoryReport<'_>) -> String {
    let status = &report.status;
    let now = status.now;
    let mut facts = Facts(String::new());
    if let Some(newest) = status.newest {
        let made = newest
            .committed_at
            .map(|at| format!("committed {}", told(at, now)));
        let captured = format!("captured {}", told(newest.captured_at, now));
        let name = newest
            .point
            .map_or_else(|| "encrypted".to_owned(), |it| it.to_string());
        facts.add(
            "Newest commit",
            &mono(&name),
            &[made.unwrap_or_default(), captured],
        );
    }
    let until = status.captured_until;
    facts.add_time("Captured until", until, now, "no backup yet");
    let chain = segments::restorable_in(&status.restorable, &status.restorable_lsns);
    facts.add("Restorable", &mono(&chain), &[]);
    facts.add_time("Last full backup", status.last_full, now, "none");
    if !report.segments.is_empty() {
        verified(report, &mut facts);
    }
    drilled(report, &mut facts);
    if let Some(effort) = &report.restore {
        let files = display::count(effort.increments, "increment");
        let takes = status
            .drilled
            .as_ref()
            .filter(|drill| drill.failure.is_none());
        let takes = takes.map(|drill| {
            let restored = Duration::from_millis(drill.restored_in);
            format!("the last drill restored in {:.1} s", restored.as_secs_f64())
        });
        let reads = format!(
            "one full backup and {files}, {}",
            display::count(effort.commits, "commit")
        );
        let what = format!("reads {}", display::size(effort.bytes));
        facts.add(
            "A restore to now",
            &what,
            &[reads, takes.unwrap_or_default()],
        );
    }
    let totals = status.totals;
    let stored = (totals.stored_bytes != totals.bytes)
        .then(|| format!("stored in {}", display::size(totals.stored_bytes)));
    let files = format!(
        "{}, {}",
        display::count(totals.fulls, "full backup"),
        display::count(totals.increments, "increment")
    );
    let grows = format!("{} a day", display::size(status.growth_bytes_a_day));
    let notes = [files, stored.unwrap_or_default(), grows];
    facts.add("Size", &display::size(totals.bytes), &notes);
    if let Some(free) = status.free_bytes {
        facts.add("Free there", &display::size(free), &[]);
    }
    facts.0
}

fn verified(report: &RepositoryReport<'_>, facts: &mut Facts) {
    let status = &report.status;
    let found = || {
        report
            .segments
            .iter()
            .filter_map(|segment| segment.verified)
    };
    let deep = found().filter(|it| it.frames_at.is_some()).count();
    let all = report.segments.len();
    let value = format!(
        "{} of {}",
        found().count(),
        display::count(all as u64, "segment")
    );
    let deep = format!("{deep} of them frame by frame");
    let last = status
        .last_verified
        .map(|at| format!("the last {}", told(at, status.now)));
    let since = status
        .unverified_since
        .filter(|_| last.is_some())
        .map(|at| {
            format!(
                "all that was captured before {} was verified since",
                time(at)
            )
        });
    let last = last.unwrap_or_else(|| "nothing was ever verified".to_owned());
    facts.add("Verified", &value, &[deep, last, since.unwrap_or_default()]);
}

fn drilled(report: &RepositoryReport<'_>, facts: &mut Facts) {
    let Some(drill) = &report.status.drilled else {
        facts.add(
            "Last drill",
            "never",
            &["no restore was tried and opened".to_owned()],
        );
        return;
    };
    let point = drill.point.map_or_else(String::new, |point| {
        format!("of {}", mono(&point.to_string()))
    });
    let found = match &drill.failure {
        None => "a restore was opened, and sound".to_owned(),
        Some(failure) => format!("<b>not proven</b>: {}", escaped(&display::plain(failure))),
    };
    let notes = [point, found, ago(drill.at, report.status.now)];
    facts.add("Last drill", &time(drill.at), &notes);
}

/// Where the history does not go on, and what is pinned.
pub(super) fn gaps(report: &RepositoryReport<'_>) -> String {
    let mut html = String::new();
    if report.is_pruned_before {
        put_item(
            &mut html,
            "pruned",
            "Pruned: what was before the first segment",
        );
    }
    for gap in &report.gaps {
        let kind = gap.gap.cause.kind().to_string();
        put_item(&mut html, &kind, &segments::gap(&gap.gap));
    }
    for pinned in &report.pins {
        let pin = pinned.pin;
        let name = display::plain(pin.name.as_str());
        let lost = if pinned.at.is_none() {
            ", which cannot be restored"
        } else {
            ""
        };
        let text = format!("Pinned: {name} at {}{lost}", pin.state);
        put_item(&mut html, "pin", &text);
    }
    if html.is_empty() {
        let text = "The history goes on from its first commit to its last.";
        put_item(&mut html, "none", text);
    }
    html
}

fn put_item(html: &mut String, class: &str, text: &str) {
    let _ = write!(html, "<li class=\"{class}\">{}</li>", escaped(text));
}

struct Facts(String);

impl Facts {
    /// Notes that say nothing are left out.
    fn add(&mut self, label: &str, value: &str, notes: &[String]) {
        let _ = write!(self.0, "<div><dt>{label}</dt><dd>{value}");
        for note in notes.iter().filter(|note| !note.is_empty()) {
            let _ = write!(self.0, "<span>{note}</span>");
        }
        self.0.push_str("</dd></div>");
    }

    fn add_time(&mut self, label: &str, at: Option<UnixMillis>, now: UnixMillis, none: &str) {
        match at {
            Some(at) => self.add(label, &time(at), &[ago(at, now)]),
            None => self.add(label, none, &[]),
        }
    }
}

fn mono(text: &str) -> String {
    format!("<span class=\"mono\">{}</span>", escaped(text))
}

/// A time as `--time` takes it.
fn time(at: UnixMillis) -> String {
    let at = display::time(at);
    format!("<time class=\"mono\">{at}</time>")
}

fn told(at: UnixMillis, now: UnixMillis) -> String {
    format!("{}, {}", time(at), ago(at, now))
}

/// How long ago, in its largest unit.
fn ago(at: UnixMillis, now: UnixMillis) -> String {
    let Some(passed) = now.get().checked_sub(at.get()) else {
        return "which lies ahead".to_owned();
    };
    let seconds = passed / 1000;
    let (count, unit) = match seconds {
        0..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    };
    format!("{} ago", display::count(count, unit))
}

/// With a capital, and a full stop.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let rows = [
            (0, "0 seconds ago"),
            (1_000, "1 second ago"),
            (59_999, "59 seconds ago"),
            (60_000, "1 minute ago"),
            (3_600_000 * 23, "23 hours ago"),
            (3_600_000 * 24 * 400, "400 days ago"),
        ];
        let now = UnixMillis::new(3_600_000 * 24 * 500);
        for (passed, expected) in rows {
            assert_eq!(ago(UnixMillis::new(now.get() - passed), now), expected);
        }
        assert_eq!(ago(UnixMillis::new(now.get() + 1), now), "which lies ahead");
    }
}
