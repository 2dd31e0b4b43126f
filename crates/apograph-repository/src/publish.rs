//! Adding segments to a repository.
//!
//! The order is what makes a crash harmless: segment files durable under their names, then what
//! proves the next time that the log is still the one that was captured ([`LogNotes::mark`](crate::LogNotes::mark)), then
//! the manifest replaced, then a line more in `apograph.json`, then what tells the engine which log
//! to keep ([`LogNotes::keep`](crate::LogNotes::keep)). Cut off after the first step, there are files that the manifest
//! does not name; the next backup adopts them (see `adopt.rs`). A full backup is published after
//! the increments that belong to it: an image whose increment is missing would be taken for a state
//! of its own.

use std::ffi::OsString;

use apograph_format::{SegmentKind, WithCauses};
use apograph_io::{Context, Disk, Folder, Mode};
use apograph_manifest::{
    Evidence, NOTES_FILE_NAME, RecordRef, SegmentRecord, append_records, read_manifest,
    write_manifest, write_notes, write_records,
};

use crate::addition::{Addition, NewSegment};
use crate::error::{RepositoryError, Result};
use crate::held::{HeldOf, HeldRepository};
use crate::manifest_generation::encode_for_segments;
use crate::placeholders::add_placeholders;
use crate::repository::Repository;

impl HeldRepository<'_> {
    /// Publishes new segments and says so in the manifest, in `apograph.json` and beside the log; in
    /// a vault, in the next version of its catalog and beside the log. Returns them with the names
    /// that they have then.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::InTheWay`] where a file that could not be adopted has a segment's name;
    /// [`RepositoryError::Overtaken`] where a vault is not as it was read any more: it has to be
    /// opened again; [`RepositoryError::Vault`]; [`RepositoryError::Io`]; it is not interrupted once
    /// it has begun in a folder. What was published before the error, and is not named by a
    /// manifest, is removed again. Once the manifest is replaced the backup is done: a later step
    /// that does not succeed is told to the monitor and is no error.
    pub fn publish(&self, addition: Addition<'_, '_>) -> Result<Vec<SegmentRecord>> {
        match &self.to {
            HeldOf::Folder(writer) => self.publish_in(&writer.folder, addition),
            HeldOf::Vault(vault) => vault.publish(addition, self.context),
        }
    }

    fn publish_in(
        &self,
        folder: &Folder,
        addition: Addition<'_, '_>,
    ) -> Result<Vec<SegmentRecord>> {
        let repository = &self.repository;
        let Addition {
            segments,
            placeholders,
            notes,
            evidence,
            looked_until: _,
            log,
            mode,
        } = addition;
        let Context { disk, monitor, .. } = self.context;
        monitor.go_on()?;
        let mut manifest = repository.manifest();
        let added: Vec<SegmentRecord> = segments.iter().map(|new| new.record.clone()).collect();
        let additions = added.iter().map(|record| record.segment.clone());
        manifest.segments.extend(additions);
        add_placeholders(&mut manifest.segments, placeholders);
        encode_for_segments(&mut manifest);
        let mut published: Vec<OsString> = Vec::new();
        if let Some(notes) = &notes {
            let is_new = !folder.at(NOTES_FILE_NAME).exists()?;
            write_notes(disk, folder, mode, notes)?;
            published.extend(is_new.then(|| NOTES_FILE_NAME.into()));
        }
        let is_increment =
            |new: &NewSegment<'_>| new.record.segment.kind == SegmentKind::Incremental;
        let (increments, fulls): (Vec<_>, Vec<_>) = segments.into_iter().partition(is_increment);
        for segment in increments.into_iter().chain(fulls) {
            let name = segment.file.target().name().to_owned();
            if let Err(error) = publish_file(segment) {
                withdraw(disk, folder, &published);
                return Err(error);
            }
            published.push(name);
        }
        let evidence = evidence.map(|evidence| log.mark(evidence));
        if let Err(error) = write_manifest(disk, folder, mode, &manifest) {
            // Segments that the manifest may name after all stay; the next backup adopts them.
            let present = read_manifest(folder);
            let before = repository.manifest();
            let is_as_before = present.is_ok_and(|it| it.unwrap_or_default().is_same(&before));
            if is_as_before {
                log.unmark();
                withdraw(disk, folder, &published);
            }
            return Err(error.into());
        }
        drop(manifest);
        if let Err(error) = record((disk, folder), repository, mode, &added, evidence.as_ref()) {
            monitor.warn(&format!(
                "the next command has to read the new segments: {}",
                WithCauses(&error)
            ));
        }
        log.keep();
        Ok(added)
    }
}

/// Says in `apograph.json` what was published: after what it says so far, where that is what is
/// known, else all of it anew.
fn record(
    (disk, folder): (&dyn Disk, &Folder),
    repository: &Repository,
    mode: Mode,
    added: &[SegmentRecord],
    evidence: Option<&Evidence>,
) -> Result<()> {
    let added = added.iter().map(RecordRef::from);
    if let Some((end, unrecorded)) = repository.unrecorded() {
        let records: Vec<_> = unrecorded.chain(added.clone()).collect();
        // A file that cannot be written to can be replaced.
        if matches!(
            append_records(disk, folder, end, &records, evidence),
            Ok(true)
        ) {
            return Ok(());
        }
    }
    let records = repository.records().chain(added);
    Ok(write_records(disk, folder, mode, records, evidence)?)
}

fn publish_file(new: NewSegment<'_>) -> Result<()> {
    let path = new.file.target().path();
    new.file.publish().map_err(|error| {
        if error.is_already_exists() {
            RepositoryError::InTheWay { path }
        } else {
            error.into()
        }
    })
}

/// Takes files back that no manifest names, the last first, and each durably before the next: what
/// a power cut leaves of them is what one would have left while they were published.
///
/// The error that led here is the one to report. Where this fails too, what is left is adopted.
fn withdraw(disk: &dyn Disk, folder: &Folder, published: &[OsString]) {
    let names = published.iter().rev();
    // What was taken back already is durable first.
    let _ = disk.sync_folder(folder).and_then(|()| {
        names.map(|name| folder.at(name)).try_for_each(|file| {
            disk.remove_file(file)?;
            disk.sync_folder(folder)
        })
    });
}
