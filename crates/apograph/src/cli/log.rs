//! `apograph log`

use std::io;

use apograph_format::{Point, PointName};
use apograph_repository::Repository;
use apograph_restore::{Commit, RestoreError, commits};
use serde_json::{Value, json};

use super::args::Log;
use super::failure::Failure;
use super::{Report, Session, output, words};

/// Commits go out one by one: a log can be longer than memory. The repository is read once before
/// the first, so that damage is an error and not the end of a list.
pub(super) fn run(session: &Session<'_>, asked: &Log) -> Result<Report, Failure> {
    let repository = Repository::open_with(&asked.repo, session.reading())?;
    if repository.chain().is_sealed() && (asked.from.is_some() || asked.to.is_some()) {
        let message = "the epochs of encrypted commits cannot be read without the database's key";
        return Err(Failure::new("encrypted", message));
    }
    commits::<Failure>(&asked.repo, session.terminal, |_| Ok(()))?;
    output::print(session.json, |out| {
        if session.json {
            write!(out, "{{\"command\":\"log\",\"commits\":[")?;
        } else {
            writeln!(
                out,
                "{:>10} {:<24} {:>10} {:>8}  {:<24} KINDS",
                "POINT", "TIME", "TX", "RECORDS", "SEGMENT"
            )?;
        }
        let mut shown = 0_u64;
        let written = commits::<Ended>(&asked.repo, session.terminal, |commit| {
            if is_wanted(asked, commit.point) {
                if session.json {
                    let comma = if shown == 0 { "" } else { "," };
                    write!(out, "{comma}{}", words::line(&object(&commit)))?;
                } else {
                    writeln!(out, "{}", words::plain(&line(&commit)))?;
                }
                shown += 1;
            }
            Ok(())
        });
        match written {
            Err(Ended::Unwritten(error)) => return Err(error),
            Err(Ended::Unread(error)) => return Err(io::Error::other(error.to_string())),
            Ok(()) => {}
        }
        if session.json {
            let warnings = json!(session.terminal.warnings());
            writeln!(out, "],\"warnings\":{}}}", words::line(&warnings))?;
        }
        Ok(())
    })?;
    Ok(Report::written())
}

/// Why a list is not whole.
enum Ended {
    Unwritten(io::Error),
    Unread(RestoreError),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<RestoreError> for Ended {
    fn from(error: RestoreError) -> Self {
        Self::Unread(error)
    }
}

fn is_wanted(asked: &Log, point: Point) -> bool {
    let from = asked.from.is_none_or(|from| !is_before(point, from));
    let to = asked.to.is_none_or(|to| !is_before_name(to, point));
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
        .map(|(kind, count)| (kind.to_string(), json!(count)))
        .collect();
    let is_plain = !commit.is_encrypted;
    let mut object = json!({
        "timeline": commit.is_counted.then_some(commit.point.timeline.get()),
        "epoch": is_plain.then_some(commit.point.epoch.get()),
        "own_epoch": commit.own_epoch,
        "transaction": commit.transaction.get(),
        "time": commit.committed_at.and_then(words::rfc3339),
        "segment": commit.segment.as_str(),
        "offset": commit.offset,
        "records": is_plain.then_some(commit.records),
        "kinds": kinds,
    });
    if let Some(lsn) = commit.end_lsn {
        object["lsn"] = json!(lsn.get());
    }
    object
}

fn line(commit: &Commit) -> String {
    let kinds: Vec<String> = commit
        .kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    // A group without an epoch of its own stands under the one it belongs to.
    let mark = if commit.own_epoch || commit.is_encrypted {
        ' '
    } else {
        '+'
    };
    let (point, records, kinds) = if commit.is_encrypted {
        // The only name that an encrypted commit has.
        let end = commit
            .end_lsn
            .map_or_else(|| "?".to_owned(), |lsn| format!("lsn {lsn}"));
        (end, "?".to_owned(), "encrypted".to_owned())
    } else {
        (
            words::point_name(commit.point, commit.is_counted),
            commit.records.to_string(),
            kinds.join(", "),
        )
    };
    let time = commit.committed_at.and_then(words::rfc3339);
    let line = format!(
        "{point:>9}{mark} {:<24} {:>10} {records:>8}  {:<24} {kinds}",
        time.as_deref().unwrap_or("-"),
        commit.transaction.to_string(),
        commit.segment.as_str(),
    );
    line.trim_end().to_owned()
}
