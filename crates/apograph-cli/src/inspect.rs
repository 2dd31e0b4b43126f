//! `apograph inspect`

mod facts;
mod stored;
mod vault;

use std::error::Error;
use std::fs::File;
use std::path::Path;

use apograph_format::v1::{CHECKPOINT_FILE_MAX_BYTES, CHECKPOINT_FILE_NAME, CheckpointRecord};
use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WAL_SEGMENT_MAGIC, WalSegmentHeader};
use apograph_format::{
    Code, DATABASE_MAGIC, Epoch, FormatError, Generation, LogFolderEntry, LogSequence, Lsn, Point,
    SEGMENT_MAGIC, Timeline, WithCauses,
};
use apograph_io::{Bytes, IoError, Source, open_named, open_regular, read_limited};
use apograph_manifest::{
    CURSOR_FILE_NAME, CURSOR_MAX_BYTES, Cursor, HISTORY_FILE_NAME, HISTORY_MAX_BYTES, History,
    Keep, MANIFEST_FILE_NAME, Manifest, ManifestError,
};
use apograph_repository::{
    IncrementFile, SegmentDefect, StoredFile, check_image, parse_image, read_log,
};
use apograph_wal::{GroupReader, LogEnd, LogEndCause, LogEvent, LogPart, Place, TimelineState};
use serde_json::{Value, json};

use self::facts::Facts;
use self::stored::Found;
use crate::args::{Inspect, Inspected};
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, segments};

pub(crate) fn run(session: &Session<'_>, args: &Inspect) -> Result<Report, Failure> {
    match &args.file {
        Inspected::Path(path) => inspect(session, path),
        Inspected::Stored(at) => match stored::find(at, session.context)? {
            Found::Vault(report) => Ok(report),
            Found::Object(source) => inspect_source(session, &at.address, source),
        },
    }
}

fn inspect(session: &Session<'_>, path: &Path) -> Result<Report, Failure> {
    let name = path.file_name().unwrap_or_default();
    if name == MANIFEST_FILE_NAME {
        return manifest(path, session.json);
    }
    if name == CURSOR_FILE_NAME {
        return cursor(path);
    }
    if name == CHECKPOINT_FILE_NAME {
        return checkpoint(path);
    }
    if name == HISTORY_FILE_NAME {
        return history(path, session.json);
    }
    if let Some(found) = vault::of_folder(path)? {
        return Ok(found);
    }
    inspect_source(session, path, Source::of(open_named(path)?, path)?)
}

/// What is told by its bytes.
fn inspect_source(session: &Session<'_>, path: &Path, source: Source) -> Result<Report, Failure> {
    let name = path.file_name().unwrap_or_default();
    let bytes = source.bytes();
    let front = bytes.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?;
    if front.starts_with(&SEGMENT_MAGIC) {
        return increment(path, source, session);
    }
    // The magic number of a log file begins with that of a database file.
    if front.starts_with(&WAL_SEGMENT_MAGIC) {
        return wal_segment(path, bytes, session);
    }
    if front.starts_with(&DATABASE_MAGIC) {
        if source.is_sparse() {
            let (path_text, count) = (path.display(), source.len());
            let message =
                format!("{path_text}: almost all of its {count} bytes were never written");
            return Err(Failure::new(Code::CorruptDatabase, message).about(path));
        }
        return database(path, bytes, session);
    }
    if let Some(found) = vault::inspect(path, source.file(), bytes) {
        return found;
    }
    if LogFolderEntry::of(name, Generation::One) != LogFolderEntry::Other {
        return log_file(path, bytes, session);
    }
    let message = format!("{} is no file of Grafeo or apograph", path.display());
    Err(Failure::new(Code::UnsupportedVersion, message).about(path))
}

fn small(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    Ok(read_limited(&opened(path)?, path, limit)?)
}

fn opened(path: &Path) -> Result<File, Failure> {
    match open_regular(path) {
        Ok(file) => Ok(file),
        Err(error) if error.is_not_found() => {
            let message = format!("{} does not exist", path.display());
            Err(Failure::new(Code::Io, message).about(path))
        }
        Err(error) => Err(error.into()),
    }
}

fn damaged(code: Code, path: &Path, error: &FormatError) -> Failure {
    let code = if error.is_unsupported() {
        Code::UnsupportedVersion
    } else {
        code
    };
    of_file(code, path, error)
}

/// What is wrong with a file, told with its name.
fn of_file(code: Code, path: &Path, error: &(dyn Error + 'static)) -> Failure {
    let message = format!("{}: {}", path.display(), WithCauses(error));
    Failure::new(code, message).about(path)
}

fn of_catalogue(error: &ManifestError, path: &Path) -> Failure {
    Failure::new(error.code(), WithCauses(error).to_string()).about(path)
}

fn manifest(path: &Path, json: bool) -> Result<Report, Failure> {
    let bytes = small(path, apograph_manifest::MANIFEST_MAX_BYTES)?;
    let manifest = Manifest::decode(&bytes, path).map_err(|error| of_catalogue(&error, path))?;
    let mut facts = Facts::of("manifest", path, bytes.len() as u64);
    drop(bytes);
    facts.put("version", json!(manifest.generation.number()));
    facts.put("generation", json!(manifest.generation.number()));
    let segments = manifest.segments.iter();
    let segments = segments.map(|it| Value::Object(segments::json(it, None)));
    facts.write_with(segments, json)
}

fn cursor(path: &Path) -> Result<Report, Failure> {
    let bytes = small(path, CURSOR_MAX_BYTES)?;
    let cursor = Cursor::decode(&bytes, path).map_err(|error| of_catalogue(&error, path))?;
    let mut facts = Facts::of("backup cursor", path, bytes.len() as u64);
    facts.put("backed_up_epoch", json!(cursor.backed_up_epoch.get()));
    match cursor.keep {
        Keep::FilesAfter(sequence) => {
            facts.put("log_sequence", json!(sequence.get()));
            facts.put("keeps_all_files", json!(false));
        }
        Keep::AllFiles => facts.put("keeps_all_files", json!(true)),
        Keep::FromLsn(lsn) => facts.put("wal_lsn", json!(lsn.map(Lsn::get))),
    }
    facts.put("written_at", json!(display::rfc3339(cursor.written_at)));
    Ok(facts.report())
}

fn checkpoint(path: &Path) -> Result<Report, Failure> {
    let bytes = small(path, CHECKPOINT_FILE_MAX_BYTES)?;
    let record = CheckpointRecord::decode(&bytes)
        .map_err(|error| damaged(Code::CorruptWal, path, &error))?;
    let mut facts = Facts::of("checkpoint record", path, bytes.len() as u64);
    facts.put("epoch", json!(record.epoch.get()));
    facts.put("log_sequence", json!(record.log_sequence.get()));
    facts.put("transaction", json!(record.transaction.get()));
    facts.put("written_at", json!(display::rfc3339(record.written_at)));
    Ok(facts.report())
}

fn history(path: &Path, json: bool) -> Result<Report, Failure> {
    let source = Source::of(opened(path)?, path)?;
    let size_bytes = source.len() as u64;
    if size_bytes > HISTORY_MAX_BYTES {
        let (path, limit) = (path.to_owned(), HISTORY_MAX_BYTES);
        let found = size_bytes;
        return Err(IoError::TooLarge { path, limit, found }.into());
    }
    let Some(history) = History::read(source.bytes())? else {
        let message = format!("{} is damaged; it will be made anew", path.display());
        return Err(Failure::new(Code::CorruptManifest, message).about(path));
    };
    let facts = Facts::of("history of a repository", path, size_bytes);
    let segments = history.records.iter().map(|record| {
        let mut object = segments::json(&record.segment, Some(&record.content));
        let points = segments::points(Some(&record.content), !record.is_uncounted);
        object.insert("points".to_owned(), json!(points));
        Value::Object(object)
    });
    facts.write_with(segments, json)
}

/// Why a database file was not read to its end.
enum Defect {
    Io(IoError),
    Format(FormatError),
}

impl From<IoError> for Defect {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl From<FormatError> for Defect {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

fn database(path: &Path, bytes: Bytes<'_>, session: &Session<'_>) -> Result<Report, Failure> {
    let image = parse_image::<Defect>(bytes).and_then(|image| {
        check_image::<Defect>(&image, bytes, session.context)?;
        Ok(image)
    });
    let image = image.map_err(|defect| match defect {
        Defect::Io(error) => error.into(),
        Defect::Format(error) => damaged(Code::CorruptDatabase, path, &error),
    })?;
    let mut facts = Facts::of("database file", path, bytes.len() as u64);
    let file = &image.headers().file;
    let checkpoint = image.checkpoint();
    facts.put("generation", json!(file.generation.number()));
    if let Some(id) = file.id {
        facts.put("database_id", json!(id.to_string()));
        facts.put("encrypted", json!(file.is_encrypted));
    }
    facts.put("created_at", json!(display::rfc3339(file.created_at)));
    facts.put("created_by", json!(file.creator));
    facts.put("checkpoints", json!(checkpoint.iteration));
    facts.put("epoch", json!(checkpoint.epoch.get()));
    if let Some(start) = checkpoint.log_start {
        facts.put("checkpoint_lsn", json!(start.get()));
        facts.put("damaged_slot", json!(image.headers().has_damaged_slot));
    }
    facts.put("transaction", json!(checkpoint.transaction.get()));
    facts.put("nodes", json!(checkpoint.node_count));
    facts.put("edges", json!(checkpoint.edge_count));
    let written_at = (checkpoint.iteration > 0).then(|| display::rfc3339(checkpoint.written_at));
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

fn increment(path: &Path, source: Source, session: &Session<'_>) -> Result<Report, Failure> {
    let stored = StoredFile::of(source);
    let file = stored
        .and_then(IncrementFile::of)
        .map_err(|defect| match defect {
            SegmentDefect::Io(error) => error.into(),
            SegmentDefect::Unusable(reason) => of_file(reason.code(), path, &reason),
        })?;
    let header = file.header;
    let mut facts = Facts::of("incremental segment", path, file.bytes().len() as u64);
    facts.put("generation", json!(header.generation.number()));
    facts.put("start_epoch", json!(header.start_epoch.get()));
    facts.put("end_epoch", json!(header.end_epoch.get()));
    match header.generation {
        Generation::One => facts.put("log_files", json!(header.count)),
        Generation::Two => facts.put("commit_groups", json!(header.count)),
    }
    facts.put("repeats", json!(header.flags.repeats));
    facts.put("catches_up", json!(header.flags.catches_up));
    facts.put("reopened", json!(header.flags.reopened));
    facts.put("continues", json!(header.flags.continues));
    facts.put("spans", json!(header.flags.spans));
    if let Some(range) = file.range() {
        facts.put("start_lsn", json!(range.start.get()));
        facts.put("end_lsn", json!(range.end.get()));
    }
    put_log(&mut facts, &file.parts(0), header.start_epoch, session)?;
    Ok(facts.report())
}

fn log_file(path: &Path, bytes: Bytes<'_>, session: &Session<'_>) -> Result<Report, Failure> {
    let mut facts = Facts::of("log file", path, bytes.len() as u64);
    facts.put("generation", json!(Generation::One.number()));
    let part = LogPart::of_file(LogSequence::default(), 0, bytes);
    put_log(&mut facts, &[part], Epoch::new(1), session)?;
    Ok(facts.report())
}

fn wal_segment(path: &Path, bytes: Bytes<'_>, session: &Session<'_>) -> Result<Report, Failure> {
    let front = bytes.slice(0..WAL_SEGMENT_HEADER_BYTES).read()?;
    let header = WalSegmentHeader::decode(&front)
        .map_err(|error| damaged(Code::CorruptWal, path, &error))?;
    let mut facts = Facts::of("log file", path, bytes.len() as u64);
    facts.put("generation", json!(Generation::Two.number()));
    facts.put("database_id", json!(header.database.to_string()));
    facts.put("encrypted", json!(header.is_encrypted));
    facts.put("created_at", json!(display::rfc3339(header.created_at)));
    facts.put("start_lsn", json!(header.first_lsn.get()));
    let frames = bytes.skip(WAL_SEGMENT_HEADER_BYTES);
    let parts = [LogPart::of_segment(&header, frames)];
    // One file does not know the epoch in front of it: that of its first commit takes the place.
    let first = GroupReader::new(&parts).find_map(|event| match event {
        Ok(LogEvent::Group(group)) => group.head.epoch().map(Ok),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    put_log(
        &mut facts,
        &parts,
        first.transpose()?.unwrap_or_default(),
        session,
    )?;
    Ok(facts.report())
}

/// What a log holds that begins with an epoch, and where it ends. Timelines are counted from 1
/// here: one file does not know the ones before it.
fn put_log(
    facts: &mut Facts,
    parts: &[LogPart<'_>],
    first: Epoch,
    session: &Session<'_>,
) -> Result<(), Failure> {
    let base = Point::new(Timeline::FIRST, first.previous().unwrap_or_default());
    let log = read_log(
        parts,
        TimelineState::at(base),
        session.context.threads,
        |_| Ok(()),
    )?;
    let found = log.summary;
    let records = found.records();
    facts.put("commits", json!(found.commits()));
    facts.put("records", json!(records));
    facts.put("frames", json!(found.frames()));
    if let Some(committed) = found.committed() {
        facts.put("first_commit_at", json!(display::rfc3339(committed.first)));
        facts.put("last_commit_at", json!(display::rfc3339(committed.last)));
    }
    let points = segments::points_in(found.stretches(), records.is_none());
    facts.put("points", json!(points));
    if let Some(end) = log.end {
        let file_offset = |place: Place| {
            let part = parts.get(place.part);
            part.map_or(0, |part| part.file_offset + place.offset as u64)
        };
        facts.put("log_ends_at", json!(file_offset(end.place)));
        facts.put("log_ends", json!(ending(&end, file_offset)));
    }
    Ok(())
}

fn ending(end: &LogEnd, file_offset: impl Fn(Place) -> u64) -> String {
    match end.cause {
        LogEndCause::Clean => "clean".to_owned(),
        LogEndCause::TornTail { records } => {
            format!(
                "torn, {} after the last commit",
                display::count(records, "whole record")
            )
        }
        LogEndCause::Damage { place, defect } => {
            format!("damaged at byte {}: {defect}", file_offset(place))
        }
        _ => "unknown".to_owned(),
    }
}
