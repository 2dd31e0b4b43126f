//! `apograph backup`

use std::fmt::Write;

use apograph_capture::{CaptureError, Captured, Kind, Options, capture};
use apograph_format::{Code, SegmentKind};
use apograph_io::exists;
use apograph_manifest::SegmentRecord;
use serde_json::{Value, json};

use crate::args::Backup;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, segments};

pub(crate) fn run(session: &Session<'_>, asked: &Backup) -> Result<Report, Failure> {
    let kind = match (asked.full, asked.incremental) {
        (true, _) => Kind::Full,
        (_, true) => Kind::Incremental,
        _ => Kind::Auto,
    };
    let existing = asked.existing;
    let options = Options { kind, existing };
    // What cannot be looked at is told by the backup.
    let folder = asked.repo.as_folder();
    let is_new = folder.is_some_and(|folder| !exists(folder).unwrap_or(true));
    let repo = asked.recipients.write(&asked.identity.open(&asked.repo)?)?;
    let captured = capture(&asked.database, repo, &options, session.context)
        .map_err(|error| explained(error, asked))?;
    let (text, mut object) = match captured {
        Captured::UpToDate { end_epoch } => (
            format!("Nothing new since epoch {end_epoch}.\n"),
            json!({"command": "backup", "outcome": "up-to-date", "end_epoch": end_epoch.get()}),
        ),
        Captured::Added { segments, why } => {
            let json = object(&segments, why.as_deref());
            (text(&segments, why.as_deref()), json)
        }
    };
    object["created"] = json!(is_new);
    let text = if is_new {
        format!(
            "Made {}, a repository.\n{text}",
            display::path(&asked.repo.path())
        )
    } else {
        text
    };
    Ok(Report::done(text, object))
}

/// What is missing, where a path leads nowhere.
fn explained(error: CaptureError, asked: &Backup) -> Failure {
    let missing = match &error {
        CaptureError::Io(error) if error.is_not_found() => error.path().to_owned(),
        _ => return error.into(),
    };
    if missing == asked.database {
        let message = format!("there is no database {}", missing.display());
        let failure = Failure::new(Code::Io, message).about(&missing);
        return failure.hinting("name the .grafeo file of the database, or its folder");
    }
    if Some(&*missing) == asked.repo.as_folder() {
        let parent = missing.parent().unwrap_or(&missing);
        let message = format!(
            "{} cannot be made: the folder {} does not exist",
            missing.display(),
            parent.display()
        );
        let failure = Failure::new(Code::Io, message).about(&missing);
        return failure.hinting("make that folder first, or mount what it is on");
    }
    error.into()
}

/// The segment that the command is about: the full backup, where one was taken.
fn main_segment(segments: &[SegmentRecord]) -> Option<&SegmentRecord> {
    let full = segments
        .iter()
        .find(|record| record.segment.kind == SegmentKind::Full);
    full.or(segments.first())
}

fn object(added: &[SegmentRecord], why: Option<&str>) -> Value {
    let json = |record: &SegmentRecord| segments::json(&record.segment, Some(&record.content));
    let main = main_segment(added);
    let mut object = json!({
        "command": "backup",
        "outcome": main.map(|record| record.segment.kind.to_string()),
        "segment": main.map(json),
    });
    if let Some(why) = why {
        object["why"] = json!(why);
        object["segments"] = added.iter().map(json).map(Value::Object).collect();
    }
    object
}

fn text(added: &[SegmentRecord], why: Option<&str>) -> String {
    let mut text = String::new();
    for record in added {
        let SegmentRecord {
            segment, content, ..
        } = record;
        let size = display::size(segment.size_bytes);
        let points = segments::points(Some(content), !record.is_uncounted);
        let what = match content {
            apograph_manifest::SegmentContent::Increment(increment) => {
                format!("increment, {}", display::count(increment.commits, "commit"))
            }
            apograph_manifest::SegmentContent::Full(_) => "full backup".to_owned(),
        };
        let _ = writeln!(text, "{}  {what}, {points}, {size}", segment.file);
    }
    if let Some(why) = why {
        let _ = writeln!(text, "Full because: {why}.");
    }
    text
}
