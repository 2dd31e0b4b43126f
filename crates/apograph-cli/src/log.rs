//! `apograph log`

mod checks;

use std::cmp::Ordering;
use std::io::{self, Write};

use apograph_format::{Code, Point, PointName, UnixMillis};
use apograph_manifest::{Chain, FileName, UnusableSegment};
use apograph_repository::{Lease, Repository};
use apograph_restore::{
    Commit, CommitQuery, Found, FoundRecords, RestoreError, SeenRecord, search,
};
use serde_json::{Value, json};

use crate::args::Log;
use crate::failure::{Failure, exit_status};
use crate::session::{Report, Session};
use crate::{display, output, records, segments};

/// Commits go out one by one: a log can be longer than memory.
pub(crate) fn run(session: &Session<'_>, asked: &Log) -> Result<Report, Failure> {
    checks::range(asked)?;
    let location = asked.identity.open(&asked.repo)?;
    let lease = Lease::take(&location, session.context);
    let context = lease.context();
    let repository = lease.narrow(Repository::open(&location, context)?);
    if repository.chain().is_sealed() && asked.needs_plain_commits() {
        let message = "the epochs of encrypted commits, and what is in them, cannot be read \
                       without the database's key";
        return Err(Failure::new(Code::Encrypted, message));
    }
    checks::names(&repository, asked)?;
    let form = Form::of(session, asked);
    if form == Form::Object && !asked.selects() {
        checks::length(&repository)?;
    }
    let wants = |commit: &Commit| asked.wants(commit);
    let wants_record = |seen: &SeenRecord<'_>| asked.sought.wants(seen);
    let query = CommitQuery {
        newest_first: asked.reverse,
        limit: asked.limit,
        commit: Some(&wants),
        element: asked.sought.element(),
        record: asked.sought.is_given().then_some(&wants_record),
        with_records: asked.records,
    };
    let mut list = List::new(form, asked, repository.chain());
    let mut ended = Ok(());
    output::print(form != Form::Text, |out| {
        list.begin(out)?;
        let written = search(&repository, &query, context, |found| match found {
            Found::Commit(commit, records) => list.show(&commit, records, out),
            Found::Unusable(segment) => {
                list.unusable.push(segment);
                Ok(())
            }
        });
        match written {
            Err(Ended::Unwritten(error)) => return Err(error),
            Err(Ended::Unread(error)) => ended = Err(*error),
            Ok(()) => {}
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

/// How the commits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// All in one object.
    Object,
    /// Each in an object of its own.
    Lines,
}

impl Form {
    const fn of(session: &Session<'_>, asked: &Log) -> Self {
        if asked.json_lines {
            Self::Lines
        } else if session.json {
            Self::Object
        } else {
            Self::Text
        }
    }
}

/// Why no more commits are read.
enum Ended {
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
struct List<'a> {
    form: Form,
    asked: &'a Log,
    chain: &'a Chain,
    shown: usize,
    /// The segment of the last commit.
    segment: Option<FileName>,
    unusable: Vec<UnusableSegment>,
}

impl<'a> List<'a> {
    const fn new(form: Form, asked: &'a Log, chain: &'a Chain) -> Self {
        Self {
            form,
            asked,
            chain,
            shown: 0,
            segment: None,
            unusable: Vec::new(),
        }
    }

    fn begin(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            Form::Object => write!(out, "{{\"command\":\"log\",\"commits\":["),
            Form::Lines => Ok(()),
            Form::Text => writeln!(
                out,
                "{:>10} {:<24} {:>10} {:>8}  KINDS",
                "POINT", "TIME", "TX", "RECORDS"
            ),
        }
    }

    fn show(
        &mut self,
        commit: &Commit,
        mut records: FoundRecords<'_, '_>,
        out: &mut dyn Write,
    ) -> Result<(), Ended> {
        if self.form == Form::Text {
            if self.segment.as_ref() != Some(&commit.segment) {
                writeln!(out, "{}", display::plain(&origin(commit)))?;
                self.segment = Some(commit.segment.clone());
            }
            writeln!(
                out,
                "{}",
                display::plain(&line(&name(self.chain, commit), commit))
            )?;
            self.for_each_record(&mut records, |seen| {
                let line = records::line(seen);
                Ok(writeln!(out, "{:>12}{}", "", display::plain(&line))?)
            })?;
        } else {
            let mut object = display::line(&object(commit));
            let is_first = self.shown == 0 || self.form == Form::Lines;
            let comma = if is_first { "" } else { "," };
            if self.asked.records {
                // Records are written one by one: there can be as many in one commit.
                object.pop();
            }
            write!(out, "{comma}{object}")?;
            if self.asked.records {
                write!(out, ",\"changes\":[")?;
                let mut comma = "";
                self.for_each_record(&mut records, |seen| {
                    write!(out, "{comma}{}", display::line(&records::object(seen)))?;
                    comma = ",";
                    Ok(())
                })?;
                write!(out, "]}}")?;
            }
            if self.form == Form::Lines {
                writeln!(out)?;
            }
        }
        self.shown += 1;
        Ok(())
    }

    /// The records of a commit that are sought.
    fn for_each_record(
        &self,
        records: &mut FoundRecords<'_, '_>,
        mut each: impl FnMut(&SeenRecord<'_>) -> Result<(), Ended>,
    ) -> Result<(), Ended> {
        if !self.asked.records {
            return Ok(());
        }
        records.for_each(|seen| {
            if self.asked.sought.wants(seen) {
                each(seen)?;
            }
            Ok(())
        })
    }

    fn end(&self, session: &Session<'_>, out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            Form::Text if self.shown == 0 => {
                let newest = self.chain.restorable().last().map(|range| {
                    let [_, newest] = segments::ends(self.chain, range);
                    format!(": the newest state is {newest}")
                });
                let newest = newest.unwrap_or_default();
                return writeln!(
                    out,
                    "No such commit{newest}; `apograph list` shows the points."
                );
            }
            Form::Text => return Ok(()),
            Form::Lines => {
                let shown = self.shown;
                write!(out, "{{\"command\":\"log\",\"commits\":{shown}")?;
            }
            Form::Object => write!(out, "]")?,
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
        write!(out, ",\"unreadable\":{unusable}")?;
        if let Some(traffic) = session.traffic() {
            write!(out, ",\"traffic\":{traffic}")?;
        }
        writeln!(out, ",\"warnings\":{warnings}}}")
    }

    /// Says which segments are left out. In JSON the object has said it.
    fn tell(&self, session: &Session<'_>) {
        for UnusableSegment { file, reason } in
            self.unusable.iter().filter(|_| self.form == Form::Text)
        {
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
    const fn needs_plain_commits(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.looks_into_records()
    }

    const fn looks_into_records(&self) -> bool {
        self.records || self.sought.is_given()
    }

    /// Whether not all commits are asked for.
    const fn selects(&self) -> bool {
        self.from.is_some()
            || self.to.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.limit.is_some()
            || self.sought.is_given()
    }

    fn wants(&self, commit: &Commit) -> bool {
        let from = self.from.is_none_or(|from| compare(commit, from).is_ge());
        let to = self.to.is_none_or(|to| compare(commit, to).is_le());
        from && to && self.is_in_time(commit)
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

/// Where a commit stands beside a point: of the further commits of an epoch the number tells, where
/// both have one.
fn compare(commit: &Commit, name: PointName) -> Ordering {
    let timeline = name.timeline.unwrap_or(commit.point.timeline);
    let further = commit.further.zip(name.further);
    let further = further.map_or(Ordering::Equal, |(own, named)| own.cmp(&named));
    commit
        .point
        .cmp(&Point::new(timeline, name.epoch))
        .then(further)
}

/// A commit as an object.
pub(crate) fn object(commit: &Commit) -> Value {
    let kinds: serde_json::Map<String, Value> = commit
        .kinds
        .iter()
        .map(|(kind, count)| (kind.to_string(), json!(count)))
        .collect();
    let is_plain = !commit.is_encrypted;
    let mut object = json!({
        "timeline": commit.is_counted.then_some(commit.point.timeline.get()),
        "epoch": is_plain.then_some(commit.point.epoch.get()),
        "point": commit.exact().map(|exact| exact.to_string()),
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

/// The state right after a commit, as `restore` takes it; where that is not known, the point that it
/// belongs to, with a `+` where it did not take the epoch.
fn name(chain: &Chain, commit: &Commit) -> String {
    let exact = commit.exact().map(|exact| chain.commit_name(exact));
    exact.map_or_else(
        || {
            let mark = if commit.own_epoch { "" } else { "+" };
            let point = display::point_name(commit.point, commit.is_counted);
            format!("{point}{mark}")
        },
        |name| name.to_string(),
    )
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

/// A commit on a line, with the name that it has.
pub(crate) fn line(name: &str, commit: &Commit) -> String {
    let kinds: Vec<String> = commit
        .kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let (point, records, kinds) = if commit.is_encrypted {
        // The only name that an encrypted commit has.
        let end = commit
            .end_lsn
            .map_or_else(|| "?".to_owned(), |lsn| format!("lsn {lsn}"));
        (end, "?".to_owned(), "encrypted".to_owned())
    } else {
        (
            name.to_owned(),
            commit.records.to_string(),
            kinds.join(", "),
        )
    };
    let time = commit.committed_at.and_then(display::rfc3339);
    let line = format!(
        "{point:>10} {:<24} {:>10} {records:>8}  {kinds}",
        time.as_deref().unwrap_or("-"),
        commit.transaction.to_string(),
    );
    line.trim_end().to_owned()
}
