//! What is left of a database of which something is damaged or missing.
//!
//! The newest image that is sound, and of the log after it every whole commit up to the first damage:
//! what an engine would open if the log ended there. The engines pass over damage in silence, one by
//! going on after it and the other by cutting off what follows. The database that is salvaged is only
//! read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apograph_format::{FormatError, Generation, LogPosition, Lsn, Point, RangeSet};
use apograph_io::{Context, Owner};
use apograph_manifest::{FileName, UnusableSegment};
use apograph_wal::{LogFile, Runs};

use crate::damaged_database::DamagedDatabase;
use crate::damaged_image::ImageDoubt;
use crate::damaged_log::{LogDamage, WholeLog, file_of};
use crate::error::{RestoreError, Result};
use crate::history::{Commit, FoundRecords};
use crate::output::Output;
use crate::restore::form_for;
use crate::sink::Sink;
use crate::staging::Staging;
use crate::walk::WalkError;

/// What was salvaged of a database, and what was not.
#[derive(Debug)]
pub struct SalvagedDatabase {
    /// The database that was made.
    pub output: PathBuf,
    /// The generation of both.
    pub generation: Generation,
    /// The file with the image that it begins with; of a folder database the folder.
    pub image: PathBuf,
    /// The point it is at, in timelines that are counted from the image on; unknown where the commits
    /// are encrypted, or the state is none that was, or its epoch is among what is damaged.
    pub point: Option<Point>,
    /// Generation 2: the position in the log after its last commit.
    pub lsn: Option<Lsn>,
    /// The log files from which commits were replayed, in order.
    pub log_files: Vec<FileName>,
    /// How many commits stand in its log.
    pub commits: u64,
    /// Bytes of the image and the log that were read and checked.
    pub bytes_read: u64,
    /// Bytes of the database file and its log.
    pub bytes_written: u64,
    /// Whom the files belong to, where that is not the user who salvaged them.
    pub owner: Option<Owner>,
    /// What the engine does not replay from the log: statements to run after opening.
    pub statements_to_run: Vec<String>,
    /// Whether it is a state that was. Else commits with lower epochs were logged after the damage; or
    /// the image was written while commits went on, or may have been, and the end of the log is lost.
    pub is_exact: bool,
    /// Where the history ends that is in it; `None` where nothing came after.
    pub gap: Option<DatabaseGap>,
    /// The log files of which something is not in it, in the order of the log.
    pub left_out: Vec<LeftOutLog>,
}

/// The end of what was salvaged of a database.
#[derive(Debug)]
pub struct DatabaseGap {
    /// The point before it; unknown where it has no name.
    pub after: Option<Point>,
    /// The first point after it that could be read and has a name.
    pub before: Option<Point>,
    /// Why the history does not go on.
    pub cause: DatabaseDamage,
}

/// Why the history of a damaged database does not go on.
#[derive(Debug, Clone)]
pub enum DatabaseDamage {
    /// The log is damaged.
    Log(Arc<LogDamage>),
    /// The image is, and the one in its place may be older than the log.
    Image {
        /// The database file.
        file: PathBuf,
        /// What is wrong with it.
        defect: FormatError,
    },
}

impl fmt::Display for DatabaseDamage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(damage) => damage.fmt(formatter),
            Self::Image { file, .. } => {
                write!(formatter, "{} has an older image alone", file.display())
            }
        }
    }
}

impl std::error::Error for DatabaseDamage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(damage) => damage.source(),
            Self::Image { defect, .. } => Some(defect),
        }
    }
}

/// A log file of which not all is in a salvaged database.
#[derive(Debug)]
pub struct LeftOutLog {
    /// The log file.
    pub file: FileName,
    /// How many commits that begin in it are in the database.
    pub kept: u64,
    /// The epochs that these took, in the timeline of the last one.
    pub kept_epochs: RangeSet,
    /// How many more are whole, and could be read.
    pub intact: u64,
    /// The first and the last point of those, where they have a name.
    pub points: Option<(Point, Point)>,
    /// What is wrong with it; `None` where it comes after the gap.
    pub damage: Option<Arc<LogDamage>>,
}

impl LeftOutLog {
    fn of(file: FileName) -> Self {
        Self {
            file,
            kept: 0,
            kept_epochs: RangeSet::new(),
            intact: 0,
            points: None,
            damage: None,
        }
    }

    fn add(&mut self, commit: &Commit) {
        self.intact += 1;
        // What took no epoch stands in one that may be lost.
        if commit.own_epoch {
            let first = self.points.map_or(commit.point, |(first, _)| first);
            self.points = Some((first, commit.point));
        }
    }
}

/// Makes the newest state that is left in a database, which no engine may have open. `see` is told of
/// every whole commit that is not in it, and of its records, in the order of the log. Then `accept` is
/// told what came of it, right before the database appears.
///
/// # Errors
///
/// [`RestoreError`], and that of `see` and `accept`; nothing was written then. Where no image is sound
/// there is nothing to begin with.
pub fn salvage_database(
    database: &Path,
    output: &Path,
    context: Context<'_>,
    see: impl FnMut(Commit, FoundRecords<'_, '_>) -> Result<()>,
    accept: impl FnOnce(&SalvagedDatabase) -> Result<()>,
) -> Result<SalvagedDatabase> {
    let place = Output::ready(output)?;
    let found = DamagedDatabase::find(database, context)?;
    let (whole, mut selection) = WholeLog::read(&found, context)?;
    let left_out = left_out(&found, &whole, context, see)?;
    let staging = Staging::begin(place.clone(), found.mode, context)?;
    let sink = Sink::to(staging, context.clock.now(), form_for(&place));
    let sink = written(sink, &found, &whole, &selection.take_rest())?;
    let has_doubt = found.image.headers.checkpoint.iteration > 0
        && found.log.is_some()
        && found.has_younger_vectors();
    let is_exact = whole.is_exact && !has_doubt;
    let is_named = {
        let doubt = found.image.doubt.as_ref();
        let is_image_named = doubt.is_none_or(|doubt| !doubt.is_unnamed);
        is_exact && is_image_named && !whole.is_unnamed && !selection.is_encrypted
    };
    let checkpoint = &found.image.headers.checkpoint;
    let last = selection.last;
    let lsn = last.and_then(|last| last.end).or(checkpoint.log_start);
    let image = Point::new(apograph_format::Timeline::FIRST, checkpoint.epoch);
    let point = Some(last.map_or(image, |last| last.point)).filter(|_| is_named);
    let first = left_out.iter().find_map(|file| file.points);
    let gap = cause(&found, &whole, lsn).map(|cause| DatabaseGap {
        after: point,
        before: first.map(|(first, _)| first),
        cause,
    });
    let files = whole.tail.files.iter().zip(&whole.by_file);
    let log_files = files.filter(|(_, kept)| kept.commits > 0);
    let log_files = log_files.map(|(file, _)| file.start().into()).collect();
    let mut salvaged = SalvagedDatabase {
        output: output.to_owned(),
        generation: found.image.headers.file.generation,
        image: found.image.source.path().to_owned(),
        point,
        lsn,
        log_files,
        commits: selection.commits,
        bytes_read: found.image.source.len() as u64 + whole.bytes_read,
        bytes_written: sink.bytes(),
        owner: None,
        statements_to_run: selection.statements.into_list(),
        is_exact,
        gap,
        left_out,
    };
    accept(&salvaged)?;
    (_, salvaged.owner) = sink.finish()?;
    Ok(salvaged)
}

/// Makes all of the database but its name.
fn written<'d>(
    mut sink: Sink<'d>,
    found: &DamagedDatabase,
    whole: &WholeLog<'_>,
    runs: &Runs,
) -> Result<Sink<'d>> {
    let image = &found.image;
    let checkpoint = &image.headers.checkpoint;
    if !(found.is_folder && sink.folder()?) {
        sink.database(&image.front, &image.source, checkpoint.log_start)?;
    }
    // Of a database that never had an image the log has all.
    if checkpoint.iteration > 0 {
        for (name, source) in &found.spilled {
            sink.spilled(name, source.file(), 0, source.len() as u64)?;
        }
    }
    for run in runs.as_slice() {
        let files = &whole.tail;
        if let (Some(file), Some(part)) = (files.files.get(run.part), files.parts.get(run.part)) {
            let header = file.header().copied();
            let copied = sink.log((file.file(), header), part, *run);
            copied.map_err(|error| failed(error, file.start()))?;
        }
    }
    Ok(sink)
}

fn failed(error: WalkError, file: LogPosition) -> RestoreError {
    match error {
        WalkError::Io(error) => error.into(),
        WalkError::Output(error) => *error,
        WalkError::Unusable(reason) => RestoreError::Segment(UnusableSegment {
            file: file.into(),
            reason,
        }),
    }
}

/// Why something is missing, if it is.
fn cause(
    found: &DamagedDatabase,
    whole: &WholeLog<'_>,
    end: Option<Lsn>,
) -> Option<DatabaseDamage> {
    if let Some((_, damage)) = &whole.damage {
        return Some(DatabaseDamage::Log(Arc::clone(damage)));
    }
    let is_covered = |doubt: &ImageDoubt| {
        doubt.is_unnamed || !whole.tail.files.is_empty() && end >= doubt.log_start
    };
    let doubt = found
        .image
        .doubt
        .as_ref()
        .filter(|doubt| !is_covered(doubt));
    doubt.map(|doubt| DatabaseDamage::Image {
        file: doubt.file.clone(),
        defect: doubt.defect.clone(),
    })
}

/// The log files from the damage on, with what of them is in the database and what is not.
fn left_out(
    found: &DamagedDatabase,
    whole: &WholeLog<'_>,
    context: Context<'_>,
    mut see: impl FnMut(Commit, FoundRecords<'_, '_>) -> Result<()>,
) -> Result<Vec<LeftOutLog>> {
    let (Some((log, defects)), Some((place, damage))) = (&found.log, &whole.damage) else {
        return Ok(Vec::new());
    };
    let mut files = BTreeMap::new();
    let is_dropped = whole.kept.commits == 0;
    let first = place.map_or(usize::MAX, |place| place.part);
    for (index, (file, kept)) in whole.tail.files.iter().zip(&whole.by_file).enumerate() {
        if is_dropped || index >= first {
            let damage = (index == first).then(|| Arc::clone(damage));
            let of_file = LeftOutLog {
                kept: kept.commits,
                kept_epochs: kept.epochs.clone(),
                damage,
                ..LeftOutLog::of(file.start().into())
            };
            files.insert(file.start(), of_file);
        }
    }
    let after = whole.tail.files.last().copied();
    for file in log.runs_after(after).iter().flat_map(|run| &run.files) {
        files.insert(file.start(), LeftOutLog::of(file.start().into()));
    }
    let after = after.map(LogFile::start);
    for defect in defects {
        let place = file_of(defect, log.generation()).filter(|place| Some(*place) > after);
        if let Some(place) = place {
            let damage = Some(Arc::new(LogDamage::File(Arc::clone(defect))));
            files.entry(place).or_insert(LeftOutLog {
                damage,
                ..LeftOutLog::of(place.into())
            });
        }
    }
    whole.past(found, context, |file, commit, records| {
        let of_file = files.entry(file.start());
        of_file
            .or_insert_with(|| LeftOutLog::of(file.start().into()))
            .add(&commit);
        see(commit, records)
    })?;
    Ok(files.into_values().collect())
}
