//! `apograph restore`

use std::fmt::Write;

use apograph_format::{Generation, PointName, Timeline, UnixMillis};
use apograph_restore::{Options, Restored, restore};
use serde_json::{Map, Value, json};

use crate::args::Restore;
use crate::display;
use crate::failure::Failure;
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, args: &Restore) -> Result<Report, Failure> {
    let repo = args.way.identity.open(&args.way.repo)?;
    let mut options = Options::to(args.target.find(&repo, session.context)?);
    options.dry_run = args.dry_run;
    let restored = restore(repo, &args.way.output, &options, session.context)?;
    let json = object(&restored, args.dry_run);
    Ok(Report::done(text(&restored, args.dry_run), json))
}

pub(crate) fn object(restored: &Restored, dry_run: bool) -> Value {
    let increments: Vec<&str> = restored
        .increments
        .iter()
        .map(|segment| segment.file.as_str())
        .collect();
    let mut object = Map::new();
    object.insert("command".to_owned(), json!("restore"));
    display::put_path(&mut object, "output", &restored.output);
    let mut object = Value::Object(object);
    let rest = json!({
        "timeline": restored.timeline.map(Timeline::get),
        "epoch": restored.point.map(|point| point.epoch.get()),
        "point": name(restored).map(|name| name.to_string()),
        "full": restored.full.file.as_str(),
        "increments": increments,
        "commits": restored.commits,
        "bytes_read": restored.bytes_read,
        "bytes_written": restored.bytes_written,
        "statements_to_run": restored.statements_to_run,
        "generation": restored.generation().number(),
    });
    if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
        object.extend(rest);
    }
    if let Some(lsn) = restored.lsn {
        object["lsn"] = json!(lsn.get());
    }
    if let Some((captured, next)) = restored.interval {
        object["interval"] = json!({
            "from": display::rfc3339(captured),
            "to": next.and_then(display::rfc3339),
        });
    }
    if let Some(owner) = restored.owner {
        object["owner"] = json!({"user": owner.user(), "group": owner.group()});
    }
    if dry_run {
        object["dry_run"] = json!(true);
        object["bytes_free"] = json!(restored.bytes_free);
    }
    object
}

/// The name that the state keeps, as far as it is known.
fn name(restored: &Restored) -> Option<PointName> {
    let exact = restored.exact.map(PointName::from);
    exact.or(restored.point.map(PointName::from))
}

/// The state that a restored database is at, in words.
pub(crate) fn at(restored: &Restored) -> String {
    match (name(restored), restored.lsn) {
        (Some(name), _) => name.to_string(),
        (None, Some(lsn)) => format!("LSN {lsn}"),
        (None, None) => "its last commit".to_owned(),
    }
}

fn text(restored: &Restored, dry_run: bool) -> String {
    let did = if dry_run { "Would restore" } else { "Restored" };
    let mut text = String::new();
    let at = at(restored);
    let _ = writeln!(text, "{did} {} at {at}.", display::path(&restored.output));
    let _ = writeln!(
        text,
        "  {} and {}: {}, {} read and checked, {} {}",
        restored.full.file,
        display::count(restored.increments.len() as u64, "increment"),
        display::count(restored.commits, "commit"),
        display::size(restored.bytes_read),
        display::size(restored.bytes_written),
        if dry_run { "to write" } else { "written" },
    );
    if let Some(free) = restored.bytes_free {
        let _ = writeln!(text, "  {} are free there.", display::size(free));
    }
    if let Some((from, to)) = restored.interval {
        let _ = writeln!(text, "  {}", interval(restored, from, to));
    }
    let opens = match restored.generation() {
        Generation::One => {
            "Grafeo 0.5 opens it, and 0.6 migrates it; no later one reads it, so go on by 0.6"
        }
        Generation::Two => "Grafeo 0.6 opens it",
    };
    let _ = writeln!(text, "  {opens}.");
    if let Some(owner) = restored.owner {
        let _ = writeln!(
            text,
            "  It belongs to user {} and group {}, as the folder it is in does.",
            owner.user(),
            owner.group(),
        );
    }
    if !restored.statements_to_run.is_empty() {
        let _ = writeln!(
            text,
            "The engine does not replay these from its log; run them yourself:"
        );
        for statement in &restored.statements_to_run {
            let _ = writeln!(text, "  {};", display::plain(statement));
        }
    }
    text
}

/// Generation 2 knows when commits were written, generation 1 only when they were captured.
fn interval(restored: &Restored, from: UnixMillis, to: Option<UnixMillis>) -> String {
    let from = display::instant(from);
    let to = to.map(display::instant);
    match (restored.lsn, to) {
        (Some(_), Some(to)) => format!("This state was committed at {from}, the next at {to}."),
        (Some(_), None) => {
            format!("This state was committed at {from}; no later commit was captured.")
        }
        (None, Some(to)) => {
            format!("This state was captured at {from}; the next was taken at {to}.")
        }
        (None, None) => format!("This state was captured at {from}; there is no later backup."),
    }
}
