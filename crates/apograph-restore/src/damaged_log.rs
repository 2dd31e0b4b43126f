//! The log of a damaged database: what of it is whole and in order, and what comes after that.
//!
//! Up to its first damage a log is replayed as an engine does it after a crash. What stands after the
//! damage is read, so that it can be told what is lost, and never replayed.

use std::sync::Arc;

use apograph_format::{
    DatabaseHeaders, Generation, LogFolderEntry, LogPosition, LogSequence, Point, Timeline,
};
use apograph_io::{Context, IoError, Steps};
use apograph_manifest::{Cut, FileName, read_markers};
use apograph_wal::{
    ImagePlace, LogDefect, LogEnd, LogEndCause, LogFile, LogFolder, LogTail, Place, PlacedEvent,
    PlacedReader, TimelineState, WalError, groups_after, is_begun_anew, is_begun_before,
    read_ahead,
};

use crate::beyond::Beyond;
use crate::damaged_database::DamagedDatabase;
use crate::error::Result;
use crate::history::{Commit, FoundRecords};
use crate::past_damage::Past;
use crate::selection::Selection;
use crate::walk::LastEpoch;

/// Why a log does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogDamage {
    /// Bytes of a log file are damaged.
    #[error("{file} is damaged at byte {offset}")]
    Frame {
        /// The log file.
        file: FileName,
        /// Where the damaged frame begins, in bytes.
        offset: u64,
        /// What is wrong with it.
        #[source]
        defect: LogDefect,
    },
    /// Generation 2: what stands there was never durable, as far as the log tells, and whole commits
    /// stand after it. The engine cuts all of it off.
    #[error("{file} has no whole commit at byte {offset}, and has whole ones after it")]
    NotDurable {
        /// The log file.
        file: FileName,
        /// Where the commit begins, in bytes.
        offset: u64,
    },
    /// A log file is missing, or of no use.
    #[error(transparent)]
    File(Arc<WalError>),
}

impl LogDamage {
    /// Where in the log file it is, in bytes.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Frame { offset, .. } | Self::NotDurable { offset, .. } => Some(*offset),
            Self::File(_) => None,
        }
    }
}

/// The log from the image on, up to its first damage.
pub(crate) struct WholeLog<'a> {
    pub(crate) tail: LogTail<'a>,
    /// The commits in it.
    pub(crate) kept: Beyond,
    /// Those of each file of the tail, by the file in which they begin.
    pub(crate) by_file: Vec<Beyond>,
    /// Where it ends, and why, if that is not the end of the log.
    pub(crate) damage: Option<(Option<Place>, Arc<LogDamage>)>,
    /// Whether the image and what is replayed are a state that was.
    pub(crate) is_exact: bool,
    /// Generation 1: whether the last commit may have taken an epoch that is lost.
    pub(crate) is_unnamed: bool,
    /// What is known of the timeline where it begins.
    start: TimelineState,
    /// And where it ends.
    end: TimelineState,
    pub(crate) bytes_read: u64,
}

impl<'a> WholeLog<'a> {
    /// Reads the log of a database; returns what of it is replayed too.
    pub(crate) fn read(
        database: &'a DamagedDatabase,
        context: Context<'_>,
    ) -> Result<(Self, Selection)> {
        let mut selection = Selection::new(Cut::End);
        let headers = &database.image.headers;
        let base = Point::new(Timeline::FIRST, headers.checkpoint.epoch);
        let mut state = TimelineState::at(base).holding(None);
        let Some((log, defects)) = &database.log else {
            return Ok((Self::of(LogTail::default(), state), selection));
        };
        let place = place_of(database, log, defects, context)?;
        let (tail, missing) = log.front_from(place.start);
        let is_counted_anew = place.is_exact && headers.checkpoint.iteration > 0;
        if is_counted_anew
            && log.generation() == Generation::One
            && is_begun_anew(&tail, base.epoch)?
        {
            state.end_process();
        }
        let mut whole = Self::of(tail, state);
        let defect = first_defect(database, &whole.tail, missing, place.start);
        let end = whole.replay(&mut selection, defect.is_some(), context)?;
        whole.damage = match end {
            Some((place, defect)) => Some((Some(place), Arc::new(defect))),
            None => defect.map(|defect| (None, Arc::new(LogDamage::File(defect)))),
        };
        let is_cut = whole.damage.is_some();
        whole.is_exact = !is_cut || place.is_exact && !whole.kept.lacks_lower;
        if is_cut && !place.is_exact && !is_of_image(log, headers) && !reaches(&selection, base) {
            // It is in the image, as far as can be told, and older values would come back.
            whole.drop_all();
            selection = Selection::new(Cut::End);
        }
        Ok((whole, selection))
    }

    fn of(tail: LogTail<'a>, start: TimelineState) -> Self {
        Self {
            by_file: vec![Beyond::default(); tail.files.len()],
            tail,
            kept: Beyond::default(),
            damage: None,
            is_exact: true,
            is_unnamed: false,
            end: start.clone(),
            start,
            bytes_read: 0,
        }
    }

    /// Reads what is whole; tells where it is damaged. It is cut where another file should follow.
    fn replay(
        &mut self,
        selection: &mut Selection,
        is_cut: bool,
        context: Context<'_>,
    ) -> Result<Option<(Place, LogDamage)>> {
        let bytes = self.tail.parts.iter().map(|part| part.bytes.len() as u64);
        context.monitor.phase("reading the log", bytes.sum());
        let mut steps = Steps::of(context.monitor);
        let start = self.start.point();
        let (mut point, mut points) = (start, vec![start; self.by_file.len()]);
        let (kept, by_file) = (&mut self.kept, &mut self.by_file);
        let mut add = |event: &PlacedEvent<'_>| {
            selection.add(event)?;
            if let PlacedEvent::Group(group, placement) = event {
                kept.add(placement, &mut point);
                let file = group.start.part;
                if let (Some(of_file), Some(point)) = (by_file.get_mut(file), points.get_mut(file))
                {
                    of_file.add(placement, point);
                }
            }
            Ok::<_, IoError>(())
        };
        let (mut state, bytes_read) = (self.start.clone(), &mut self.bytes_read);
        // The last is added once it is known what follows it.
        let (mut last, mut unread) = (None, None);
        let end = read_ahead(&self.tail.parts, context.threads, |groups| {
            let mut reader = PlacedReader::of(groups, &mut state);
            for event in reader.by_ref() {
                let event = match event {
                    Err(error @ IoError::Unreadable { .. }) => {
                        unread = Some(error);
                        break;
                    }
                    event => event?,
                };
                *bytes_read += event.bytes();
                steps.advance(event.bytes())?;
                last.replace(event).iter().try_for_each(&mut add)?;
            }
            Ok::<_, IoError>(reader.end())
        })?;
        steps.tell();
        let after_last = last.and_then(|event: PlacedEvent<'_>| event.runs().last());
        let after_last = after_last.map_or(Place::default(), |run| Place {
            part: run.part,
            offset: run.end,
        });
        let damage = match unread {
            // A sector that cannot be read is damage like any other.
            Some(error) => Some((after_last, LogDamage::File(Arc::new(error.into())))),
            None => damage_at(&self.tail, end)?,
        };
        let group = last.and_then(|event| match event {
            PlacedEvent::Group(group, _) => Some((group.end, group.transaction, group.head)),
            _ => None,
        });
        let epoch = match &damage {
            None if !is_cut => LastEpoch::Known,
            _ => LastEpoch::before(end, group),
        };
        if epoch != LastEpoch::Destroyed {
            last.iter().try_for_each(&mut add)?;
        }
        self.is_unnamed = epoch == LastEpoch::Unknown;
        self.end = state;
        if let Some(file) = self.tail.files.first()
            && file.sequence().is_some()
        {
            self.kept.close(point);
        }
        Ok(damage)
    }

    fn drop_all(&mut self) {
        self.by_file.fill(Beyond::default());
        self.kept = Beyond::default();
        self.is_unnamed = false;
        self.end = self.start.clone();
    }

    /// Shows every whole commit that is not replayed, with its file, in the order of the log.
    pub(crate) fn past(
        &self,
        database: &DamagedDatabase,
        context: Context<'_>,
        mut see: impl FnMut(&LogFile, Commit, FoundRecords<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        let Some((log, _)) = &database.log else {
            return Ok(());
        };
        let Some((place, _)) = &self.damage else {
            return Ok(());
        };
        let mut past = Past::of(self.end.clone(), context);
        if self.kept.commits == 0 && !self.tail.parts.is_empty() {
            past.read(&self.tail, Place::default(), &mut see)?;
        } else if place.is_some() {
            past.read_after(&self.tail, *place, &mut see)?;
        }
        for run in log.runs_after(self.tail.files.last().copied()) {
            past.read_after(&run, None, &mut see)?;
        }
        Ok(())
    }
}

/// What is damaged where a log ends.
fn damage_at(tail: &LogTail<'_>, end: Option<LogEnd>) -> Result<Option<(Place, LogDamage)>> {
    let (Some(end), Some(last)) = (end, tail.parts.len().checked_sub(1)) else {
        return Ok(None);
    };
    // Only the last file of a log can be torn.
    let last = Place {
        part: last,
        offset: 0,
    };
    let (place, defect) = match end.cause {
        LogEndCause::Damage { place, defect } => (place, Some(defect)),
        LogEndCause::TornTail { .. } => (end.place.max(last), None),
        _ => return Ok(None),
    };
    let (Some(file), Some(part)) = (tail.files.get(place.part), tail.parts.get(place.part)) else {
        return Ok(None);
    };
    let file = file.start().into();
    let offset = part.file_offset + place.offset as u64;
    let damage = match defect {
        Some(defect) => LogDamage::Frame {
            file,
            offset,
            defect,
        },
        None if groups_after(&tail.parts, place)? == 0 => return Ok(None),
        None => LogDamage::NotDurable { file, offset },
    };
    Ok(Some((place, damage)))
}

/// Whether what is replayed goes on past the commit of an image's epoch.
fn reaches(selection: &Selection, image: Point) -> bool {
    let last = selection.last;
    last.is_some_and(|last| last.point.epoch >= image.epoch)
}

/// Where the log after the image begins, and whether the image is the state there.
fn place_of(
    database: &DamagedDatabase,
    log: &LogFolder,
    defects: &[Arc<WalError>],
    context: Context<'_>,
) -> Result<ImagePlace> {
    let headers = &database.image.headers;
    let at_recovery = |is_exact| ImagePlace {
        start: log.recovery_start(headers.checkpoint.log_start),
        is_exact,
    };
    if log.generation() == Generation::Two {
        return Ok(at_recovery(true));
    }
    let is_older = is_older(database, log);
    // A checkpoint alone removes log files, and records it.
    let from_the_start = ImagePlace {
        start: LogPosition::in_file(LogSequence::new(0), 0),
        is_exact: headers.checkpoint.iteration == 0,
    };
    if database.is_folder {
        return Ok(from_the_start);
    }
    let is_told = !defects
        .iter()
        .any(|it| matches!(**it, WalError::Checkpoint { .. }));
    let is_named = database
        .image
        .doubt
        .as_ref()
        .is_none_or(|doubt| !doubt.is_unnamed);
    if !(is_told && is_named) {
        return Ok(at_recovery(false));
    }
    let is_first_missing = log.recovery_start(None) > from_the_start.start;
    if log.checkpoint().is_none() && !is_older && is_first_missing {
        return Ok(from_the_start);
    }
    match ImagePlace::find(log, headers, is_older, context.threads) {
        Ok(place) => Ok(place),
        Err(WalError::Io(error)) => Err(error.into()),
        // Some of it is missing.
        Err(_) => Ok(at_recovery(false)),
    }
}

/// Whether a log that says nothing of a checkpoint was there before the image was written, as after a
/// close that was killed.
fn is_older(database: &DamagedDatabase, log: &LogFolder) -> bool {
    let headers = &database.image.headers;
    let Some(first) = log.files().first().filter(|_| log.checkpoint().is_none()) else {
        return false;
    };
    let is_noted = || {
        let markers = read_markers(log.folder()).unwrap_or_default();
        let mut slots = markers.iter().filter_map(|(_, marker)| marker.newest());
        slots.any(|slot| slot.evidence.log.is_some_and(|log| log.is_older))
    };
    headers.checkpoint.iteration > 0
        && (is_begun_before(first, headers, database.written) || is_noted())
}

/// Whether the last checkpoint recorded in the log folder is that of the image.
fn is_of_image(log: &LogFolder, headers: &DatabaseHeaders) -> bool {
    let image = &headers.checkpoint;
    log.checkpoint()
        .is_some_and(|it| (it.epoch, it.transaction) == (image.epoch, image.transaction))
}

/// Why the log ends where its files do, if that is not its end.
fn first_defect(
    database: &DamagedDatabase,
    tail: &LogTail<'_>,
    missing: Option<WalError>,
    start: LogPosition,
) -> Option<Arc<WalError>> {
    let (log, defects) = database.log.as_ref()?;
    let generation = log.generation();
    let at = |defect: &Arc<WalError>| file_of(defect, generation);
    // The file in which the log begins may be one of these.
    let places = defects.iter().filter_map(at);
    let first = places.filter(|place| *place <= start).max();
    let after = tail.files.last().map(|file| file.start());
    let next = log.runs_after(tail.files.last().copied());
    let next = next
        .first()
        .and_then(|run| run.files.first())
        .map(|file| file.start());
    let is_next = |place: LogPosition| {
        let is_needed = first.is_none_or(|first| place >= first);
        is_needed && Some(place) > after && next.is_none_or(|next| place < next)
    };
    let in_the_way = defects
        .iter()
        .filter(|defect| at(defect).is_some_and(is_next));
    let in_the_way = in_the_way.min_by_key(|defect| at(defect));
    // The engine would replay one whose place nothing tells.
    let mut strays = defects.iter();
    let stray = strays.find(|it| matches!(***it, WalError::StrayFile { .. }));
    let missing = missing.map(Arc::new);
    in_the_way.cloned().or(missing).or_else(|| stray.cloned())
}

/// The log file that an error is about.
pub(crate) fn file_of(error: &WalError, generation: Generation) -> Option<LogPosition> {
    let path = match error {
        WalError::Header { path, .. }
        | WalError::Renamed { path, .. }
        | WalError::ForeignFile { path }
        | WalError::MissingFile { path } => path,
        WalError::Io(error) => error.path(),
        _ => return None,
    };
    match LogFolderEntry::of(path.file_name()?, generation) {
        LogFolderEntry::Log(start) => Some(start),
        _ => None,
    }
}
