//! A repository, opened for reading.
//!
//! Opening reads the manifest and `apograph.json` and looks at each file's size. Only a segment
//! that has no record is read: one that the engine captured, or all of them where `apograph.json`
//! was lost.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use apograph_format::{Epoch, Point, SegmentKind, SegmentName, Timeline};
use apograph_io::{Threads, is_temporary, list_folder};
use apograph_manifest::{
    Chain, ChainEntry, Cursor, FullContent, HISTORY_FILE_NAME, History, ImageIdentity,
    MANIFEST_FILE_NAME, Manifest, Segment, SegmentContent, SegmentRecord, Unusable, read_history,
    read_manifest,
};
use apograph_wal::{PlacedReader, TimelineState};

use crate::error::{RepositoryError, Result};
use crate::overlap::overlap_bytes;
use crate::segment::{FullFile, IncrementFile, SegmentDefect, check_end, check_file, check_size};
use crate::summary::{Summary, Surroundings};

/// The engine's log files have at most this many bytes before the group that ends them.
const LOG_FILE_BYTES: u64 = 64 << 20;

/// A repository as it was found.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
    manifest: Manifest,
    chain: Chain,
    cursor: Option<Cursor>,
    unnamed: Vec<SegmentName>,
    temporaries: Vec<OsString>,
}

impl Repository {
    /// Opens the repository in `folder`.
    ///
    /// A segment that is missing or damaged is no error here: it is a hole in the chain.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::NotARepository`]; [`RepositoryError::Contradiction`] where the manifest
    /// is missing or does not agree with the files; [`RepositoryError::Manifest`] where it cannot
    /// be read; [`RepositoryError::Io`].
    pub fn open(folder: &Path) -> Result<Self> {
        let repository = Self::open_or_empty(folder)?;
        if repository.manifest.segments.is_empty() {
            let detail = "there is no manifest and no backup in it".to_owned();
            return Err(RepositoryError::NotARepository {
                path: folder.to_owned(),
                detail,
            });
        }
        Ok(repository)
    }

    /// Opens the repository in `folder`, which may be empty or not exist yet.
    ///
    /// # Errors
    ///
    /// As [`Repository::open`]; a folder with other files in it and no manifest is
    /// [`RepositoryError::NotARepository`].
    pub fn open_or_empty(folder: &Path) -> Result<Self> {
        let names = match list_folder(folder) {
            Ok(names) => names.unwrap_or_default(),
            Err(error) if folder.is_file() => {
                let detail = "it is a file".to_owned();
                drop(error);
                return Err(RepositoryError::NotARepository {
                    path: folder.to_owned(),
                    detail,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let (temporaries, names): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| is_temporary(name));
        let segments: Vec<SegmentName> = names
            .iter()
            .filter_map(|name| SegmentName::parse(name.to_str()?))
            .collect();
        let Some(manifest) = read_manifest(folder)? else {
            return Self::without_manifest(folder, &names, &segments, temporaries);
        };
        let history = read_history(folder)?;
        let opening = Opening {
            folder,
            manifest: &manifest,
            history: &history,
        };
        opening.check_names()?;
        let chain = Chain::new(opening.entries()?);
        let is_named = |name: &SegmentName| {
            let name = name.to_string();
            manifest
                .segments
                .iter()
                .any(|segment| segment.file.as_str() == name)
        };
        let unnamed = segments
            .into_iter()
            .filter(|name| !is_named(name))
            .collect();
        let (folder, cursor) = (folder.to_owned(), history.cursor);
        Ok(Self {
            folder,
            manifest,
            chain,
            cursor,
            unnamed,
            temporaries,
        })
    }

    fn without_manifest(
        folder: &Path,
        names: &[OsString],
        segments: &[SegmentName],
        temporaries: Vec<OsString>,
    ) -> Result<Self> {
        let first = SegmentName {
            kind: SegmentKind::Full,
            index: 0,
        };
        // A first backup that was cut off before its manifest leaves just its own files.
        let interrupted = segments
            .iter()
            .all(|name| *name == first || name.index == 1);
        let unfinished = segments.is_empty() || interrupted && segments.contains(&first);
        if !unfinished {
            let path = folder.join(MANIFEST_FILE_NAME);
            let detail = "it is missing, and there are segments that it should name".to_owned();
            return Err(RepositoryError::Contradiction { path, detail });
        }
        let foreign = names.iter().find(|name| {
            let segment = name.to_str().and_then(SegmentName::parse).is_some();
            !segment && *name != "backup.lock" && *name != HISTORY_FILE_NAME
        });
        if let Some(name) = foreign {
            let detail = format!("it has no manifest, and holds {}", name.to_string_lossy());
            return Err(RepositoryError::NotARepository {
                path: folder.to_owned(),
                detail,
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            manifest: Manifest::default(),
            chain: Chain::new(Vec::new()),
            cursor: None,
            unnamed: segments.to_vec(),
            temporaries,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What can be restored.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The cursor as the last backup wrote it into the log folder.
    pub const fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Segment files that the manifest does not name.
    pub fn unnamed(&self) -> &[SegmentName] {
        &self.unnamed
    }

    /// Temporary files that a killed command left.
    pub fn temporaries(&self) -> impl Iterator<Item = PathBuf> {
        self.temporaries.iter().map(|name| self.folder.join(name))
    }

    /// The path of a segment's file.
    pub fn path_of(&self, segment: &Segment) -> PathBuf {
        self.folder.join(&segment.file)
    }

    /// The timeline in front of an entry of the chain.
    pub fn timeline_before(&self, index: usize) -> TimelineState {
        timeline_behind(self.chain.entries().get(..index).unwrap_or_default())
    }

    /// The timeline behind the last entry of the chain.
    pub fn timeline_at_end(&self) -> TimelineState {
        timeline_behind(self.chain.entries())
    }

    /// The records of all segments whose content is known.
    pub fn records(&self) -> impl Iterator<Item = SegmentRecord> {
        self.chain.entries().iter().filter_map(|entry| {
            let content = entry.content.clone()?;
            Some(SegmentRecord {
                segment: entry.segment.clone(),
                content,
            })
        })
    }
}

/// The timeline behind some entries from the start of a chain.
fn timeline_behind(entries: &[ChainEntry]) -> TimelineState {
    let start = Point::new(Timeline::FIRST, Epoch::default());
    let mut state = TimelineState::at(start);
    for (index, entry) in entries.iter().enumerate() {
        advance(&mut state, entry, index == 0);
    }
    state
}

/// Brings a timeline forward over an entry of the chain.
pub fn advance(state: &mut TimelineState, entry: &ChainEntry, first: bool) {
    match &entry.content {
        Some(SegmentContent::Full(full)) if first || !full.continues => {
            *state = TimelineState::at(full.base);
        }
        Some(SegmentContent::Increment(increment)) if !increment.repeats => {
            for stretch in &increment.stretches {
                if stretch.opens || stretch.timeline != state.timeline {
                    *state = TimelineState::at(Point::new(stretch.timeline, stretch.base));
                }
                state.epochs.extend(&stretch.epochs);
                state.transactions.extend(&stretch.transactions);
            }
            state.process_ended = increment.process_ended;
        }
        _ => {}
    }
}

/// Which database and checkpoint an image is of.
pub fn identity_of(file: &FullFile) -> ImageIdentity {
    let checkpoint = file.image.checkpoint();
    ImageIdentity {
        database_created_at: file.image.headers().file.created_at,
        iteration: checkpoint.iteration,
        checksum: checkpoint.checksum,
    }
}

/// The reading of a manifest's entries.
struct Opening<'a> {
    folder: &'a Path,
    manifest: &'a Manifest,
    history: &'a History,
}

impl Opening<'_> {
    fn contradiction(&self, detail: String) -> RepositoryError {
        RepositoryError::Contradiction {
            path: self.folder.join(MANIFEST_FILE_NAME),
            detail,
        }
    }

    /// What the manifest and the records say of the same segment has to agree.
    fn check_names(&self) -> Result<()> {
        for segment in &self.manifest.segments {
            let file = &segment.file;
            let name = SegmentName::parse(file.as_str());
            if name.is_none_or(|name| name.kind != segment.kind) {
                let detail = format!("{file} is no name of a {} segment", segment.kind);
                return Err(self.contradiction(detail));
            }
            if segment.kind == SegmentKind::Full && segment.start_epoch.get() != 0 {
                let detail = format!("{file} begins at epoch {}", segment.start_epoch);
                return Err(self.contradiction(detail));
            }
        }
        let mut entries = self.manifest.segments.iter();
        for record in &self.history.records {
            let file = &record.segment.file;
            let Some(entry) = entries.find(|entry| entry.file == *file) else {
                let detail = format!("{HISTORY_FILE_NAME} knows {file}, which it does not name");
                return Err(self.contradiction(detail));
            };
            if *entry != record.segment {
                let detail = format!("{HISTORY_FILE_NAME} has other figures for {file}");
                return Err(self.contradiction(detail));
            }
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<ChainEntry>> {
        let mut entries: Vec<ChainEntry> = Vec::with_capacity(self.manifest.segments.len());
        let mut state = timeline_behind(&[]);
        let mut records = self.history.records.iter().peekable();
        for segment in &self.manifest.segments {
            let record = records.next_if(|record| record.segment.file == segment.file);
            let entry = match record {
                Some(record) => self.recorded(segment, record)?,
                None => self.read(segment, &entries, &state)?,
            };
            advance(&mut state, &entry, entries.is_empty());
            entries.push(entry);
        }
        Ok(entries)
    }

    /// A segment that has a record: its file is looked at and not read.
    fn recorded(&self, segment: &Segment, record: &SegmentRecord) -> Result<ChainEntry> {
        let unusable = self.look_at(segment)?;
        let content = Some(record.content.clone());
        Ok(ChainEntry {
            segment: segment.clone(),
            content,
            unusable,
        })
    }

    fn look_at(&self, segment: &Segment) -> Result<Option<Unusable>> {
        let path = self.folder.join(&segment.file);
        match path.symlink_metadata() {
            Ok(found) if found.is_file() => Ok(check_size(found.len(), segment).err()),
            Ok(_) => {
                let detail = format!("{} is not a regular file", segment.file);
                Err(self.contradiction(detail))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Some(Unusable::Missing))
            }
            Err(source) => {
                let operation = "inspect";
                Err(apograph_io::IoError::Failed {
                    operation,
                    path,
                    source,
                }
                .into())
            }
        }
    }

    /// A segment without a record: all of it is read.
    fn read(
        &self,
        segment: &Segment,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> Result<ChainEntry> {
        let entry = |content, unusable| ChainEntry {
            segment: segment.clone(),
            content,
            unusable,
        };
        if let Some(unusable) = self.look_at(segment)? {
            return Ok(entry(None, Some(unusable)));
        }
        let read = match segment.kind {
            SegmentKind::Full => self.read_full(segment, before, state),
            SegmentKind::Incremental => self.read_increment(segment, before, state),
        };
        match read {
            Ok(content) => Ok(entry(Some(content), None)),
            Err(Defect::Segment(SegmentDefect::Unusable(unusable))) => {
                Ok(entry(None, Some(unusable)))
            }
            Err(Defect::Segment(SegmentDefect::Io(error))) => Err(error.into()),
            Err(Defect::Contradiction(detail)) => Err(self.contradiction(detail)),
        }
    }

    fn read_full(
        &self,
        segment: &Segment,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> std::result::Result<SegmentContent, Defect> {
        let file = FullFile::open(&self.folder.join(&segment.file))?;
        check_file(file.bytes(), segment, Threads::default())?;
        file.image.check(file.bytes())?;
        let epoch = file.image.checkpoint().epoch;
        if epoch != segment.end_epoch {
            return Err(Defect::differs(segment, epoch));
        }
        let image = identity_of(&file);
        let repeated = self.repeated_behind(segment);
        let continues = repeated.is_some() || before.last().is_some_and(|it| same_image(it, image));
        let timeline = match (before.is_empty(), continues) {
            (true, _) => Timeline::FIRST,
            (false, true) => Self::timeline_of(epoch, state, repeated.as_ref()),
            (false, false) => state.timeline.next().unwrap_or(state.timeline),
        };
        let base = Point::new(timeline, epoch);
        Ok(SegmentContent::Full(FullContent {
            image,
            base,
            continues,
            log_start: None,
        }))
    }

    /// The increment behind a full backup, where it says that the log before it goes on.
    fn repeated_behind(&self, full: &Segment) -> Option<IncrementFile> {
        let mut behind = self
            .manifest
            .segments
            .iter()
            .skip_while(|it| it.file != full.file)
            .skip(1);
        let next = behind
            .next()
            .filter(|next| next.kind == SegmentKind::Incremental)?;
        let file = IncrementFile::open(&self.folder.join(&next.file)).ok()?;
        file.header.flags.repeats.then_some(file)
    }

    /// The timeline of an image: the current one, less those that begin in what is repeated.
    fn timeline_of(
        epoch: Epoch,
        current: &TimelineState,
        repeated: Option<&IncrementFile>,
    ) -> Timeline {
        let Some(file) = repeated else {
            return current.timeline;
        };
        let mut state = TimelineState::at(Point::new(Timeline::FIRST, epoch));
        if file.header.flags.reopened {
            state.end_process();
        }
        let parts = [file.part(0)];
        PlacedReader::new(&parts, &mut state).for_each(drop);
        let opened = state.timeline.get().saturating_sub(Timeline::FIRST.get());
        Timeline::new(
            current
                .timeline
                .get()
                .saturating_sub(opened)
                .max(Timeline::FIRST.get()),
        )
    }

    fn read_increment(
        &self,
        segment: &Segment,
        before: &[ChainEntry],
        state: &TimelineState,
    ) -> std::result::Result<SegmentContent, Defect> {
        let file = IncrementFile::open(&self.folder.join(&segment.file))?;
        check_file(file.bytes(), segment, Threads::default())?;
        let header = file.header;
        if header.start_epoch != segment.start_epoch || header.end_epoch != segment.end_epoch {
            return Err(Defect::differs(segment, header.end_epoch));
        }
        let flags = header.flags;
        let mut state = match before.last().map(|last| &last.content) {
            Some(Some(SegmentContent::Full(full))) if flags.repeats => TimelineState::at(full.base),
            _ => state.clone(),
        };
        if flags.reopened {
            state.end_process();
        }
        let ours = flags.continues || flags.repeats || flags.catches_up;
        let overlap_bytes = if ours {
            0
        } else {
            self.overlap(before, file.body())
        };
        let parts = [file.part(overlap_bytes)];
        let mut summary = Summary::default();
        let mut reader = PlacedReader::new(&parts, &mut state);
        while let Some(event) = reader.next() {
            summary.add(&event, reader.state());
        }
        if let (Some(end), [part]) = (reader.end(), &parts) {
            check_end(end, part)?;
        }
        let (repeats, catches_up) = (flags.repeats, flags.catches_up);
        let surroundings = Surroundings {
            range: None,
            overlap_bytes,
            repeats,
            catches_up,
        };
        Ok(SegmentContent::Increment(
            summary.content(surroundings, &state),
        ))
    }

    /// What the engine's segment repeats of those that apograph captured right before it.
    fn overlap(&self, before: &[ChainEntry], body: &[u8]) -> u64 {
        let mut files = Vec::new();
        let mut bytes = 0;
        for entry in before.iter().rev() {
            let open = || IncrementFile::open(&self.folder.join(&entry.segment.file)).ok();
            let Some(file) = (entry.segment.kind == SegmentKind::Incremental)
                .then(open)
                .flatten()
            else {
                break;
            };
            bytes += file.body().len() as u64;
            let last = !file.header.flags.continues || bytes > LOG_FILE_BYTES;
            files.push(file);
            if last {
                break;
            }
        }
        let parts: Vec<_> = files.iter().rev().map(|file| file.part(0)).collect();
        overlap_bytes(&parts, body)
    }
}

fn same_image(entry: &ChainEntry, image: ImageIdentity) -> bool {
    matches!(&entry.content, Some(SegmentContent::Full(full)) if full.image == image)
}

enum Defect {
    Segment(SegmentDefect),
    Contradiction(String),
}

impl Defect {
    fn differs(segment: &Segment, found: Epoch) -> Self {
        Self::Contradiction(format!(
            "it says epochs {} to {} of {}, which ends with epoch {found}",
            segment.start_epoch, segment.end_epoch, segment.file
        ))
    }
}

impl<E: Into<SegmentDefect>> From<E> for Defect {
    fn from(error: E) -> Self {
        Self::Segment(error.into())
    }
}

impl From<Unusable> for SegmentDefect {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}
