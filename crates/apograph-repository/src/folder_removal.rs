//! Removing segments from the chain of a repository in a folder, bringing them back, and pinning states.
//!
//! What goes has a placeholder in the manifest, so that the engines count it (FORMAT.md, "Manifest"). What
//! only the manifest said of it, and what its segments told of the full backup behind it, goes into the
//! notes, before the manifest is replaced. A file is deleted once the notes say that it is gone: where a
//! command is killed then, the next one deletes it.

use std::collections::HashSet;
use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::{Context, Folder, Mode, random};
use apograph_manifest::{
    FileName, Front, MANIFEST_FILE_NAME, Manifest, Notes, Pin, PinName, PrunedSegment,
    RepositoryId, Segment, read_notes, write_manifest,
};

use crate::error::{RepositoryError, Result};
use crate::manifest_generation::encode_for_segments;
use crate::placeholders::{placeholders_of, pruned};
use crate::removal::{Choose, Removal};
use crate::repository::Repository;
use crate::writer::Writer;

/// A repository in a folder whose chain is changed.
pub(crate) struct FolderRemoval<'a> {
    writer: Writer<'a>,
    context: Context<'a>,
    /// The permissions of the small files.
    mode: Mode,
}

impl<'a> FolderRemoval<'a> {
    /// Takes the right to change a repository.
    pub(crate) fn of(folder: &Folder, context: Context<'a>) -> Result<Self> {
        let model = folder.at(MANIFEST_FILE_NAME);
        // Where it is missing, opening the repository tells.
        let mode = if model.exists()? {
            Mode::of(&model.open()?, &model.path())?
        } else {
            Mode::PRIVATE
        };
        Ok(Self {
            writer: Writer::lock(folder, context)?,
            context,
            mode,
        })
    }

    /// Removes what `choose` chooses, and deletes what was removed long enough ago.
    pub(crate) fn remove<E: From<RepositoryError>>(
        &self,
        grace: Duration,
        choose: &mut Choose<'_, E>,
    ) -> std::result::Result<Removal, E> {
        let (repository, mut notes) = self.open()?;
        let now = self.context.clock.now();
        let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let until = UnixMillis::new(now.get().saturating_add(grace));
        let chosen: HashSet<usize> = choose(&repository)?.into_iter().collect();
        let mut manifest = repository.manifest();
        let segments = note_removal(&repository, &chosen, until, &mut notes);
        if !segments.is_empty() {
            let names: HashSet<&FileName> = segments.iter().collect();
            for segment in &mut manifest.segments {
                if names.contains(&segment.file) {
                    *segment = pruned(&segment.file, segment.created_at);
                }
            }
            self.write_notes(&notes)?;
            self.write_manifest(&mut manifest)?;
        }
        let (deleted, deleted_bytes) = self.delete(&manifest, &mut notes, now)?;
        Ok(Removal {
            segments,
            until,
            deleted,
            deleted_bytes,
        })
    }

    /// Brings back what was removed, and is not gone.
    pub(crate) fn bring_back(&self) -> Result<Vec<FileName>> {
        let (repository, mut notes) = self.open()?;
        let mut manifest = repository.manifest();
        let mut back = Vec::new();
        for noted in &notes.pruned.segments {
            let PrunedSegment {
                segment, unknown, ..
            } = noted;
            let found = self.writer.folder.at(&segment.file).status()?;
            let is_there = found.is_some_and(|it| it.length == segment.size_bytes);
            let mut entries = manifest.segments.iter_mut();
            let place = entries.find(|it| it.file == segment.file && it.stands_for().is_some());
            if let Some(place) = place.filter(|_| is_there) {
                *place = Segment {
                    unknown: unknown.clone(),
                    ..segment.clone()
                };
                back.push(segment.file.clone());
            }
        }
        if back.is_empty() {
            return Ok(back);
        }
        self.write_manifest(&mut manifest)?;
        let placeholders = placeholders_of(&manifest);
        let known = &mut notes.pruned;
        known
            .segments
            .retain(|it| placeholders.contains_key(&it.segment.file));
        self.write_notes(&notes)?;
        Ok(back)
    }

    /// Pins a state.
    pub(crate) fn pin<E: From<RepositoryError>>(
        &self,
        find: &mut dyn FnMut(&Repository) -> std::result::Result<Pin, E>,
    ) -> std::result::Result<(), E> {
        let (repository, mut notes) = self.open()?;
        let pin = find(&repository)?;
        notes.pins.retain(|known| known.name != pin.name);
        notes.pins.push(pin);
        Ok(self.write_notes(&notes)?)
    }

    /// Takes a pin back; tells whether there was one.
    pub(crate) fn unpin(&self, name: &PinName) -> Result<bool> {
        let (_, mut notes) = self.open()?;
        let before = notes.pins.len();
        notes.pins.retain(|known| known.name != *name);
        let is_changed = notes.pins.len() < before;
        if is_changed {
            self.write_notes(&notes)?;
        }
        Ok(is_changed)
    }

    /// The repository, and its notes, which have to be readable: what was pruned stands in them. What the
    /// manifest names again was brought back, and goes from them.
    fn open(&self) -> Result<(Repository, Notes)> {
        let repository = self.writer.open(self.mode)?.repository;
        let mut notes = match read_notes(&self.writer.folder)? {
            Some(notes) => notes,
            None => Notes::of(RepositoryId::new(random()?)),
        };
        let placeholders = placeholders_of(&repository.manifest());
        let known = &mut notes.pruned.segments;
        known.retain(|it| placeholders.contains_key(&it.segment.file));
        Ok((repository, notes))
    }

    fn write_notes(&self, notes: &Notes) -> Result<()> {
        self.writer.write_notes(self.mode, notes)
    }

    fn write_manifest(&self, manifest: &mut Manifest) -> Result<()> {
        encode_for_segments(manifest);
        let (disk, folder) = (self.context.disk, &self.writer.folder);
        Ok(write_manifest(disk, folder, self.mode, manifest)?)
    }

    /// Deletes the files of what was removed long enough ago. Returns how many, and their bytes.
    fn delete(
        &self,
        manifest: &Manifest,
        notes: &mut Notes,
        now: UnixMillis,
    ) -> Result<(u64, u64)> {
        let (due, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut notes.pruned.segments)
            .into_iter()
            .partition(|it| it.until <= now);
        notes.pruned.segments = kept;
        if !due.is_empty() {
            let gone = due.into_iter().map(|it| it.segment.file);
            notes.pruned.gone.extend(gone);
            self.write_notes(notes)?;
        }
        let placeholders = placeholders_of(manifest);
        let (disk, folder) = (self.context.disk, &self.writer.folder);
        let (mut deleted, mut bytes) = (0, 0);
        let gone = notes.pruned.gone.iter();
        for file in gone.filter(|file| placeholders.contains_key(*file)) {
            let at = folder.at(file);
            if let Some(found) = at.status()? {
                disk.remove_file(at)?;
                deleted += 1;
                bytes += found.length;
            }
        }
        if deleted > 0 {
            disk.sync_folder(folder)?;
        }
        Ok((deleted, bytes))
    }
}

/// Notes what is removed, and what it told of the full backups beside it. Returns the files.
fn note_removal(
    repository: &Repository,
    chosen: &HashSet<usize>,
    until: UnixMillis,
    notes: &mut Notes,
) -> Vec<FileName> {
    let mut removed = Vec::new();
    let mut is_after = false;
    for (index, entry) in repository.chain().entries().iter().enumerate() {
        let is_before = chosen.contains(&index.saturating_add(1));
        let mut segment = entry.segment.clone();
        if chosen.contains(&index) {
            removed.push(segment.file.clone());
            let unknown = std::mem::take(&mut segment.unknown);
            notes.pruned.segments.push(PrunedSegment {
                segment,
                unknown,
                until,
            });
            is_after = true;
        } else if (std::mem::take(&mut is_after) || is_before) && entry.is_counted {
            let front = entry.content.as_ref();
            if let Some(front) = front.and_then(|content| Front::of(&segment.file, content)) {
                notes.pruned.fronts.retain(|known| known.file != front.file);
                notes.pruned.fronts.push(front);
            }
        }
    }
    removed
}
