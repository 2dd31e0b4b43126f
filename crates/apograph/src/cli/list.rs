//! `apograph list`

use std::fmt::Write;

use apograph_format::{Generation, Point, Timeline};
use apograph_manifest::{ChainEntry, LsnRange, PointRange, SegmentContent, Unusable, Verification};
use apograph_repository::Repository;
use serde_json::{Value, json};

use super::args::List;
use super::failure::Failure;
use super::table::Table;
use super::{Report, segments, words};

pub(super) fn run(words: &List) -> Result<Report, Failure> {
    let repository = Repository::open(&words.repo)?;
    Ok(if words.json {
        Report::done(String::new(), object(&repository))
    } else {
        Report::done(text(&repository), Value::Null)
    })
}

fn object(repository: &Repository) -> Value {
    let chain = repository.chain();
    let entry = |(index, entry): (usize, &ChainEntry)| {
        let mut object = segments::json(&entry.segment, entry.content.as_ref());
        let present = entry.unusable != Some(Unusable::Missing);
        object.insert("present".to_owned(), json!(present));
        object.insert("usable".to_owned(), json!(entry.unusable.is_none()));
        let generation = entry.generation().map(Generation::number);
        object.insert("generation".to_owned(), json!(generation));
        let verified = repository.verified(index);
        let at = verified.and_then(|it| words::rfc3339(it.at));
        object.insert("verified_at".to_owned(), json!(at));
        let at = verified.and_then(|it| words::rfc3339(it.frames_at?));
        object.insert("frames_verified_at".to_owned(), json!(at));
        Value::Object(object)
    };
    let range = |range: &PointRange| {
        json!({
            "timeline": range.timeline.get(),
            "from": range.from.get(),
            "to": range.to.get(),
        })
    };
    let name = |point: Option<Point>| point.map(|point| point.to_string());
    let holes: Vec<Value> = chain
        .holes()
        .into_iter()
        .map(|hole| {
            json!({
                "after": name(hole.after),
                "before": name(hole.before),
                "cause": hole.cause.to_string(),
            })
        })
        .collect();
    let lsns = |range: &LsnRange| {
        json!({
            "timeline": range.timeline.map(Timeline::get),
            "from": range.from.get(),
            "to": range.to.get(),
        })
    };
    json!({
        "command": "list",
        "generation": generation(repository).number(),
        "encrypted": is_encrypted(repository),
        "segments": chain.entries().iter().enumerate().map(entry).collect::<Vec<_>>(),
        "restorable": chain.restorable().iter().map(range).collect::<Vec<_>>(),
        "restorable_lsns": chain.restorable_lsns().iter().map(lsns).collect::<Vec<_>>(),
        "holes": holes,
    })
}

/// That of the newest segment.
fn generation(repository: &Repository) -> Generation {
    let mut entries = repository.chain().entries().iter().rev();
    let newest = entries.find_map(ChainEntry::generation);
    newest.unwrap_or(repository.manifest().generation)
}

fn is_encrypted(repository: &Repository) -> bool {
    let mut contents = repository.chain().entries().iter().rev();
    let image = contents.find_map(|entry| match &entry.content {
        Some(SegmentContent::Full(full)) => Some(full.image),
        _ => None,
    });
    image.is_some_and(|image| image.is_encrypted)
}

fn text(repository: &Repository) -> String {
    let chain = repository.chain();
    let mut table = Table::new(&[
        "FILE",
        "KIND",
        "POINTS",
        ">COMMITS",
        ">SIZE",
        "CAPTURED",
        "LAST COMMIT",
        "VERIFIED",
        "",
    ]);
    for (index, entry) in chain.entries().iter().enumerate() {
        let commits = match &entry.content {
            Some(SegmentContent::Increment(increment)) => increment.commits.to_string(),
            _ => String::new(),
        };
        let last_commit = match &entry.content {
            Some(SegmentContent::Increment(increment)) => increment.committed,
            _ => None,
        };
        table.row(vec![
            entry.segment.file.to_string(),
            entry.segment.kind.to_string(),
            segments::points(entry.content.as_ref(), entry.is_counted),
            commits,
            words::size(entry.segment.size_bytes),
            words::time(entry.segment.created_at),
            last_commit.map_or_else(String::new, |span| words::time(span.last)),
            repository
                .verified(index)
                .map_or_else(String::new, verified),
            segments::state(entry).to_owned(),
        ]);
    }
    let mut text = table.render();
    let ranges: Vec<String> = chain.restorable().iter().map(range_in_words).collect();
    let lsns = chain.restorable_lsns();
    let positions = |range: &LsnRange| format!("LSN {} to {}", range.from, range.to);
    let restorable = if !ranges.is_empty() {
        ranges.join(", ")
    } else if !lsns.is_empty() {
        let lsns: Vec<String> = lsns.iter().map(positions).collect();
        format!("{} (encrypted: its epochs cannot be read)", lsns.join(", "))
    } else {
        "nothing".to_owned()
    };
    let _ = writeln!(text, "\nRestorable: {restorable}");
    for hole in chain.holes() {
        let name = |point: Option<Point>| point.map_or("?".to_owned(), |point| point.to_string());
        let (after, before) = (name(hole.after), name(hole.before));
        let _ = writeln!(text, "Hole between {after} and {before}: {}", hole.cause);
    }
    for name in repository.unnamed() {
        let _ = writeln!(text, "Not in the manifest: {name}");
    }
    text
}

fn verified(verification: &Verification) -> String {
    let time = words::time(verification.at);
    match verification.frames_at {
        Some(_) => time,
        None => format!("{time} (files)"),
    }
}

fn range_in_words(range: &PointRange) -> String {
    let PointRange { timeline, from, to } = range;
    if from == to {
        format!("{timeline}:{from}")
    } else {
        format!("{timeline}:{from} to {timeline}:{to}")
    }
}
