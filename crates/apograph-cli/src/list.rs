//! `apograph list`

use std::io::{self, Write};

use apograph_format::{Generation, Point, Timeline, WithCauses};
use apograph_manifest::{
    Chain, ChainEntry, FileName, Gap, Hole, LsnRange, Pin, PointRange, SegmentContent, Unusable,
};
use apograph_repository::Repository;
use serde_json::{Value, json};

use crate::args::List;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::table::write_table;
use crate::{display, output, segments};

/// Segments go out one by one: their words take more memory than the chain itself.
pub(crate) fn run(session: &Session<'_>, args: &List) -> Result<Report, Failure> {
    let repository = Repository::open(args.identity.open(&args.repo)?, session.context)?;
    let repository = repository.without_damaged();
    output::print(session.json, |out| {
        if session.json {
            let warnings = session.terminal.warnings();
            write_object(&repository, session.traffic(), &warnings, out)
        } else {
            write_text(&repository, out)
        }
    })?;
    Ok(Report::written())
}

fn write_object(
    repository: &Repository,
    traffic: Option<Value>,
    warnings: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    let chain = repository.chain();
    let entries = chain.entries().iter().enumerate();
    let range = |range: &PointRange| {
        let [from, to] = segments::ends(chain, range);
        json!({
            "timeline": range.timeline.get(),
            "from": range.from.get(),
            "to": range.to.get(),
            "from_point": from.to_string(),
            "to_point": to.to_string(),
        })
    };
    let lsns = |range: &LsnRange| {
        json!({
            "timeline": range.timeline.map(Timeline::get),
            "from": range.from.get(),
            "to": range.to.get(),
        })
    };
    let name = |point: Option<Point>| point.map(|point| point.to_string());
    let gap = |gap: Gap| {
        json!({
            "after": name(gap.after),
            "before": name(gap.before),
            "kind": gap.cause.kind().to_string(),
            "branched_from": name(gap.cause.branched_from()),
            "cause": WithCauses(&gap.cause).to_string(),
        })
    };
    write!(
        out,
        "{{\"command\":\"list\",\"generation\":{},\"encrypted\":{}",
        generation(repository).number(),
        is_encrypted(repository)
    )?;
    let segments = entries.map(|(index, entry)| segment(repository, index, entry));
    write_list(out, "segments", segments)?;
    write_list(out, "restorable", chain.restorable().iter().map(range))?;
    let until = chain.covered_until().and_then(display::rfc3339);
    write!(out, ",\"captured_until\":{}", json!(until))?;
    let through = file_times_through(repository);
    write!(out, ",\"file_times_through\":{}", json!(through))?;
    let positions = chain.restorable_lsns();
    write_list(out, "restorable_lsns", positions.iter().map(lsns))?;
    write_list(out, "holes", chain.gaps().map(gap))?;
    write_list(out, "pins", repository.pins().iter().map(pin))?;
    let left = temporaries(repository);
    let left = left.map(|(file, size_bytes)| json!({"file": file, "size_bytes": size_bytes}));
    write_list(out, "temporaries", left)?;
    if let Some(traffic) = traffic {
        write!(out, ",\"traffic\":{traffic}")?;
    }
    writeln!(out, ",\"warnings\":{}}}", display::line(&json!(warnings)))
}

fn pin(pin: &Pin) -> Value {
    json!({
        "name": pin.name.as_str(),
        "state": pin.state.to_string(),
        "at": display::rfc3339(pin.at),
    })
}

/// Writes a list of an object, after what the object has so far.
pub(crate) fn write_list(
    out: &mut (impl Write + ?Sized),
    key: &str,
    items: impl Iterator<Item = Value>,
) -> io::Result<()> {
    write!(out, ",\"{key}\":[")?;
    for (index, item) in items.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{}", display::line(&item))?;
    }
    write!(out, "]")
}

fn segment(repository: &Repository, index: usize, entry: &ChainEntry) -> Value {
    let mut object = segments::json(&entry.segment, entry.content.as_ref());
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    let present = entry.unusable.as_deref() != Some(&Unusable::Missing);
    put("hash", json!(entry.hash.map(|hash| hash.to_string())));
    put("present", json!(present));
    put("usable", json!(entry.unusable.is_none()));
    let generation = entry.generation().map(Generation::number);
    put("generation", json!(generation));
    let verified = repository.verified(index);
    let at = verified.and_then(|it| display::rfc3339(it.at));
    put("verified_at", json!(at));
    let at = verified.and_then(|it| display::rfc3339(it.frames_at?));
    put("frames_verified_at", json!(at));
    Value::Object(object)
}

/// The last segment whose time of capture is that of its file.
fn file_times_through(repository: &Repository) -> Option<&str> {
    let notes = repository.notes().ok().flatten()?;
    notes.file_times_through.as_ref().map(FileName::as_str)
}

/// That of the newest segment.
fn generation(repository: &Repository) -> Generation {
    let mut entries = repository.chain().entries().iter().rev();
    let newest = entries.find_map(ChainEntry::generation);
    newest.unwrap_or(repository.generation())
}

fn is_encrypted(repository: &Repository) -> bool {
    let mut contents = repository.chain().entries().iter().rev();
    let image = contents.find_map(|entry| match &entry.content {
        Some(SegmentContent::Full(full)) => Some(full.image),
        _ => None,
    });
    image.is_some_and(|image| image.is_encrypted())
}

fn write_text(repository: &Repository, out: &mut dyn Write) -> io::Result<()> {
    let chain = repository.chain();
    let head = [
        "SEGMENT",
        "POINTS",
        ">COMMITS",
        ">SIZE",
        "CAPTURED",
        "LAST COMMIT",
        "",
    ];
    write_table(out, head, || {
        chain.entries().iter().map(|entry| row(chain, entry))
    })?;
    writeln!(out, "\nRestorable: {}", segments::restorable(chain))?;
    if let Some(until) = chain.covered_until() {
        writeln!(out, "Captured until: {}", display::time(until))?;
    }
    if let Some(through) = file_times_through(repository) {
        writeln!(
            out,
            "Captured times up to {through} are those of the files, since a rebuild."
        )?;
    }
    let first = chain.entries().first();
    if first.is_some_and(|first| first.hole == Some(Hole::Pruned)) {
        writeln!(out, "Pruned: what was before the first segment")?;
    }
    for gap in chain.gaps() {
        writeln!(out, "{}", segments::gap(&gap))?;
    }
    for (index, entry) in chain.entries().iter().enumerate() {
        if let Some(first) = chain.first_despite_image(index) {
            let file = segments::short_name(&entry.segment.file);
            writeln!(
                out,
                "From {first} on: the image of {file} may hold commits behind the points before it"
            )?;
        }
    }
    for pin in repository.pins() {
        writeln!(
            out,
            "Pinned: {} at {}",
            display::plain(pin.name.as_str()),
            pin.state
        )?;
    }
    if let Some(verified) = verified(repository) {
        writeln!(out, "Verified: {verified}")?;
    }
    if let Some(drill) = repository.drilled() {
        let point = drill
            .point
            .map_or_else(String::new, |point| format!(" to {point}"));
        let at = display::time(drill.at);
        match &drill.failure {
            None => writeln!(out, "Proven by a restore{point}: {at}")?,
            Some(why) => writeln!(
                out,
                "Not proven: a restore{point} at {at}: {}",
                display::plain(why)
            )?,
        }
    }
    for (name, size_bytes) in temporaries(repository) {
        let (name, size) = (display::plain(&name), display::size(size_bytes));
        writeln!(
            out,
            "Of a command that is at work, or was killed; the next backup removes it: {name}, {size}"
        )?;
    }
    for name in repository.unnamed() {
        let what = if repository.is_unfinished(*name) {
            "Of a backup that was not finished"
        } else {
            "Not in the manifest"
        };
        writeln!(out, "{what}: {name}")?;
    }
    Ok(())
}

fn row(chain: &Chain, entry: &ChainEntry) -> [String; 7] {
    let increment = match &entry.content {
        Some(SegmentContent::Increment(increment)) => Some(increment),
        _ => None,
    };
    let commits = increment.map(|it| it.commits.to_string());
    let last_commit = increment.and_then(|it| it.committed());
    [
        segments::short_name(&entry.segment.file).to_owned(),
        segments::lasting_points(chain, entry),
        commits.unwrap_or_default(),
        display::size(entry.segment.size_bytes),
        display::time(entry.segment.created_at),
        last_commit.map_or_else(String::new, |span| display::time(span.last)),
        segments::state(entry).to_owned(),
    ]
}

/// What was verified, and when; nothing where nothing was.
fn verified(repository: &Repository) -> Option<String> {
    let count = repository.chain().entries().len();
    let found = || (0..count).filter_map(|index| repository.verified(index));
    let last = found().map(|it| it.at).max()?;
    let deep = found().filter(|it| it.frames_at.is_some()).count();
    Some(format!(
        "{} of {}, {deep} of them frame by frame, the last at {}",
        found().count(),
        display::count(count as u64, "file"),
        display::time(last)
    ))
}

/// What another command is writing, or one that was killed has left.
fn temporaries(repository: &Repository) -> impl Iterator<Item = (String, u64)> + '_ {
    repository.temporaries().map(|at| {
        let metadata = at.metadata().ok().flatten();
        let name = at.name().to_string_lossy().into_owned();
        (name, metadata.map_or(0, |it| it.len()))
    })
}
