//! `apograph rebuild`

use std::fmt::Write;

use apograph_format::{SegmentKind, WithCauses};
use apograph_io::{Folder, IoError};
use apograph_manifest::Segment;
use apograph_repository::vault::{Skipped, VaultError};
use apograph_repository::{
    RepositoryError, VaultRebuild, Writer, plan_rebuild, plan_vault_rebuild,
};
use serde_json::{Value, json};

use crate::args::Rebuild;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::table::table;
use crate::{display, segments};

pub(crate) fn run(session: &Session<'_>, args: &Rebuild) -> Result<Report, Failure> {
    let path = args.repo.path();
    let location = args.recipients.write(&args.identity.open(&args.repo)?)?;
    if let Some(plan) = plan_vault_rebuild(&location, session.context).map_err(of_vault)? {
        return vault(args, &plan);
    }
    let folder = match Folder::find(&path) {
        Ok(None) | Err(IoError::NotAFolder { .. }) => {
            let detail = "there is no such folder".to_owned();
            return Err(RepositoryError::NotARepository { path, detail }.into());
        }
        Ok(Some(folder)) => folder,
        Err(error) => return Err(error.into()),
    };
    let context = session.context;
    let plan = if args.dry_run {
        plan_rebuild(&folder, context)?
    } else {
        let rebuilt = Writer::lock(&folder, context).and_then(|writer| writer.rebuild())?;
        folder.tell_lacks(context.monitor);
        rebuilt
    };
    let outcome = outcome(plan.unchanged, args);
    let skipped = plan.skipped.iter();
    let skipped = skipped.map(|(name, why)| (name.to_string(), WithCauses(why).to_string()));
    let skipped: Vec<_> = skipped.collect();
    Ok(Report::done(
        text(&plan.manifest.segments, &skipped, outcome),
        object(&plan.manifest.segments, &skipped, outcome, args.dry_run),
    ))
}

const fn outcome(is_unchanged: bool, args: &Rebuild) -> &'static str {
    match (is_unchanged, args.dry_run) {
        (true, _) => "unchanged",
        (false, true) => "would-write",
        (false, false) => "written",
    }
}

fn of_vault(error: RepositoryError) -> Failure {
    let is_for_whom = matches!(
        error,
        RepositoryError::Vault(VaultError::RecipientsLost { .. })
    );
    let failure = Failure::from(error);
    if is_for_whom {
        failure.hinting("say for whom, with `--recipient` or `--recipients-file`")
    } else {
        failure
    }
}

/// The catalog of a vault.
fn vault(args: &Rebuild, plan: &VaultRebuild<'_>) -> Result<Report, Failure> {
    if !plan.is_unchanged() && !args.dry_run {
        plan.write()?;
    }
    let outcome = outcome(plan.is_unchanged(), args);
    let (catalog, chain) = (&plan.catalog, plan.chain());
    let entries = chain.entries().iter();
    let rows: Vec<&Segment> = entries.map(|entry| &entry.segment).collect();
    let detail = |why: &Skipped| WithCauses(why).to_string();
    let skipped: Vec<(String, String)> = catalog
        .skipped
        .iter()
        .map(|(name, why)| (name.to_string(), detail(why)))
        .collect();
    let lost: Vec<(u64, String)> = catalog
        .lost
        .iter()
        .map(|(number, why)| (*number, WithCauses(why).to_string()))
        .collect();
    let recipients = &catalog.settings.recipients;
    let mut text = table(["FILE", "KIND", "EPOCHS", ">SIZE"], || {
        rows.iter().map(|segment| row(segment))
    });
    for (_, why) in &lost {
        let _ = writeln!(text, "lost: {why}");
    }
    if plan.needs_head {
        text.push_str("lost: what says that it is a vault; it gets a new id\n");
    }
    tell_skipped(&mut text, &skipped);
    let _ = writeln!(text, "Restorable: {}", segments::restorable(&chain));
    for gap in chain.gaps() {
        let _ = writeln!(text, "{}", segments::gap(&gap));
    }
    if let Some(before) = plan.lost_before() {
        let _ = writeln!(
            text,
            "Before the first there was {before}, which is not there any more."
        );
    }
    for key in recipients {
        let _ = writeln!(text, "New segments are encrypted for {key}.");
    }
    let segments = display::count(rows.len() as u64, "segment");
    let _ = match outcome {
        "written" => writeln!(text, "Wrote a catalog of {segments}."),
        "unchanged" => writeln!(text, "The catalog is right: {segments}."),
        _ => writeln!(text, "Would write a catalog of {segments}."),
    };
    let mut object = object(rows, &skipped, outcome, args.dry_run);
    let lost = lost.iter();
    let lost = lost.map(|(version, detail)| json!({"version": version, "detail": detail}));
    object["lost_versions"] = lost.collect();
    object["recipients"] = json!(recipients);
    Ok(Report::done(text, object))
}

fn object<'a>(
    rows: impl IntoIterator<Item = &'a Segment>,
    skipped: &[(String, String)],
    outcome: &str,
    dry_run: bool,
) -> Value {
    let rows = rows.into_iter();
    let rows = rows.map(|segment| Value::Object(segments::json(segment, None)));
    let skipped = skipped.iter();
    let skipped = skipped.map(|(file, detail)| json!({"file": file, "detail": detail}));
    json!({
        "command": "rebuild",
        "outcome": outcome,
        "dry_run": dry_run,
        "segments": rows.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
    })
}

fn row(segment: &Segment) -> [String; 4] {
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
}

fn tell_skipped(text: &mut String, skipped: &[(String, String)]) {
    for (name, why) in skipped {
        let _ = writeln!(text, "{name}  left out: {why}");
    }
}

fn text(rows: &[Segment], skipped: &[(String, String)], outcome: &str) -> String {
    let mut text = table(["FILE", "KIND", "EPOCHS", ">SIZE"], || rows.iter().map(row));
    tell_skipped(&mut text, skipped);
    let segments = display::count(rows.len() as u64, "segment");
    let _ = match outcome {
        "written" => writeln!(text, "Wrote a manifest of {segments}."),
        "unchanged" => writeln!(text, "The manifest is right: {segments}."),
        _ => writeln!(text, "Would write a manifest of {segments}."),
    };
    text
}
