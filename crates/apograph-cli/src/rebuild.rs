//! `apograph rebuild`

use std::fmt::Write;

use apograph_format::{SegmentKind, WithCauses};
use apograph_io::{Folder, IoError};
use apograph_manifest::Segment;
use apograph_repository::{Rebuild as Plan, RepositoryError, Writer, plan_rebuild};
use serde_json::{Value, json};

use crate::args::Rebuild;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::table::table;
use crate::{display, segments};

pub(crate) fn run(session: &Session<'_>, args: &Rebuild) -> Result<Report, Failure> {
    let path = args.repo.path();
    let Some(folder) = args.repo.as_folder() else {
        return Err(of_vault(RepositoryError::IsVault { path }));
    };
    let folder = match Folder::find(folder) {
        Ok(None) | Err(IoError::NotAFolder { .. }) => {
            let detail = "there is no such folder".to_owned();
            return Err(RepositoryError::NotARepository { path, detail }.into());
        }
        Ok(Some(folder)) => folder,
        Err(error) => return Err(error.into()),
    };
    let context = session.context;
    let plan = if args.dry_run {
        plan_rebuild(&folder, context).map_err(of_vault)?
    } else {
        let rebuilt = Writer::lock(&folder, context)
            .and_then(|writer| writer.rebuild())
            .map_err(of_vault)?;
        folder.tell_lacks(context.monitor);
        rebuilt
    };
    let outcome = match (plan.unchanged, args.dry_run) {
        (true, _) => "unchanged",
        (false, true) => "would-write",
        (false, false) => "written",
    };
    Ok(Report::done(
        text(&plan, outcome),
        object(&plan, outcome, args.dry_run),
    ))
}

/// A vault has no manifest.
fn of_vault(error: RepositoryError) -> Failure {
    let is_vault = matches!(error, RepositoryError::IsVault { .. });
    let failure = Failure::from(error);
    if is_vault {
        failure.hinting(
            "a manifest is of a folder; the catalog of a vault cannot be made anew yet: put its lost \
             versions back, from a copy or by the versioning of the store",
        )
    } else {
        failure
    }
}

fn object(plan: &Plan, outcome: &str, dry_run: bool) -> Value {
    let segments: Vec<Value> = plan
        .manifest
        .segments
        .iter()
        .map(|segment| Value::Object(segments::json(segment, None)))
        .collect();
    let skipped: Vec<Value> = plan
        .skipped
        .iter()
        .map(|(name, reason)| {
            let detail = WithCauses(reason).to_string();
            json!({"file": name.to_string(), "detail": detail})
        })
        .collect();
    json!({
        "command": "rebuild",
        "outcome": outcome,
        "dry_run": dry_run,
        "segments": segments,
        "skipped": skipped,
    })
}

fn text(plan: &Plan, outcome: &str) -> String {
    let row = |segment: &Segment| {
        let epochs = match segment.kind {
            SegmentKind::Full => format!("at epoch {}", segment.end_epoch),
            SegmentKind::Incremental => display::epochs(segment.start_epoch, segment.end_epoch),
        };
        [
            segment.file.to_string(),
            segment.kind.to_string(),
            epochs,
            display::size(segment.size_bytes),
        ]
    };
    let mut text = table(["FILE", "KIND", "EPOCHS", ">SIZE"], || {
        plan.manifest.segments.iter().map(row)
    });
    for (name, reason) in &plan.skipped {
        let _ = writeln!(text, "{name}  left out: {}", WithCauses(reason));
    }
    let segments = display::count(plan.manifest.segments.len() as u64, "segment");
    let _ = match outcome {
        "written" => writeln!(text, "Wrote a manifest of {segments}."),
        "unchanged" => writeln!(text, "The manifest is right: {segments}."),
        _ => writeln!(text, "Would write a manifest of {segments}."),
    };
    text
}
