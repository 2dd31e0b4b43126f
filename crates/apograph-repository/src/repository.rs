//! A repository, opened for reading.
//!
//! Opening reads the manifest and `apograph.json` and looks at each file's size. Only a segment
//! that has no record is read: one that the engine captured, or all of them where `apograph.json`
//! was lost.
//!
//! Reading takes no lock, and a backup may be published meanwhile: its segments get their names,
//! then the manifest is replaced, then `apograph.json`. What was read of two moments is read again,
//! for a bounded time; and a segment that no manifest names yet is of a backup that is not
//! finished.
//!
//! The folder is opened once. Whatever is read, locked and written from then on is in that folder,
//! also where its path comes to lead to another one.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use apograph_format::{Generation, SegmentKind, SegmentName, WithCauses};
use apograph_io::{At, Context, Folder, IoError, Mode, Monitor, is_temporary};
use apograph_manifest::{
    Chain, ChainEntry, Evidence, FileName, HISTORY_FILE_NAME, HistoryEnd, MANIFEST_FILE_NAME,
    Manifest, ManifestError, NOTES_FILE_NAME, Notes, RecordRef, SEGMENTS_MAX, Segment,
    SegmentContent, Unknown, Unusable, read_manifest, read_notes,
};
use apograph_wal::TimelineState;

use crate::error::{RepositoryError, Result};
use crate::location::{Keys, Location};
use crate::moment::at_one_moment;
use crate::opening::{Opening, Recorded};
use crate::placeholders::Placeholders;
use crate::segment::StoredFile;
use crate::segment_defect::SegmentDefect;
use crate::timelines::{cross, timeline_behind};
use crate::vault_segments::{VaultRead, VaultSegments};
use crate::verified::Verified;
use crate::writer::ENGINE_LOCK_FILE_NAME;

/// A repository as it was found.
#[derive(Debug)]
pub struct Repository {
    place: SegmentPlace,
    generation: Generation,
    /// What else the manifest says.
    unknown: Unknown,
    pub(crate) chain: Chain,
    pub(crate) verified: Verified,
    has_history: bool,
    recorded: Option<Recorded>,
    evidence: Option<Evidence>,
    notes: std::result::Result<Option<Notes>, ManifestError>,
    unnamed: Vec<SegmentName>,
    temporaries: Vec<OsString>,
    /// What the manifest has in the place of what was pruned.
    placeholders: Placeholders,
}

/// Where the segments of a repository are.
#[derive(Debug)]
enum SegmentPlace {
    /// They are files of a folder.
    Folder(Folder),
    /// They are objects of a vault.
    Vault(Box<VaultSegments>),
}

impl Repository {
    /// Opens a repository. Segments that have no record are read.
    ///
    /// A segment that is missing or damaged is no error here: it is a gap in the chain. Nor are
    /// damaged notes, of which the monitor is told.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::NotARepository`]; [`RepositoryError::Contradiction`] where the manifest
    /// is missing or does not agree with the files; [`RepositoryError::Manifest`] where it cannot
    /// be read; [`RepositoryError::Vault`] where a vault cannot; [`RepositoryError::Io`].
    pub fn open(location: impl Into<Location>, context: Context<'_>) -> Result<Self> {
        Self::open_by(&location.into(), context, true)
    }

    /// The same for who reads the files that matter to the end: one without a record is read for
    /// what is in it, and not compared with what the manifest says of it. That is
    /// [owed](Self::unsummed). Where a file turns out to be another one, the repository is to be
    /// [opened anew](Self::summed), since what such a file says counts for nothing.
    ///
    /// # Errors
    ///
    /// As [`Repository::open`].
    pub fn open_unsummed(location: impl Into<Location>, context: Context<'_>) -> Result<Self> {
        Self::open_by(&location.into(), context, false)
    }

    fn open_by(location: &Location, context: Context<'_>, sums: bool) -> Result<Self> {
        if let Some(vault) = VaultSegments::in_store(location)? {
            return Ok(Self::of_vault(vault));
        }
        let path = location.path();
        let no_repository = |detail: &str| RepositoryError::NotARepository {
            path: path.clone(),
            detail: detail.to_owned(),
        };
        let folder = match Folder::find(&path) {
            Ok(Some(folder)) => folder,
            Ok(None) => return Err(no_repository("there is no such folder")),
            Err(IoError::NotAFolder { .. }) => return Err(no_repository("it is a file")),
            Err(error) => return Err(error.into()),
        };
        let found = Self::of_some_backup((&folder, &location.keys), context, sums)?;
        tell_damaged(&found.notes, context.monitor);
        Ok(found)
    }

    /// The same repository, opened anew, of which every file without a record is compared with what
    /// the manifest says of it. Of a vault, each segment has a record.
    ///
    /// # Errors
    ///
    /// As [`Repository::open`].
    pub fn summed(self, context: Context<'_>) -> Result<Self> {
        match &self.place {
            SegmentPlace::Folder(folder) => {
                Self::of_some_backup((folder, &Keys::default()), context, true)
            }
            SegmentPlace::Vault(_) => Ok(self),
        }
    }

    fn of_some_backup(
        (folder, keys): (&Folder, &Keys),
        context: Context<'_>,
        sums: bool,
    ) -> Result<Self> {
        if let Some(vault) = VaultSegments::find(folder, keys)? {
            return Ok(Self::of_vault(vault));
        }
        at_one_moment(folder, context, || {
            let repository = Self::of(folder.clone(), context, sums)?;
            if !repository.is_initialized() {
                let path = folder.path().to_owned();
                let detail = "there is no backup in it".to_owned();
                Err(RepositoryError::NotARepository { path, detail })
            } else if repository.chain.entries().is_empty() && !repository.unnamed.is_empty() {
                Err(unnamed_segments(folder))
            } else {
                Ok(repository)
            }
        })
    }

    /// Opens the repository in `folder`, which may be empty.
    ///
    /// # Errors
    ///
    /// As [`Repository::open`]; a folder with other files in it and no manifest is
    /// [`RepositoryError::NotARepository`].
    pub fn open_or_empty(folder: Folder, context: Context<'_>) -> Result<Self> {
        Self::of(folder, context, true)
    }

    fn of(folder: Folder, context: Context<'_>, sums: bool) -> Result<Self> {
        let found = Found::in_folder(&folder)?;
        let notes = match read_notes(&folder) {
            Err(ManifestError::Io(error)) => return Err(error.into()),
            notes => notes,
        };
        let Some(manifest) = read_manifest(&folder)? else {
            return Self::without_manifest(folder, found, notes);
        };
        let known = notes.as_ref().ok().and_then(Option::as_ref);
        let opening = Opening::of(&folder, context, sums, known);
        let Manifest {
            generation,
            segments,
            unknown,
        } = manifest;
        let unnamed = unnamed_in(found.segments, &segments);
        let (segments, placeholders) = Placeholders::taken_from(segments);
        let opened = opening.entries(segments, &placeholders)?;
        let looked_until = known.and_then(|notes| notes.looked_until);
        Ok(Self {
            place: SegmentPlace::Folder(folder),
            generation,
            unknown,
            chain: Chain::new(opened.entries).looked_until(looked_until),
            verified: opened.verified,
            has_history: opened.has_history,
            recorded: opened.recorded,
            evidence: opened.evidence,
            notes,
            unnamed,
            temporaries: found.temporaries,
            placeholders,
        })
    }

    /// A vault, as it was read.
    pub(crate) fn of_vault(read: VaultRead) -> Self {
        let last = read.entries.iter().rev().find_map(ChainEntry::generation);
        Self {
            place: SegmentPlace::Vault(Box::new(read.segments)),
            generation: last.unwrap_or(Generation::One),
            unknown: Unknown::new(),
            chain: Chain::new(read.entries).looked_until(read.notes.looked_until),
            verified: Verified::default(),
            has_history: false,
            recorded: None,
            evidence: read.evidence,
            notes: Ok(Some(read.notes)),
            unnamed: Vec::new(),
            temporaries: Vec::new(),
            placeholders: Placeholders::default(),
        }
    }

    fn without_manifest(
        folder: Folder,
        found: Found,
        notes: std::result::Result<Option<Notes>, ManifestError>,
    ) -> Result<Self> {
        // A first backup that was cut off before its manifest leaves just its own files; so does a copy,
        // which has a placeholder before them where what it copies was pruned.
        let is_own = |name: &SegmentName| match name.kind {
            SegmentKind::Full => name.index <= 1,
            SegmentKind::Incremental => (1..=2).contains(&name.index),
        };
        if !found.segments.iter().all(is_own) {
            return Err(unnamed_segments(&folder));
        }
        if let Some(name) = found.foreign {
            let detail = format!("it has no manifest, and holds {}", name.to_string_lossy());
            return Err(RepositoryError::NotARepository {
                path: folder.path().to_owned(),
                detail,
            });
        }
        Ok(Self {
            place: SegmentPlace::Folder(folder),
            generation: Generation::One,
            unknown: Unknown::new(),
            chain: Chain::new(Vec::new()),
            verified: Verified::default(),
            has_history: false,
            recorded: None,
            evidence: None,
            notes,
            unnamed: found.segments,
            temporaries: found.temporaries,
            placeholders: Placeholders::default(),
        })
    }

    /// Its folder, where its segments are files.
    pub const fn folder(&self) -> Option<&Folder> {
        match &self.place {
            SegmentPlace::Folder(folder) => Some(folder),
            SegmentPlace::Vault(_) => None,
        }
    }

    /// The path of its folder, or the address of its store.
    pub fn path(&self) -> PathBuf {
        match &self.place {
            SegmentPlace::Folder(folder) => folder.path().to_owned(),
            SegmentPlace::Vault(vault) => vault.path(),
        }
    }

    /// The generation in whose encoding the manifest is.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The manifest, made of the chain and of what stands in the place of what was pruned.
    pub fn manifest(&self) -> Manifest {
        let entries = self.chain.entries().iter();
        let segments = entries.map(|entry| entry.segment.clone());
        Manifest {
            generation: self.generation,
            segments: self.placeholders.put_into(segments),
            unknown: self.unknown.clone(),
        }
    }

    /// What can be restored.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The entries of the chain whose files are not compared with the manifest yet.
    pub fn unsummed(&self) -> impl Iterator<Item = usize> {
        let entries = self.chain.entries().iter().enumerate();
        let is_owed = |entry: &ChainEntry| entry.content.is_some() && entry.hash.is_none();
        entries.filter_map(move |(index, entry)| is_owed(entry).then_some(index))
    }

    /// The same repository, of which a segment cannot be used.
    #[must_use]
    pub fn without(self, file: &FileName, reason: Unusable) -> Self {
        let mut entries = self.chain.entries().iter();
        let index = entries.position(|entry| entry.segment.file == *file);
        let unusable = index.map(|index| (index, reason));
        Self {
            chain: self.chain.without(unusable),
            ..self
        }
    }

    /// What the newest backup wrote down of the log, by `apograph.json`; `None` where that was
    /// lost, or the newest backup is the engine's.
    pub const fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// The notes of the repository; `None` where it has none yet.
    ///
    /// # Errors
    ///
    /// [`ManifestError::CorruptNotes`].
    pub fn notes(&self) -> std::result::Result<Option<&Notes>, &ManifestError> {
        self.notes.as_ref().map(Option::as_ref)
    }

    /// Whether somebody made this folder a repository: there is something in it that says so. An
    /// empty one may be where another disk is not mounted.
    pub fn is_initialized(&self) -> bool {
        let has_notes = !matches!(self.notes, Ok(None));
        has_notes || !self.chain.entries().is_empty() || !self.unnamed.is_empty()
    }

    /// Segment files that the manifest does not name.
    pub fn unnamed(&self) -> &[SegmentName] {
        &self.unnamed
    }

    /// Whether a segment that the manifest does not name is of a backup that was not finished, or
    /// is not yet: it comes right after the last one. The next backup makes it part of the chain.
    pub fn is_unfinished(&self, name: SegmentName) -> bool {
        let last = self.chain.entries().last();
        is_right_after(last.map(|last| &last.segment), name)
    }

    /// Temporary files that a killed command left.
    pub fn temporaries(&self) -> impl Iterator<Item = At<'_>> {
        let folder = self.folder().into_iter();
        folder.flat_map(|folder| self.temporaries.iter().map(|name| folder.at(name)))
    }

    /// The bytes that are free on the file system of the repository; `None` in an object store.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Io`].
    pub fn bytes_free(&self) -> Result<Option<u64>> {
        let folder = match &self.place {
            SegmentPlace::Folder(folder) => Some(folder),
            SegmentPlace::Vault(vault) => vault.folder(),
        };
        Ok(folder.map(Folder::bytes_free).transpose()?)
    }

    /// A segment's file; in a vault it has none.
    pub fn file_of<'a>(&'a self, segment: &'a Segment) -> Option<At<'a>> {
        self.folder().map(|folder| folder.at(&segment.file))
    }

    /// Where a segment is, for messages.
    pub fn path_of(&self, segment: &Segment) -> PathBuf {
        self.path().join(segment.file.as_str())
    }

    /// A segment's bytes. Those of a vault are fetched, into a file that has no name.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn stored(
        &self,
        segment: &Segment,
        context: Context<'_>,
    ) -> std::result::Result<StoredFile, SegmentDefect> {
        match &self.place {
            SegmentPlace::Folder(folder) => StoredFile::open(folder.at(&segment.file)),
            SegmentPlace::Vault(vault) => StoredFile::of(vault.fetch(&segment.file, context)?),
        }
    }

    /// Fetches a segment of a vault, and hands its bytes on in order; tells whether it did. Those of a
    /// folder are at hand, and there is nothing to fetch.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`], also after some bytes were handed on; and that of `each`.
    pub fn fetch(
        &self,
        segment: &Segment,
        context: Context<'_>,
        each: &mut dyn FnMut(&[u8]) -> std::result::Result<(), IoError>,
    ) -> std::result::Result<bool, SegmentDefect> {
        match &self.place {
            SegmentPlace::Folder(_) => Ok(false),
            SegmentPlace::Vault(vault) => {
                vault.fetch_to(&segment.file, context, each).map(|()| true)
            }
        }
    }

    /// The vault that has its segments; `None` where they are files of a folder.
    pub(crate) const fn vault(&self) -> Option<&VaultSegments> {
        match &self.place {
            SegmentPlace::Folder(_) => None,
            SegmentPlace::Vault(vault) => Some(vault),
        }
    }

    /// The permissions that what is made of a segment has: those of its file.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Io`].
    pub fn mode_of(&self, segment: &Segment) -> Result<Mode> {
        let Some(model) = self.file_of(segment) else {
            return Ok(Mode::PRIVATE);
        };
        Ok(Mode::of(&model.open()?, &model.path())?)
    }

    /// The timeline in front of an entry of the chain.
    pub fn timeline_before(&self, index: usize) -> TimelineState {
        timeline_behind(self.chain.entries().get(..index).unwrap_or_default())
    }

    /// The timeline after the last entry of the chain.
    pub fn timeline_at_end(&self) -> TimelineState {
        timeline_behind(self.chain.entries())
    }

    /// The timeline in front of the last entry, a full backup, where the log goes on across it.
    pub fn timeline_across_last(&self) -> TimelineState {
        let Some((last, before)) = self.chain.entries().split_last() else {
            return self.timeline_at_end();
        };
        let mut state = timeline_behind(before);
        if let Some(SegmentContent::Full(full)) = &last.content {
            cross(&mut state, full);
        }
        state
    }

    /// Whether `apograph.json` knows any segment: it is there, and can be read.
    pub const fn has_history(&self) -> bool {
        self.has_history
    }

    /// The records of all segments whose content is known.
    pub fn records(&self) -> impl Iterator<Item = RecordRef<'_>> + Clone {
        self.verified.records(self.chain.entries(), 0)
    }

    /// What `apograph.json` has, and the records that it does not have yet; `None` where it has to
    /// be written anew.
    pub(crate) fn unrecorded(&self) -> Option<(&HistoryEnd, impl Iterator<Item = RecordRef<'_>>)> {
        let Recorded { count, end } = self.recorded.as_ref()?;
        Some((end, self.verified.records(self.chain.entries(), *count)))
    }

    /// The record of an entry of the chain, if its content is known.
    pub(crate) fn record(&self, index: usize) -> Option<RecordRef<'_>> {
        let entry = self.chain.entries().get(index)?;
        self.verified.record(index, entry)
    }

    /// Whether the timelines of what comes after the last entry can be counted.
    pub fn is_counted(&self) -> bool {
        let last = self.chain.entries().last();
        last.is_none_or(|last| last.is_counted && last.content.is_some())
    }
}

/// Says that notes are damaged. What only they say is missing then in every answer, and no backup
/// is the worse for it.
pub(crate) fn tell_damaged(
    notes: &std::result::Result<Option<Notes>, ManifestError>,
    monitor: &dyn Monitor,
) {
    if let Err(error @ ManifestError::CorruptNotes { .. }) = notes {
        monitor.warn(&format!(
            "{}; until when the repository has every commit is not known, nor which times of \
             capture are those of files. The backups are none the worse, and the next one writes \
             the file anew, with another id",
            WithCauses(error)
        ));
    }
}

/// Whether a name is one of those that a single backup gives after a segment.
pub(crate) fn is_right_after(last: Option<&Segment>, name: SegmentName) -> bool {
    let last = last.and_then(|last| SegmentName::parse(last.file.as_str()));
    let next = last.map_or(0, |last| last.index.saturating_add(1));
    (next..next.saturating_add(SEGMENTS_OF_BACKUP)).contains(&name.index)
}

/// The rest of the log, the image, and the log since the image.
const SEGMENTS_OF_BACKUP: u64 = 3;

/// What may lie in a repository's folder before its manifest. The last is made by who makes a file
/// system, at its root.
const OWN: [&str; 4] = [
    ENGINE_LOCK_FILE_NAME,
    HISTORY_FILE_NAME,
    NOTES_FILE_NAME,
    "lost+found",
];

/// What lies in a repository's folder, by its names.
#[derive(Default)]
struct Found {
    segments: Vec<SegmentName>,
    temporaries: Vec<OsString>,
    /// The first, in the order of the names, that no command puts there before a manifest.
    foreign: Option<OsString>,
}

impl Found {
    fn in_folder(folder: &Folder) -> Result<Self> {
        let mut found = Self::default();
        for name in folder.names()? {
            let name = name?;
            if is_temporary(&name) {
                found.temporaries.push(name);
            } else if let Some(segment) = name.to_str().and_then(SegmentName::parse) {
                found.segments.push(segment);
            } else if !OWN.iter().any(|own| name == *own)
                && found.foreign.as_ref().is_none_or(|first| name < *first)
            {
                found.foreign = Some(name);
            }
            check_count(folder, found.temporaries.len().max(found.segments.len()))?;
        }
        found.temporaries.sort();
        found.segments.sort_by_key(SegmentName::to_string);
        Ok(found)
    }
}

/// The names that a manifest leaves out.
fn unnamed_in(mut names: Vec<SegmentName>, segments: &[Segment]) -> Vec<SegmentName> {
    if !names.is_empty() {
        let in_manifest: HashSet<_> = segments.iter().map(|it| it.file.as_str()).collect();
        names.retain(|name| !in_manifest.contains(name.to_string().as_str()));
        names.shrink_to_fit();
    }
    names
}

/// A folder with more files than a manifest may name is not read to its end.
pub(crate) fn check_count(folder: &Folder, files: usize) -> Result<()> {
    if files <= SEGMENTS_MAX {
        return Ok(());
    }
    Err(RepositoryError::Contradiction {
        path: folder.at(MANIFEST_FILE_NAME).path(),
        detail: format!("there are more than {SEGMENTS_MAX} segments beside it"),
    })
}

fn unnamed_segments(folder: &Folder) -> RepositoryError {
    RepositoryError::Contradiction {
        path: folder.at(MANIFEST_FILE_NAME).path(),
        detail: "it is missing, and there are segments that it should name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hundred thousand files are too many to make.
    #[test]
    fn a_folder_has_at_most_as_many_segments_as_a_manifest() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(temporary.path()).expect("a folder");
        check_count(&folder, SEGMENTS_MAX).expect("as many as a manifest may name");
        let error = check_count(&folder, SEGMENTS_MAX + 1).expect_err("one more");
        assert_eq!(error.code(), "corrupt-manifest");
        let expected = "there are more than 200000 segments beside it";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
