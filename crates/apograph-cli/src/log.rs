//! `apograph log`

use std::io::{self, Write};

use apograph_format::{Code, Point, PointName, UnixMillis};
use apograph_manifest::{FileName, UnusableSegment};
use apograph_repository::{Lease, Repository};
use apograph_restore::{Commit, Logged, RestoreError, commits};
use serde_json::{Value, json};

use crate::args::Log;
use crate::failure::{Failure, exit_status};
use crate::session::{Report, Session};
use crate::{display, output};

/// Commits go out one by one: a log can be longer than memory.
pub(crate) fn run(session: &Session<'_>, asked: &Log) -> Result<Report, Failure> {
    check(asked)?;
    let location = asked.identity.open(&asked.repo)?;
    let lease = Lease::take(&location, session.context);
    let context = lease.context();
    let repository = lease.narrow(Repository::open(&location, context)?);
    if repository.chain().is_sealed() && asked.needs_plain_commits() {
        let message = "the epochs of encrypted commits, and what is in them, cannot be read \
                       without the database's key";
        return Err(Failure::new(Code::Encrypted, message));
    }
    let mut list = List::default();
    let mut ended = Ok(());
    output::print(session.json, |out| {
        List::begin(session.json, out)?;
        let written = commits(&repository, asked.reverse, context, |logged| {
            if asked.limit.is_some_and(|limit| list.shown >= limit) {
                return Err(Ended::Enough);
            }
            match logged {
                Logged::Commit(commit) if asked.wants(&commit) => {
                    Ok(list.show(&commit, session.json, out)?)
                }
                Logged::Unusable(segment) => {
                    list.unusable.push(segment);
                    Ok(())
                }
                Logged::Commit(_) => Ok(()),
            }
        });
        match written {
            Err(Ended::Unwritten(error)) => return Err(error),
            Err(Ended::Unread(error)) => ended = Err(*error),
            Err(Ended::Enough) | Ok(()) => {}
        }
        list.end(session, out)
    })?;
    ended?;
    list.tell(session);
    let exits = list.unusable.iter().map(|it| exit_status(it.code()));
    Ok(Report {
        exit: exits.min().unwrap_or(0),
        ..Report::written()
    })
}

/// A range that holds nothing whatever was captured.
fn check(asked: &Log) -> Result<(), Failure> {
    let is_empty = match (asked.from, asked.to) {
        (Some(from), Some(to)) if from.timeline == to.timeline => to.epoch < from.epoch,
        (Some(from), Some(to)) => from.timeline > to.timeline && to.timeline.is_some(),
        _ => false,
    };
    if is_empty {
        return Err(Failure::usage("--from lies after --to"));
    }
    match (asked.since, asked.until) {
        (Some(since), Some(until)) if until < since => {
            Err(Failure::usage("--since lies after --until"))
        }
        _ => Ok(()),
    }
}

/// Why no more commits are read.
enum Ended {
    Enough,
    Unwritten(io::Error),
    Unread(Box<RestoreError>),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<RestoreError> for Ended {
    fn from(error: RestoreError) -> Self {
        Self::Unread(Box::new(error))
    }
}

/// What was shown so far.
#[derive(Default)]
struct List {
    shown: usize,
    /// The segment of the last commit.
    segment: Option<FileName>,
    unusable: Vec<UnusableSegment>,
}

impl List {
    fn begin(json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json {
            write!(out, "{{\"command\":\"log\",\"commits\":[")
        } else {
            writeln!(
                out,
                "{:>10} {:<24} {:>10} {:>8}  KINDS",
                "POINT", "TIME", "TX", "RECORDS"
            )
        }
    }

    fn show(&mut self, commit: &Commit, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json {
            let comma = if self.shown == 0 { "" } else { "," };
            write!(out, "{comma}{}", display::line(&object(commit)))?;
        } else {
            if self.segment.as_ref() != Some(&commit.segment) {
                writeln!(out, "{}", display::plain(&origin(commit)))?;
                self.segment = Some(commit.segment.clone());
            }
            writeln!(out, "{}", display::plain(&line(commit)))?;
        }
        self.shown += 1;
        Ok(())
    }

    fn end(&self, session: &Session<'_>, out: &mut dyn Write) -> io::Result<()> {
        if !session.json {
            return match self.shown {
                0 => writeln!(out, "No such commit; `apograph list` shows the points."),
                _ => Ok(()),
            };
        }
        let unusable = self
            .unusable
            .iter()
            .map(|UnusableSegment { file, reason }| {
                json!({
                    "file": file.as_str(),
                    "code": reason.code().as_str(),
                    "offset": reason.offset(),
                    "detail": reason.detail().to_string(),
                })
            });
        let (unusable, warnings) = (unusable.collect(), json!(session.terminal.warnings()));
        let (unusable, warnings) = (display::line(&unusable), display::line(&warnings));
        write!(out, "],\"unreadable\":{unusable}")?;
        if let Some(traffic) = session.traffic() {
            write!(out, ",\"traffic\":{traffic}")?;
        }
        writeln!(out, ",\"warnings\":{warnings}}}")
    }

    /// Says which segments are left out. In JSON the object has said it.
    fn tell(&self, session: &Session<'_>) {
        for UnusableSegment { file, reason } in self.unusable.iter().filter(|_| !session.json) {
            let place = reason.offset();
            let place = place.map_or(String::new(), |offset| format!(" at byte {offset}"));
            let detail = reason.detail();
            let message = format!("the commits of {file} are left out{place}: {detail}");
            session.context.monitor.warn(&message);
        }
    }
}

impl Log {
    /// Whether what is asked for is encrypted where the database is.
    fn needs_plain_commits(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.kind.is_some()
    }

    fn wants(&self, commit: &Commit) -> bool {
        let from = self.from.is_none_or(|from| !is_before(commit.point, from));
        let to = self.to.is_none_or(|to| !is_before_name(to, commit.point));
        let is_of_kind = |kind: &String| commit.kinds.iter().any(|(name, _)| name.as_ref() == kind);
        from && to && self.kind.as_ref().is_none_or(is_of_kind) && self.is_in_time(commit)
    }

    /// Where a commit does not tell when it was made, it may have been at any time between two
    /// captures.
    fn is_in_time(&self, commit: &Commit) -> bool {
        let latest = commit.committed_at.unwrap_or(commit.captured_at);
        let earliest = commit.committed_at.or(commit.captured_after);
        let since = self.since.is_none_or(|since| since <= latest);
        let until = |until: UnixMillis| earliest.is_none_or(|earliest| earliest <= until);
        since && self.until.is_none_or(until)
    }
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
        "time": commit.committed_at.and_then(display::rfc3339),
        "captured": {
            "after": commit.captured_after.and_then(display::rfc3339),
            "by": display::rfc3339(commit.captured_at),
        },
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

/// The segment of a commit; where commits have no times, when they were captured.
fn origin(commit: &Commit) -> String {
    let segment = &commit.segment;
    if commit.committed_at.is_some() {
        return segment.to_string();
    }
    let by = display::time(commit.captured_at);
    match commit.captured_after.map(display::time) {
        Some(after) => format!("{segment}: captured between {after} and {by}"),
        None => format!("{segment}: captured by {by}"),
    }
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
            display::point_name(commit.point, commit.is_counted),
            commit.records.to_string(),
            kinds.join(", "),
        )
    };
    let time = commit.committed_at.and_then(display::rfc3339);
    let line = format!(
        "{point:>9}{mark} {:<24} {:>10} {records:>8}  {kinds}",
        time.as_deref().unwrap_or("-"),
        commit.transaction.to_string(),
    );
    line.trim_end().to_owned()
}
