//! What was salvaged of a database.

use apograph_format::{Lsn, Timeline, WithCauses};
use apograph_manifest::FileName;
use apograph_restore::{DatabaseDamage, LeftOutLog, LogDamage, SalvagedDatabase};
use serde_json::{Value, json};

use super::told::{Left, Told, gap_object, sentences};
use crate::display;

pub(super) fn told(salvaged: &SalvagedDatabase) -> Told {
    let left: Vec<_> = salvaged.left_out.iter().map(left).collect();
    let left_out = left.iter().map(|left| left.object(json!({"kind": "log"})));
    let cause = salvaged
        .gap
        .as_ref()
        .map(|gap| WithCauses(&gap.cause).to_string());
    let gap = salvaged.gap.as_ref().map(|gap| {
        let first = salvaged.left_out.iter().find(|file| file.damage.is_some());
        let file = match &gap.cause {
            DatabaseDamage::Log(_) => first.map(|file| file.file.as_str().to_owned()),
            DatabaseDamage::Image { file, .. } => Some(display::path(file)),
        };
        gap_object((gap.after, gap.before), file.as_deref(), cause.as_deref())
    });
    let mut object = json!({
        "command": "salvage",
        "complete": salvaged.gap.is_none(),
        "exact": salvaged.is_exact,
        "recovered": recovered(salvaged),
        "gap": gap,
        "left_out": left_out.collect::<Vec<_>>(),
    });
    if let Some(object) = object.as_object_mut() {
        display::put_path(object, "output", &salvaged.output);
    }
    Told {
        object,
        text: sentences(&made(salvaged), salvaged.is_exact, cause.as_deref(), &left),
        is_complete: salvaged.gap.is_none(),
    }
}

fn recovered(salvaged: &SalvagedDatabase) -> Value {
    let files = salvaged.log_files.iter().map(FileName::as_str);
    let mut object = json!({
        "timeline": salvaged.point.map(|point| Timeline::get(point.timeline)),
        "epoch": salvaged.point.map(|point| point.epoch.get()),
    });
    let rest = json!({
        "log_files": files.collect::<Vec<_>>(),
        "commits": salvaged.commits,
        "bytes_read": salvaged.bytes_read,
        "bytes_written": salvaged.bytes_written,
        "statements_to_run": salvaged.statements_to_run,
        "generation": salvaged.generation.number(),
    });
    if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
        display::put_path(object, "image", &salvaged.image);
        object.extend(rest);
    }
    if let Some(lsn) = salvaged.lsn {
        object["lsn"] = json!(Lsn::get(lsn));
    }
    if let Some(owner) = salvaged.owner {
        object["owner"] = json!({"user": owner.user(), "group": owner.group()});
    }
    object
}

fn left(file: &LeftOutLog) -> Left<'_> {
    Left {
        file: file.file.as_str(),
        kept: file.kept,
        kept_epochs: &file.kept_epochs,
        intact: file.intact,
        captured: None,
        points: file.points,
        offset: file.damage.as_deref().and_then(LogDamage::offset),
        why: file.damage.as_ref().map_or_else(
            || Left::AFTER_GAP.to_owned(),
            |damage| WithCauses(&**damage).to_string(),
        ),
    }
}

fn made(salvaged: &SalvagedDatabase) -> String {
    let at = match (salvaged.point, salvaged.lsn) {
        (Some(point), _) => format!("epoch {}", point.epoch),
        (None, Some(lsn)) => format!("LSN {lsn}"),
        (None, None) => "its last commit".to_owned(),
    };
    format!(
        "Salvaged {} at {at}: the image in {} and {}, {}",
        display::path(&salvaged.output),
        display::path(&salvaged.image),
        display::count(salvaged.log_files.len() as u64, "log file"),
        display::count(salvaged.commits, "commit"),
    )
}
