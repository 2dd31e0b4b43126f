//! What `follow` tells: a line for each thing that changes, for a person on standard error, or for a
//! program on standard output.

use std::io::Write;

use apograph_io::Clock;
use apograph_operate::{Follow, FollowEvent, FollowFigures};
use serde_json::{Map, Value, json};

use crate::display;
use crate::failure::Failure;

/// Something that is told.
pub(crate) enum Told<'t> {
    /// What the follower tells.
    Event(&'t FollowEvent),
    /// What a person should read.
    Warning(&'t str),
    /// It has ended; where not all was captured, for this reason.
    Ended(&'t FollowFigures, Option<&'t Failure>),
}

/// Who tells it.
pub(crate) struct Teller<'a> {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) clock: &'a dyn Clock,
}

impl Teller<'_> {
    pub(crate) fn tell(&self, follow: &Follow, told: &Told<'_>) {
        let now = display::instant(self.clock.now());
        // Who does not read is no reason to stop.
        if self.json {
            let line = object(follow, told, &now).map(|it| display::line(&it));
            if let Some(line) = line {
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
        } else if let Some((text, is_bad)) = text(follow, told)
            && (is_bad || !self.quiet)
        {
            let database = display::path(&follow.database);
            let text = display::plain(&text);
            let _ = writeln!(anstream::stderr().lock(), "{now} {database}: {text}");
        }
    }
}

/// The line for a person, and whether something is wrong.
fn text(follow: &Follow, told: &Told<'_>) -> Option<(String, bool)> {
    Some(match told {
        Told::Warning(text) => (format!("warning: {text}"), true),
        Told::Ended(_, Some(failure)) => {
            let text = format!(
                "ended, and not all of it was captured: {}",
                failure.message()
            );
            (text, true)
        }
        Told::Ended(figures, None) => {
            let point = figures.point.map(|point| format!(", at {point}"));
            let lag = figures.lag_max.map(|lag| {
                let seconds = lag.as_secs_f64();
                format!("; no commit waited longer than {seconds:.1} s")
            });
            let (point, lag) = (point.unwrap_or_default(), lag.unwrap_or_default());
            (
                format!("ended, and all of it was captured{point}{lag}"),
                false,
            )
        }
        Told::Event(FollowEvent::Ready { newest }) => {
            let repository = follow.repository.to_string();
            let at = match newest {
                Some(point) => format!("which is at {point}"),
                None => "which has no point yet".to_owned(),
            };
            (format!("followed into {repository}, {at}"), false)
        }
        Told::Event(FollowEvent::Full { segment, why }) => {
            (format!("took a full backup, {segment}: {why}"), false)
        }
        Told::Event(FollowEvent::Pruned { segments, bytes }) => {
            let (segments, size) = (display::count(*segments, "segment"), display::size(*bytes));
            (
                format!("removed {segments} that no rule keeps, {size}"),
                false,
            )
        }
        Told::Event(FollowEvent::Failed {
            step,
            code,
            message,
        }) => {
            let what = step.name();
            (
                format!("{what} fails, {code}: {message}; it is tried again"),
                true,
            )
        }
        Told::Event(FollowEvent::Recovered {
            step,
            code,
            failures,
            lasted,
        }) => {
            let (what, times) = (step.name(), display::count(*failures, "time"));
            let seconds = lasted.as_secs();
            let text = format!("{what} works again: {code} came {times} in {seconds} s");
            (text, true)
        }
        Told::Event(_) => return None,
    })
}

/// The object for a program.
fn object(follow: &Follow, told: &Told<'_>, now: &str) -> Option<Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value| drop(object.insert(key.to_owned(), value));
    put("command", json!("follow"));
    put("at", json!(now));
    match told {
        Told::Warning(text) => {
            put("event", json!("warning"));
            put("message", json!(text));
        }
        Told::Ended(figures, failure) => {
            put("event", json!("ended"));
            put("captured", json!(failure.is_none()));
            put("code", json!(failure.map(|it| it.code().as_str())));
            put("message", json!(failure.map(Failure::message)));
            put("point", json!(figures.point.map(|it| it.to_string())));
            put("captures", json!(figures.captures));
            let lag = figures.lag_max.map(|it| it.as_millis());
            put("lag_max_ms", json!(lag));
        }
        Told::Event(FollowEvent::Ready { newest }) => {
            put("event", json!("ready"));
            put("point", json!(newest.map(|it| it.to_string())));
        }
        Told::Event(FollowEvent::Full { segment, why }) => {
            put("event", json!("full"));
            put("segment", json!(segment.as_str()));
            put("why", json!(why));
        }
        Told::Event(FollowEvent::Pruned { segments, bytes }) => {
            put("event", json!("pruned"));
            put("segments", json!(segments));
            put("stored_bytes", json!(bytes));
        }
        Told::Event(FollowEvent::Failed {
            step,
            code,
            message,
        }) => {
            put("event", json!("failed"));
            put("message", json!(message));
            put("step", json!(step.name()));
            put("code", json!(code.as_str()));
        }
        Told::Event(FollowEvent::Recovered {
            step,
            code,
            failures,
            lasted,
        }) => {
            put("event", json!("recovered"));
            put("step", json!(step.name()));
            put("code", json!(code.as_str()));
            put("failures", json!(failures));
            put("lasted_seconds", json!(lasted.as_secs()));
        }
        Told::Event(_) => return None,
    }
    display::put_path(&mut object, "database", &follow.database);
    display::put_path(&mut object, "repository", &follow.repository.path());
    Some(Value::Object(object))
}
