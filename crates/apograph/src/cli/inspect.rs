//! `apograph inspect`

use std::fmt::Write;
use std::path::Path;

use apograph_format::{
    CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord, DATABASE_MAGIC, FormatError,
    Image, LogFolderEntry, LogSequence, Point, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SegmentHeader,
    Timeline,
};
use apograph_io::{Mapped, open_named, read_small};
use apograph_manifest::{
    CURSOR_FILE_NAME, Cursor, HISTORY_FILE_NAME, History, Keep, MANIFEST_FILE_NAME, Manifest,
    ManifestError,
};
use apograph_repository::Summary;
use apograph_wal::{LogEnd, LogEndCause, LogPart, PlacedReader, TimelineState};
use serde_json::{Map, Value, json};

use super::args::Inspect;
use super::failure::Failure;
use super::{Report, segments, words};

/// Facts about a file: each a key and a value, in the order they are shown.
struct Facts(Map<String, Value>);

impl Facts {
    fn of(what: &str, path: &Path, size_bytes: u64) -> Self {
        let mut facts = Self(Map::new());
        facts.put("command", json!("inspect"));
        facts.put("file", json!(path.display().to_string()));
        facts.put("is", json!(what));
        facts.put("size_bytes", json!(size_bytes));
        facts
    }

    fn put(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn report(self) -> Report {
        let mut text = String::new();
        for (key, value) in self.0.iter().filter(|(key, _)| *key != "command") {
            let name = key.replace('_', " ");
            let _ = match value {
                Value::String(value) => writeln!(text, "{name:>20}  {value}"),
                Value::Null => writeln!(text, "{name:>20}  unknown"),
                Value::Array(items) => {
                    let _ = writeln!(text, "{name:>20}  {}", items.len());
                    items
                        .iter()
                        .try_for_each(|item| writeln!(text, "{:>20}  {}", "", in_line(item)))
                }
                other => writeln!(text, "{name:>20}  {}", in_line(other)),
            };
        }
        Report::done(text, Value::Object(self.0))
    }
}

fn in_line(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let pairs: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{} {}", key.replace('_', " "), in_line(value)))
                .collect();
            pairs.join(", ")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn run(words: &Inspect) -> Result<Report, Failure> {
    let path = words.file.as_path();
    let name = path.file_name().unwrap_or_default();
    if name == MANIFEST_FILE_NAME {
        return manifest(path);
    }
    if name == CURSOR_FILE_NAME {
        return cursor(path);
    }
    if name == CHECKPOINT_FILE_NAME {
        return checkpoint(path);
    }
    if name == HISTORY_FILE_NAME {
        return history(path);
    }
    let bytes = Mapped::of(&open_named(path)?, path)?;
    if bytes.starts_with(&SEGMENT_MAGIC) {
        return increment(path, &bytes);
    }
    if bytes.starts_with(&DATABASE_MAGIC) {
        return database(path, &bytes);
    }
    if LogFolderEntry::of(name) != LogFolderEntry::Other {
        return Ok(log_file(path, &bytes));
    }
    let message = format!("{} is no file of Grafeo or apograph", path.display());
    Err(Failure::new("unsupported-version", message).about(path))
}

fn small(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    read_small(path, limit)?
        .ok_or_else(|| Failure::new("io", format!("{} does not exist", path.display())).about(path))
}

fn damaged(code: &'static str, path: &Path, error: &FormatError) -> Failure {
    let code = match error {
        FormatError::UnsupportedVersion { .. } => "unsupported-version",
        _ => code,
    };
    Failure::new(code, format!("{}: {error}", path.display())).about(path)
}

fn of_catalogue(error: &ManifestError, path: &Path) -> Failure {
    Failure::new(error.code(), error.to_string()).about(path)
}

fn manifest(path: &Path) -> Result<Report, Failure> {
    let bytes = small(path, apograph_manifest::MANIFEST_MAX_BYTES)?;
    let manifest = Manifest::decode(&bytes, path).map_err(|error| of_catalogue(&error, path))?;
    let mut facts = Facts::of("manifest", path, bytes.len() as u64);
    facts.put("version", json!(manifest.version));
    let segments = manifest
        .segments
        .iter()
        .map(|it| Value::Object(segments::json(it, None)));
    facts.put("segments", segments.collect());
    Ok(facts.report())
}

fn cursor(path: &Path) -> Result<Report, Failure> {
    let bytes = small(path, CHECKPOINT_FILE_MAX_BYTES)?;
    let cursor = Cursor::decode(&bytes, path).map_err(|error| of_catalogue(&error, path))?;
    let mut facts = Facts::of("backup cursor", path, bytes.len() as u64);
    facts.put("backed_up_epoch", json!(cursor.backed_up_epoch.get()));
    let sequence = match cursor.keep {
        Keep::FilesAfter(sequence) => Some(sequence.get()),
        Keep::AllFiles => None,
    };
    if let Some(sequence) = sequence {
        facts.put("log_sequence", json!(sequence));
    }
    facts.put("keeps_all_files", json!(sequence.is_none()));
    facts.put("written_at", json!(words::rfc3339(cursor.written_at)));
    Ok(facts.report())
}

fn checkpoint(path: &Path) -> Result<Report, Failure> {
    let bytes = small(path, CHECKPOINT_FILE_MAX_BYTES)?;
    let record =
        CheckpointRecord::decode(&bytes).map_err(|error| damaged("corrupt-wal", path, &error))?;
    let mut facts = Facts::of("checkpoint record", path, bytes.len() as u64);
    facts.put("epoch", json!(record.epoch.get()));
    facts.put("log_sequence", json!(record.log_sequence.get()));
    facts.put("transaction", json!(record.transaction.get()));
    facts.put("written_at", json!(words::rfc3339(record.written_at)));
    Ok(facts.report())
}

fn history(path: &Path) -> Result<Report, Failure> {
    let bytes = small(path, 512 << 20)?;
    let Some(history) = History::decode(&bytes) else {
        let message = format!("{} is damaged; it will be made anew", path.display());
        return Err(Failure::new("corrupt-manifest", message).about(path));
    };
    let mut facts = Facts::of("history of a repository", path, bytes.len() as u64);
    let segments = history.records.iter().map(|record| {
        let mut object = segments::json(&record.segment, Some(&record.content));
        object.insert(
            "points".to_owned(),
            json!(segments::points(Some(&record.content))),
        );
        Value::Object(object)
    });
    facts.put("segments", segments.collect());
    Ok(facts.report())
}

fn database(path: &Path, bytes: &[u8]) -> Result<Report, Failure> {
    let image = Image::parse(bytes).map_err(|error| damaged("corrupt-database", path, &error))?;
    image
        .check(bytes)
        .map_err(|error| damaged("corrupt-database", path, &error))?;
    let mut facts = Facts::of("database file", path, bytes.len() as u64);
    let file = &image.headers().file;
    let checkpoint = image.checkpoint();
    facts.put("generation", json!(1));
    facts.put("created_at", json!(words::rfc3339(file.created_at)));
    facts.put("created_by", json!(file.creator));
    facts.put("checkpoints", json!(checkpoint.iteration));
    facts.put("epoch", json!(checkpoint.epoch.get()));
    facts.put("transaction", json!(checkpoint.transaction.get()));
    facts.put("nodes", json!(checkpoint.node_count));
    facts.put("edges", json!(checkpoint.edge_count));
    let written_at = (checkpoint.iteration > 0).then(|| words::rfc3339(checkpoint.written_at));
    facts.put("checkpoint_at", json!(written_at.flatten()));
    let extents = image.extents().iter().map(|extent| {
        json!({
            "content": extent.content.to_string(),
            "offset": extent.offset,
            "length": extent.length,
            "checksum": extent.checksum.to_string(),
        })
    });
    facts.put("sections", extents.collect());
    Ok(facts.report())
}

fn increment(path: &Path, bytes: &[u8]) -> Result<Report, Failure> {
    let header =
        SegmentHeader::decode(bytes).map_err(|error| damaged("corrupt-segment", path, &error))?;
    let mut facts = Facts::of("incremental segment", path, bytes.len() as u64);
    facts.put("generation", json!(1));
    facts.put("start_epoch", json!(header.start_epoch.get()));
    facts.put("end_epoch", json!(header.end_epoch.get()));
    facts.put("log_files", json!(header.log_files));
    facts.put("repeats", json!(header.flags.repeats));
    facts.put("catches_up", json!(header.flags.catches_up));
    facts.put("reopened", json!(header.flags.reopened));
    facts.put("continues", json!(header.flags.continues));
    let start = header.start_epoch.previous().unwrap_or_default();
    let body = bytes.get(SEGMENT_HEADER_BYTES..).unwrap_or_default();
    let part = LogPart {
        sequence: LogSequence::default(),
        file_offset: SEGMENT_HEADER_BYTES as u64,
        bytes: body,
        joints: header.joints(),
    };
    put_log(&mut facts, part, Point::new(Timeline::FIRST, start));
    Ok(facts.report())
}

fn log_file(path: &Path, bytes: &[u8]) -> Report {
    let mut facts = Facts::of("log file", path, bytes.len() as u64);
    facts.put("generation", json!(1));
    let part = LogPart {
        sequence: LogSequence::default(),
        file_offset: 0,
        bytes,
        joints: 0,
    };
    put_log(
        &mut facts,
        part,
        Point::new(Timeline::FIRST, apograph_format::Epoch::default()),
    );
    facts.report()
}

/// What a log holds, and where it ends. Timelines are counted from 1 here: one file does not know
/// the ones before it.
fn put_log(facts: &mut Facts, part: LogPart<'_>, base: Point) {
    let parts = [part];
    let mut state = TimelineState::at(base);
    let mut summary = Summary::default();
    let mut reader = PlacedReader::new(&parts, &mut state);
    while let Some(event) = reader.next() {
        summary.add(&event, reader.state());
    }
    let end = reader.end();
    let content = summary.content(apograph_repository::Surroundings::default(), &state);
    facts.put("commits", json!(content.commits));
    facts.put("records", json!(content.records));
    facts.put("frames", json!(content.frames));
    let points = apograph_manifest::SegmentContent::Increment(content);
    facts.put("points", json!(segments::points(Some(&points))));
    if let Some(end) = end {
        let file_offset = |offset: usize| part.file_offset + offset as u64;
        facts.put("log_ends_at", json!(file_offset(end.place.offset)));
        facts.put("log_ends", json!(ending(&end, file_offset)));
    }
}

fn ending(end: &LogEnd, file_offset: impl Fn(usize) -> u64) -> String {
    match end.cause {
        LogEndCause::Clean => "clean".to_owned(),
        LogEndCause::TornTail { records } => {
            format!(
                "torn, {} behind the last commit",
                words::count(records, "whole record")
            )
        }
        LogEndCause::Damage { place, defect } => {
            format!("damaged at byte {}: {defect}", file_offset(place.offset))
        }
        LogEndCause::StrayEpoch { place, epoch } => {
            format!(
                "damaged at byte {}: epoch {epoch} without a commit",
                file_offset(place.offset)
            )
        }
        _ => "unknown".to_owned(),
    }
}
