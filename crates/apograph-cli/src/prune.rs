//! `apograph prune`

use std::fmt::Write;

use apograph_format::WithCauses;
use apograph_manifest::{FileName, LsnRange, PointRange};
use apograph_operate::{
    PlannedSegment, Prune, PruneError, PrunePlan, Pruned, RetentionError, Undone, undo_prune,
};
use apograph_repository::{Removal, Repository};
use serde_json::{Map, Value, json};

use crate::args::PruneOf;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::table::table;
use crate::{display, segments};

pub(crate) fn run(session: &Session<'_>, args: &PruneOf) -> Result<Report, Failure> {
    if args.act.undo {
        return undo(session, args);
    }
    let prune = Prune {
        policy: args.keep.policy(),
        grace: args.grace,
        allow_stale: args.allow_stale,
    };
    let (plan, removal) = if args.act.apply {
        let Pruned { plan, removal } = prune.apply(&args.repo, session.context)?;
        (plan, Some(removal))
    } else {
        let repository = Repository::open(&args.repo, session.context)?;
        let plan = prune.plan(&repository).map_err(PruneError::from)?;
        let now = session.context.clock.now();
        if let Err(error) = prune.check_clock(&repository, now) {
            let monitor = session.context.monitor;
            monitor.warn(&format!("{error}: `--apply` needs `--allow-stale` too"));
        }
        (plan, None)
    };
    let text = text(&plan, removal.as_ref(), &display::path(&args.repo.path()));
    let json = object(&plan, removal.as_ref());
    Ok(match removal {
        Some(_) => Report::done(text, json),
        None => Report::answer(text, json),
    })
}

fn undo(session: &Session<'_>, args: &PruneOf) -> Result<Report, Failure> {
    let Undone {
        segments,
        is_some_gone,
    } = undo_prune(&args.repo, session.context)?;
    let mut text = match segments.len() as u64 {
        0 => "Nothing was pruned.\n".to_owned(),
        count => format!("Brought back {}.\n", display::count(count, "segment")),
    };
    if is_some_gone {
        text.push_str("What was pruned before that is deleted: `apograph list` has the gaps.\n");
    }
    let names: Vec<_> = segments.iter().map(FileName::as_str).collect();
    let json = json!({"command": "prune", "brought_back": names, "is_some_gone": is_some_gone});
    Ok(Report::done(text, json))
}

fn bytes<'a>(segments: impl Iterator<Item = &'a PlannedSegment>) -> u64 {
    segments.map(|segment| segment.stored_bytes).sum()
}

fn object(plan: &PrunePlan, removal: Option<&Removal>) -> Value {
    let segments = plan.segments.iter().map(|segment| {
        let rules = segment.rules.iter().map(ToString::to_string);
        json!({
            "file": segment.file.as_str(),
            "kind": segment.kind.to_string(),
            "created_at": display::rfc3339(segment.created_at),
            "stored_bytes": segment.stored_bytes,
            "kept_by": rules.collect::<Vec<_>>(),
        })
    });
    let points = |ranges: &[PointRange]| {
        let ranges = ranges.iter().map(ToString::to_string);
        ranges.collect::<Vec<_>>()
    };
    let lsns = |ranges: &[LsnRange]| {
        let ranges = ranges
            .iter()
            .map(|it| json!({"from": it.from.get(), "to": it.to.get()}));
        ranges.collect::<Vec<_>>()
    };
    let mut object = Map::new();
    let mut put = |key: &str, value| object.insert(key.to_owned(), value);
    put("command", json!("prune"));
    put("applied", json!(removal.is_some()));
    put("segments", segments.collect());
    put("removed", json!(plan.removed().count()));
    put("removed_bytes", json!(bytes(plan.removed())));
    put("kept", json!(plan.kept().count()));
    put("kept_bytes", json!(bytes(plan.kept())));
    let [before, after] = &plan.restorable;
    put("restorable_before", json!(points(before)));
    put("restorable_after", json!(points(after)));
    let [before, after] = &plan.restorable_lsns;
    put("restorable_lsns_before", json!(lsns(before)));
    put("restorable_lsns_after", json!(lsns(after)));
    let until = removal.and_then(|removal| display::rfc3339(removal.until));
    put("undo_until", json!(until));
    put("deleted", json!(removal.map(|it| it.deleted)));
    put("deleted_bytes", json!(removal.map(|it| it.deleted_bytes)));
    Value::Object(object)
}

fn text(plan: &PrunePlan, removal: Option<&Removal>, path: &str) -> String {
    let mut text = String::new();
    if removal.is_none() {
        text = table(["SEGMENT", "CAPTURED", ">SIZE", "STAYS AS"], || {
            plan.segments.iter().map(|segment| {
                let rules = segment.rules.iter().map(ToString::to_string);
                let rules = rules.collect::<Vec<_>>().join(", ");
                [
                    segments::short_name(&segment.file).to_owned(),
                    display::time(segment.created_at),
                    display::size(segment.stored_bytes),
                    if rules.is_empty() {
                        "- goes".to_owned()
                    } else {
                        rules
                    },
                ]
            })
        });
        text.push('\n');
    }
    let removed = plan.removed().count() as u64;
    let kept = plan.kept().count() as u64;
    let (gone, stay) = (bytes(plan.removed()), bytes(plan.kept()));
    let _ = writeln!(
        text,
        "{}: {} ({}). {}: {} ({}).",
        if removal.is_some() { "Pruned" } else { "Goes" },
        display::count(removed, "segment"),
        display::size(gone),
        if removal.is_some() { "Left" } else { "Stays" },
        display::count(kept, "segment"),
        display::size(stay),
    );
    for (what, index) in [("before", 0), ("after", 1)] {
        let ranges = restorable(&plan.restorable[index], &plan.restorable_lsns[index]);
        let _ = writeln!(text, "Restorable {what:<7}{ranges}");
    }
    match removal {
        None if removed > 0 => text.push_str("Nothing was changed; `--apply` does it.\n"),
        None => {}
        Some(removal) => {
            if removed > 0 {
                let until = display::time(removal.until);
                let _ = writeln!(
                    text,
                    "`apograph prune {path} --undo` takes it back, until {until}."
                );
            }
            if removal.deleted > 0 {
                let _ = writeln!(
                    text,
                    "Deleted {} that were pruned or merged before, {}.",
                    display::count(removal.deleted, "file"),
                    display::size(removal.deleted_bytes)
                );
            }
        }
    }
    text
}

fn restorable(points: &[PointRange], lsns: &[LsnRange]) -> String {
    let ranges: Vec<String> = if points.is_empty() {
        let lsns = lsns.iter();
        lsns.map(|it| format!("LSN {} to {}", it.from, it.to))
            .collect()
    } else {
        points.iter().map(ToString::to_string).collect()
    };
    if ranges.is_empty() {
        "nothing".to_owned()
    } else {
        ranges.join(", ")
    }
}

impl From<PruneError> for Failure {
    fn from(error: PruneError) -> Self {
        let failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error {
            PruneError::Repository(error) => error.into(),
            PruneError::Retention(RetentionError::KeepsNothing) => {
                failure.hinting("say what is to stay: `--keep-within 30d`, `--keep-last 2`")
            }
            PruneError::Retention(RetentionError::Pin { .. }) => {
                failure.hinting("`apograph pin REPO NAME --remove` gives it up")
            }
            PruneError::UndoTooLate => {
                failure.hinting("`apograph list REPO` has what can be restored")
            }
            _ => failure,
        }
    }
}
