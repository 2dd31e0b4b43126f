//! `apograph restore`

use std::fmt::Write;

use apograph_io::{Monitor, RealDisk};
use apograph_restore::{Options, Restored, restore};
use serde_json::{Value, json};

use super::args::Restore;
use super::failure::Failure;
use super::{Report, words};

pub(super) fn run(words: &Restore, monitor: &dyn Monitor) -> Result<Report, Failure> {
    let mut options = Options::to(words.target.target());
    options.dry_run = words.dry_run;
    let restored = restore(&RealDisk, &words.repo, &words.output, &options, monitor)?;
    let json = object(&restored, words.dry_run);
    Ok(Report::done(text(&restored, words.dry_run), json))
}

fn object(restored: &Restored, dry_run: bool) -> Value {
    let increments: Vec<&str> = restored
        .increments
        .iter()
        .map(|segment| segment.file.as_str())
        .collect();
    let mut object = json!({
        "command": "restore",
        "output": restored.output.display().to_string(),
        "timeline": restored.point.timeline.get(),
        "epoch": restored.point.epoch.get(),
        "full": restored.full.file.as_str(),
        "increments": increments,
        "commits": restored.commits,
        "bytes_read": restored.bytes_read,
        "bytes_written": restored.bytes_written,
        "statements_to_run": restored.statements_to_run,
    });
    if let Some((captured, next)) = restored.interval {
        object["interval"] = json!({
            "from": words::rfc3339(captured),
            "to": next.and_then(words::rfc3339),
        });
    }
    if dry_run {
        object["dry_run"] = json!(true);
    }
    object
}

fn text(restored: &Restored, dry_run: bool) -> String {
    let did = if dry_run { "Would restore" } else { "Restored" };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{did} {} at {}.",
        restored.output.display(),
        restored.point
    );
    let _ = writeln!(
        text,
        "  {} and {}: {}, {} read and checked, {} {}",
        restored.full.file,
        words::count(restored.increments.len() as u64, "increment"),
        words::count(restored.commits, "commit"),
        words::size(restored.bytes_read),
        words::size(restored.bytes_written),
        if dry_run { "to write" } else { "written" },
    );
    if let Some((captured, next)) = restored.interval {
        let until = next.map_or_else(
            || "there is no later backup".to_owned(),
            |next| format!("the next was taken at {}", words::time(next)),
        );
        let _ = writeln!(
            text,
            "  This state was captured at {}; {until}.",
            words::time(captured)
        );
    }
    if !restored.statements_to_run.is_empty() {
        let _ = writeln!(
            text,
            "The engine does not replay these from its log; run them yourself:"
        );
        for statement in &restored.statements_to_run {
            let _ = writeln!(text, "  {statement};");
        }
    }
    text
}
