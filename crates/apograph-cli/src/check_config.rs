//! `apograph check-config`

use std::fmt::Write;

use apograph_operate::{FollowEvent, Follower};
use serde_json::{Map, Value, json};

use crate::args::CheckConfig;
use crate::configuration::{Configuration, Configured};
use crate::display;
use crate::failure::Failure;
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, asked: &CheckConfig) -> Result<Report, Failure> {
    let configuration = Configuration::read(&asked.file)?;
    let (mut text, mut objects, mut exit) = (String::new(), Vec::new(), 0);
    for configured in &configuration.databases {
        let checked = Checked::of(configured, session);
        if let Some(failure) = checked.failure.as_ref().filter(|_| exit == 0) {
            exit = failure.exit();
        }
        text.push_str(&checked.text(configured));
        objects.push(checked.object(configured));
    }
    if let Some(file) = &configuration.metrics_file {
        let _ = writeln!(text, "The figures go to {}.", display::path(file));
    }
    let mut object = Map::new();
    let mut put = |key: &str, value| drop(object.insert(key.to_owned(), value));
    put("command", json!("check-config"));
    put("ok", json!(exit == 0));
    put("databases", json!(objects));
    match &configuration.metrics_file {
        Some(file) => display::put_path(&mut object, "metrics_file", file),
        None => put("metrics_file", Value::Null),
    }
    Ok(Report {
        exit,
        ..Report::answer(text, Value::Object(object))
    })
}

/// What came of opening a database and its repository.
struct Checked {
    every: Option<u64>,
    point: Option<String>,
    failure: Option<Failure>,
}

impl Checked {
    fn of(configured: &Configured, session: &Session<'_>) -> Self {
        let mut follower = Follower::new(configured.follow.clone(), session.context);
        let mut point = None;
        let opened = follower.open(&mut |event| {
            if let FollowEvent::Ready { newest } = event {
                point = newest.map(|newest| newest.to_string());
            }
        });
        Self {
            every: follower.every().map(|every| every.as_secs()),
            point,
            failure: opened.err().map(Failure::from),
        }
    }

    fn text(&self, configured: &Configured) -> String {
        let follow = &configured.follow;
        let mut text = format!(
            "{} into {}\n",
            display::path(&follow.database),
            display::path(&follow.repository.path())
        );
        if let Some(every) = self.every {
            let full = follow.full_every.map(|every| every.as_secs());
            let point = self.point.as_deref().unwrap_or("nothing yet");
            let _ = writeln!(
                text,
                "  every {every} s, a full backup every {} s; it has {point}",
                full.unwrap_or_default()
            );
        }
        if let Some(failure) = &self.failure {
            let _ = write!(
                text,
                "  {}",
                failure.text().replace("\n  hint", "\n    hint")
            );
        }
        text
    }

    fn object(&self, configured: &Configured) -> Value {
        let follow = &configured.follow;
        let mut object = Map::new();
        display::put_path(&mut object, "database", &follow.database);
        display::put_path(&mut object, "repository", &follow.repository.path());
        let mut put = |key: &str, value| drop(object.insert(key.to_owned(), value));
        let full = follow.full_every.map(|every| every.as_secs());
        put("every_seconds", json!(self.every));
        put("full_every_seconds", json!(full));
        put("point", json!(self.point));
        let failure = self.failure.as_ref();
        put("code", json!(failure.map(|it| it.code().as_str())));
        put("message", json!(failure.map(Failure::message)));
        Value::Object(object)
    }
}
