//! `apograph log`

use std::io::Write;

use apograph_format::{Point, PointName};
use apograph_restore::{Commit, commits};
use serde_json::{Value, json};

use super::Report;
use super::args::Log;
use super::failure::Failure;

/// Commits go out one by one: a log can be longer than memory. The repository is read once before
/// the first, so that damage is an error and not the end of a list.
pub(super) fn run(words: &Log) -> Result<Report, Failure> {
    commits(&words.repo, |_| Ok(()))?;
    let mut out = anstream::stdout().lock();
    let mut shown = 0_u64;
    if words.json {
        let _ = write!(out, "{{\"command\":\"log\",\"commits\":[");
    } else {
        let _ = writeln!(
            out,
            "{:>10} {:>10} {:>8}  {:<24} KINDS",
            "POINT", "TX", "RECORDS", "SEGMENT"
        );
    }
    commits(&words.repo, |commit| {
        if is_wanted(words, commit.point) {
            // A reader that went away has what it wanted.
            let _ = if words.json {
                let comma = if shown == 0 { "" } else { "," };
                write!(out, "{comma}{}", object(&commit))
            } else {
                writeln!(out, "{}", line(&commit))
            };
            shown += 1;
        }
        Ok(())
    })?;
    let _ = if words.json {
        writeln!(out, "]}}")
    } else {
        out.flush()
    };
    Ok(Report::done(String::new(), Value::Null))
}

fn is_wanted(words: &Log, point: Point) -> bool {
    let from = words.from.is_none_or(|from| !is_before(point, from));
    let to = words.to.is_none_or(|to| !is_before_name(to, point));
    from && to
}

fn is_before(point: Point, name: PointName) -> bool {
    match name.timeline {
        Some(timeline) => point < Point::new(timeline, name.epoch),
        None => point.epoch < name.epoch,
    }
}

fn is_before_name(name: PointName, point: Point) -> bool {
    match name.timeline {
        Some(timeline) => Point::new(timeline, name.epoch) < point,
        None => name.epoch < point.epoch,
    }
}

fn object(commit: &Commit) -> Value {
    let kinds: serde_json::Map<String, Value> = commit
        .kinds
        .iter()
        .map(|(kind, count)| (kind.name().to_owned(), json!(count)))
        .collect();
    json!({
        "timeline": commit.point.timeline.get(),
        "epoch": commit.point.epoch.get(),
        "own_epoch": commit.own_epoch,
        "transaction": commit.transaction.get(),
        "time": Value::Null,
        "segment": commit.segment.as_str(),
        "offset": commit.offset,
        "records": commit.records,
        "kinds": kinds,
    })
}

fn line(commit: &Commit) -> String {
    let kinds: Vec<String> = commit
        .kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    // A group without an epoch of its own stands under the one it belongs to.
    let mark = if commit.own_epoch { ' ' } else { '+' };
    let line = format!(
        "{:>9}{mark} {:>10} {:>8}  {:<24} {}",
        commit.point.to_string(),
        commit.transaction.to_string(),
        commit.records,
        commit.segment.as_str(),
        kinds.join(", "),
    );
    line.trim_end().to_owned()
}
