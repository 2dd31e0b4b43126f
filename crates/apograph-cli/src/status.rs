//! `apograph status`

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use apograph_capture::{PendingOf, pending};
use apograph_format::UnixMillis;
use apograph_manifest::{DrillNote, LsnRange, PointRange};
use apograph_operate::{Exposition, Limits, Status, Violation};
use apograph_repository::{Location, Repository};
use serde_json::{Value, json};

use crate::args::StatusOf;
use crate::configuration::{Configuration, Configured};
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, segments};

/// The exit status where a limit is passed.
const PASSED: u8 = 10;

pub(crate) fn run(session: &Session<'_>, args: &StatusOf) -> Result<Report, Failure> {
    let Some(file) = &args.config else {
        let limits = Limits {
            lag: args.max_lag,
            age: args.max_age,
            unverified: args.max_unverified,
        };
        let repo = args
            .repo
            .as_ref()
            .ok_or_else(|| Failure::usage("a repository is needed"))?;
        let found = Found::of(repo, args.db.as_deref(), limits, session)?;
        let text = if args.prometheus {
            let mut metrics = Exposition::default();
            found.expose(repo, &mut metrics);
            metrics.text()
        } else {
            found.text()
        };
        return Ok(Report {
            exit: found.exit(),
            ..Report::answer(text, found.object())
        });
    };
    let configuration = Configuration::read(file)?;
    Ok(of_all(session, args, &configuration))
}

/// How each repository of a configuration stands. What cannot be looked at does not hide the others.
fn of_all(session: &Session<'_>, args: &StatusOf, configuration: &Configuration) -> Report {
    let (mut text, mut objects, mut exit) = (String::new(), Vec::new(), 0);
    let mut metrics = Exposition::default();
    for Configured { follow, limits, .. } in &configuration.databases {
        let (database, repository) = (&follow.database, &follow.repository);
        let found = Found::of(repository, Some(database), *limits, session);
        let mut object = match &found {
            Ok(found) => found.object(),
            Err(failure) => failure.json(),
        };
        if let Some(object) = object.as_object_mut() {
            display::put_path(object, "database", database);
            display::put_path(object, "repository", &repository.path());
        }
        objects.push(object);
        let (from, to) = (display::path(database), display::path(&repository.path()));
        let _ = writeln!(text, "{from} into {to}");
        let (told, status) = match &found {
            Ok(found) => {
                found.expose(repository, &mut metrics);
                (found.text(), found.exit())
            }
            Err(failure) => (failure.text(), failure.exit()),
        };
        let _ = writeln!(text, "{told}");
        // An error is worse than a limit that is passed.
        exit = match (exit, status) {
            (0 | PASSED, status) if status != 0 => status,
            (exit, _) => exit,
        };
    }
    if args.prometheus {
        text = metrics.text();
    }
    let object = json!({"command": "status", "ok": exit == 0, "databases": objects});
    Report {
        exit,
        ..Report::answer(text, object)
    }
}

/// A status, and what passes its limits.
struct Found {
    status: Status,
    repository: Repository,
    limits: Limits,
    violations: Vec<Violation>,
}

impl Found {
    fn of(
        location: &Location,
        database: Option<&Path>,
        limits: Limits,
        session: &Session<'_>,
    ) -> Result<Self, Failure> {
        let context = session.context;
        let repository = Repository::open(location, context)?;
        let pending = database.map(|db| pending(db, &repository, context));
        let pending = pending.transpose()?;
        let repository = repository.without_damaged();
        let status = Status::of(&repository, pending, context)?;
        let violations = status.violations(&limits);
        Ok(Self {
            status,
            repository,
            limits,
            violations,
        })
    }

    fn exit(&self) -> u8 {
        if self.violations.is_empty() {
            0
        } else {
            PASSED
        }
    }

    fn object(&self) -> Value {
        object(&self.status, &self.violations)
    }

    fn text(&self) -> String {
        text(&self.status, &self.repository, &self.violations)
    }

    fn expose(&self, location: &Location, metrics: &mut Exposition) {
        let address = location.path();
        metrics.about(&[("repository", &address.to_string_lossy())]);
        self.status.expose(metrics, &self.limits);
    }
}

fn object(status: &Status, violations: &[Violation]) -> Value {
    let time = |time: Option<UnixMillis>| time.and_then(display::rfc3339);
    let seconds = |duration: Option<Duration>| duration.map(|it| it.as_secs());
    let newest = status.newest.map(|newest| {
        json!({
            "point": newest.name.map(|name| name.to_string()),
            "committed_at": time(newest.committed_at),
            "captured_at": time(Some(newest.captured_at)),
        })
    });
    let pending = status.pending.as_ref().map(|pending| {
        let (commits, bytes, since, why) = match &pending.of {
            PendingOf::Nothing => (Some(0), Some(0), None, None),
            PendingOf::Commits {
                commits,
                bytes,
                since,
            } => (Some(*commits), Some(*bytes), *since, None),
            PendingOf::Unknown { why } => (None, None, None, Some(why)),
        };
        json!({
            "commits": commits,
            "bytes": bytes,
            "since": time(since),
            "why_unknown": why,
            "log_bytes": pending.log_bytes,
        })
    });
    let range = |range: &PointRange| {
        json!({
            "timeline": range.timeline.get(),
            "from": range.from.get(),
            "to": range.to.get(),
        })
    };
    let lsns = |range: &LsnRange| json!({"from": range.from.get(), "to": range.to.get()});
    let drill = |drill: &DrillNote| {
        json!({
            "at": time(Some(drill.at)),
            "point": drill.point.map(|point| point.to_string()),
            "restored_in_ms": drill.restored_in,
            "failure": drill.failure,
        })
    };
    let alerts = violations
        .iter()
        .map(|it| json!({"alert": it.name(), "detail": it.to_string()}));
    json!({
        "command": "status",
        "ok": violations.is_empty(),
        "alerts": alerts.collect::<Vec<_>>(),
        "newest": newest,
        "captured_until": time(status.captured_until),
        "lag_seconds": seconds(status.lag()),
        "pending": pending,
        "restorable": status.restorable.iter().map(range).collect::<Vec<_>>(),
        "restorable_lsns": status.restorable_lsns.iter().map(lsns).collect::<Vec<_>>(),
        "missing": status.missing,
        "branches": status.branches,
        "last_full": time(status.last_full),
        "last_verified": time(status.last_verified),
        "unverified_since": time(status.unverified_since),
        "damaged": status.damaged,
        "last_drill": status.drilled.as_ref().map(drill),
        "fulls": status.totals.fulls,
        "increments": status.totals.increments,
        "bytes": status.totals.bytes,
        "stored_bytes": status.totals.stored_bytes,
        "growth_bytes_a_day": status.growth_bytes_a_day,
        "restore_bytes": status.restore_bytes,
        "free_bytes": status.free_bytes,
    })
}

fn text(status: &Status, repository: &Repository, violations: &[Violation]) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "{what:<16}{value}");
    };
    let time = |time: Option<UnixMillis>| time.map_or_else(|| "never".to_owned(), display::time);
    if let Some(newest) = status.newest {
        let point = newest.name.map(|name| format!("{name}, "));
        let made = newest
            .committed_at
            .map(|at| format!("committed {}, ", display::time(at)));
        line(
            "Newest commit",
            format!(
                "{}{}captured {}",
                point.unwrap_or_default(),
                made.unwrap_or_default(),
                display::time(newest.captured_at)
            ),
        );
    }
    line("Captured until", time(status.captured_until));
    if let Some(pending) = &status.pending {
        line(
            "In no backup",
            match &pending.of {
                PendingOf::Nothing => "nothing".to_owned(),
                PendingOf::Commits { commits, bytes, .. } => format!(
                    "{}, {}",
                    display::count(*commits, "commit"),
                    display::size(*bytes)
                ),
                PendingOf::Unknown { why } => format!("not known: {}", display::plain(why)),
            },
        );
        line("Log", display::size(pending.log_bytes));
    }
    line("Restorable", segments::restorable(repository.chain()));
    if status.missing > 0 || status.branches > 0 {
        let missing = display::count(status.missing, "gap");
        let branches = match status.branches {
            1 => "1 branch".to_owned(),
            count => format!("{count} branches"),
        };
        line(
            "History",
            format!("{missing}, {branches}; see `apograph list`"),
        );
    }
    line("Last full", time(status.last_full));
    line("Last verified", time(status.last_verified));
    if status.last_verified.is_some() {
        line("Verified up to", time(status.unverified_since));
    }
    if let Some(drill) = &status.drilled {
        let point = drill.point.map(|point| format!(", {point}"));
        let found = match &drill.failure {
            None => "proven".to_owned(),
            Some(failure) => format!("not proven: {}", display::plain(failure)),
        };
        let at = display::time(drill.at);
        line(
            "Last drill",
            format!("{at}{}, {found}", point.unwrap_or_default()),
        );
    }
    let totals = status.totals;
    let stored = match totals.stored_bytes {
        stored if stored == totals.bytes => String::new(),
        stored => format!(", stored in {}", display::size(stored)),
    };
    line(
        "Size",
        format!(
            "{} in {} and {}{stored}; {} a day",
            display::size(totals.bytes),
            display::count(totals.fulls, "full backup"),
            display::count(totals.increments, "increment"),
            display::size(status.growth_bytes_a_day)
        ),
    );
    if let Some(bytes) = status.restore_bytes {
        line("A restore reads", display::size(bytes));
    }
    if let Some(bytes) = status.free_bytes {
        line("Free", display::size(bytes));
    }
    for violation in violations {
        let _ = writeln!(text, "Alert: {violation}.");
    }
    text
}
