//! `apograph list`

use std::fmt::Write;

use apograph_format::{Generation, Point};
use apograph_manifest::{ChainEntry, PointRange, Unusable};
use apograph_repository::Repository;
use serde_json::{Value, json};

use super::args::List;
use super::failure::Failure;
use super::table::Table;
use super::{Report, segments, words};

pub(super) fn run(words: &List) -> Result<Report, Failure> {
    let repository = Repository::open(&words.repo)?;
    Ok(Report::done(text(&repository), object(&repository)))
}

fn object(repository: &Repository) -> Value {
    let chain = repository.chain();
    let entry = |entry: &ChainEntry| {
        let mut object = segments::json(&entry.segment, entry.content.as_ref());
        let present = entry.unusable != Some(Unusable::Missing);
        object.insert("present".to_owned(), json!(present));
        object.insert("usable".to_owned(), json!(entry.unusable.is_none()));
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
    json!({
        "command": "list",
        "generation": Generation::One.number(),
        "segments": chain.entries().iter().map(entry).collect::<Vec<_>>(),
        "restorable": chain.restorable().iter().map(range).collect::<Vec<_>>(),
        "holes": holes,
    })
}

fn text(repository: &Repository) -> String {
    let chain = repository.chain();
    let mut table = Table::new(&[
        "FILE", "KIND", "POINTS", ">COMMITS", ">SIZE", "CAPTURED", "",
    ]);
    for entry in chain.entries() {
        let commits = match &entry.content {
            Some(apograph_manifest::SegmentContent::Increment(increment)) => {
                increment.commits.to_string()
            }
            _ => String::new(),
        };
        table.row(vec![
            entry.segment.file.to_string(),
            entry.segment.kind.to_string(),
            segments::points(entry.content.as_ref()),
            commits,
            words::size(entry.segment.size_bytes),
            words::time(entry.segment.created_at),
            segments::state(entry).to_owned(),
        ]);
    }
    let mut text = table.render();
    let ranges: Vec<String> = chain.restorable().iter().map(range_in_words).collect();
    let restorable = if ranges.is_empty() {
        "nothing".to_owned()
    } else {
        ranges.join(", ")
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

fn range_in_words(range: &PointRange) -> String {
    let PointRange { timeline, from, to } = range;
    if from == to {
        format!("{timeline}:{from}")
    } else {
        format!("{timeline}:{from} to {timeline}:{to}")
    }
}
