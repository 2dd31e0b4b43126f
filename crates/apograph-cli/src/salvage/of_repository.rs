//! What was salvaged of a repository.

use apograph_format::WithCauses;
use apograph_manifest::{FileName, Unusable};
use apograph_restore::{LeftOut, SalvageGap, Salvaged};
use serde_json::{Value, json};

use super::told::{self, Left, Told};
use crate::{display, restore};

pub(super) fn told(salvaged: &Salvaged) -> Told {
    let left: Vec<_> = salvaged.left_out.iter().map(left).collect();
    let of_segments = salvaged.left_out.iter().zip(&left);
    let left_out = of_segments.map(|(segment, left)| left.object(of_segment(segment)));
    let cause = salvaged.gap.as_ref().map(cause);
    let mut object = json!({
        "command": "salvage",
        "complete": salvaged.gap.is_none(),
        "exact": salvaged.is_exact,
        "recovered": recovered(salvaged),
        "gap": salvaged.gap.as_ref().map(gap),
        "left_out": left_out.collect::<Vec<_>>(),
    });
    if let Some(object) = object.as_object_mut() {
        display::put_path(object, "output", &salvaged.restored.output);
    }
    Told {
        object,
        text: told::sentences(&made(salvaged), salvaged.is_exact, cause.as_deref(), &left),
        is_complete: salvaged.gap.is_none(),
    }
}

/// As `restore` tells it.
fn recovered(salvaged: &Salvaged) -> Value {
    let mut object = restore::object(&salvaged.restored, false);
    if let Some(object) = object.as_object_mut() {
        for key in ["command", "output"] {
            object.shift_remove(key);
        }
    }
    object
}

fn gap(gap: &SalvageGap) -> Value {
    let found = gap.cause.as_ref();
    let file = found.and_then(|cause| cause.file()).map(FileName::as_str);
    let cause = found.map(|cause| WithCauses(cause).to_string());
    told::gap_object((gap.after, gap.before), file, cause.as_deref())
}

fn cause(gap: &SalvageGap) -> String {
    gap.cause.as_ref().map_or_else(
        || "the log does not go on".to_owned(),
        |cause| WithCauses(cause).to_string(),
    )
}

fn left(segment: &LeftOut) -> Left<'_> {
    let reason = segment.unusable.as_ref().map(|unusable| &unusable.reason);
    let why = segment.unusable.as_ref();
    Left {
        file: segment.segment.file.as_str(),
        kept: segment.kept,
        kept_epochs: &segment.kept_epochs,
        intact: segment.intact,
        captured: segment.captured,
        points: segment.points,
        offset: reason.and_then(Unusable::offset),
        why: why.map_or_else(
            || Left::AFTER_GAP.to_owned(),
            |unusable| WithCauses(unusable).to_string(),
        ),
    }
}

fn of_segment(segment: &LeftOut) -> Value {
    json!({
        "kind": segment.segment.kind.to_string(),
        "start_epoch": segment.segment.start_epoch.get(),
        "end_epoch": segment.segment.end_epoch.get(),
        "created_at": display::rfc3339(segment.segment.created_at),
    })
}

fn made(salvaged: &Salvaged) -> String {
    let restored = &salvaged.restored;
    let at = restore::at(restored);
    format!(
        "Salvaged {} at {at}: {} and {}, {}",
        display::path(&restored.output),
        restored.full.file,
        display::count(restored.increments.len() as u64, "increment"),
        display::count(restored.commits, "commit"),
    )
}
