//! One capture, from the lock to its end.
//!
//! Everything is looked up in folders that are opened once: the one that holds the database, its
//! log folder, the repository, and the one in which a new repository is created. The lock is held
//! until the last of them that was changed is durable.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::Path;

use apograph_format::WithCauses;
use apograph_io::{Context, Disk, FileLock, Folder, IoError, Mode, Monitor, exists, random};
use apograph_manifest::{Notes, RepositoryId};
use apograph_repository::{
    HeldRepository, Location, Repository, RepositoryError, VaultWriter, Writer, check_outside_logs,
    create, uncreate,
};

use crate::database::Database;
use crate::error::{CaptureError, Result};
use crate::job::Job;
use crate::look::Looking;
use crate::request::{Captured, Options};

/// So often another writer to a vault may be faster.
const RACES_MAX: u32 = 10;

/// Captures the database at `database` into a repository. In a folder it is created where nothing
/// is; a folder that is there has to be a repository, since an empty one may be where a disk is not
/// mounted. A vault has to be there.
///
/// The database may be open in another process, which is neither stopped nor asked.
///
/// # Errors
///
/// [`CaptureError`]; the repository is then as it was, but that what an earlier backup left which
/// was killed may be made whole, and that a folder that was there may have a lock file.
pub fn capture(
    database: &Path,
    repository: impl Into<Location>,
    options: &Options,
    context: Context<'_>,
) -> Result<Captured> {
    let disk = context.disk;
    let database = Database::find(database)?;
    database.headers(context)?;
    let repository = repository.into();
    if let Some(vault) = VaultWriter::find(&repository, context)? {
        return into_vault(&vault, &database, options, context);
    }
    let path = repository.path();
    let place = Place::find_or_create(disk, &path, database.mode(), options.existing)?;
    let writer = Writer::lock_for(&place.folder, database.generation(), context);
    let mut writer = writer.inspect_err(|_| {
        // A folder that another command has locked in the meantime is that command's.
        if let Ok(_lock) = FileLock::acquire_folder(&place.folder) {
            place.undo(disk);
        }
    })?;
    let held = writer.open(database.mode()).map_err(CaptureError::from);
    let captured = held.and_then(|held| captured(&held, &database, options, context));
    if let Err(error) = &captured {
        // Elsewhere an engine may have opened the lock file by now, and the file has to stay the
        // one that its name leads to.
        let is_no_repository = matches!(
            error,
            CaptureError::Repository(RepositoryError::NotARepository { .. })
        );
        if place.created.is_some() || is_no_repository {
            writer.undo();
        }
        place.undo(disk);
    }
    place.folder.tell_lacks(context.monitor);
    captured
}

/// Captures the database at `database` into a vault that was found before: for who captures again and
/// again, with the same context.
///
/// # Errors
///
/// As [`capture`].
pub fn capture_into(
    vault: &VaultWriter<'_>,
    database: &Path,
    options: &Options,
    context: Context<'_>,
) -> Result<Captured> {
    let database = Database::find(database)?;
    database.headers(context)?;
    into_vault(vault, &database, options, context)
}

/// The folder of the repository.
struct Place<'a> {
    folder: Folder,
    /// Where it was created: the folder that holds it, and its name there.
    created: Option<(Folder, &'a OsStr)>,
}

impl<'a> Place<'a> {
    fn find_or_create(disk: &dyn Disk, path: &'a Path, mode: Mode, existing: bool) -> Result<Self> {
        if let Some(found) = Self::find(path)? {
            check_outside_logs(&found.folder, path)?;
            return Ok(found);
        }
        if existing {
            let detail = "there is no such folder".to_owned();
            let path = path.to_owned();
            return Err(RepositoryError::NotARepository { path, detail }.into());
        }
        let (parent, name) = Folder::holding(path).map_err(|error| match error {
            IoError::Failed { path, source, .. } => IoError::Failed {
                operation: "create",
                path,
                source,
            },
            other => other,
        })?;
        match create(disk, &parent, name, mode) {
            Ok(folder) => {
                let created = Some((parent, name));
                Ok(Self { folder, created })
            }
            // Another command was faster.
            Err(busy @ RepositoryError::Busy { .. }) => Self::find(path)?.ok_or(busy.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn find(path: &Path) -> Result<Option<Self>> {
        let no_folder = || {
            let detail = "it is no folder".to_owned();
            let path = path.to_owned();
            RepositoryError::NotARepository { path, detail }
        };
        match Folder::find(path) {
            Ok(Some(folder)) => {
                let created = None;
                Ok(Some(Self { folder, created }))
            }
            Ok(None) if !exists(path)? => Ok(None),
            Ok(None) | Err(IoError::NotAFolder { .. }) => Err(no_folder().into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the repository if it was created, and nothing is in it.
    fn undo(&self, disk: &dyn Disk) {
        if let Some((parent, name)) = &self.created {
            // The error that led here is the one to report.
            let _ = uncreate(disk, parent, name, &self.folder);
        }
    }
}

/// Captures a database into a vault. Where another writer was faster, all of it is looked at anew:
/// where that one's segments end, and what they leave to be captured.
fn into_vault(
    vault: &VaultWriter<'_>,
    database: &Database,
    options: &Options,
    context: Context<'_>,
) -> Result<Captured> {
    // What lies beside the log is written by one backup at a time.
    let log = database.log_folder()?;
    let lock = log.as_ref().map(FileLock::acquire_folder).transpose();
    let _held_until_the_end = lock.map_err(|error| match error {
        IoError::Busy { path } => RepositoryError::Busy { path }.into(),
        other => CaptureError::from(other),
    })?;
    let mut races = 1;
    loop {
        let held = vault.open()?;
        match captured(&held, database, options, context) {
            Err(CaptureError::Repository(RepositoryError::Overtaken { .. }))
                if races < RACES_MAX =>
            {
                races += 1;
            }
            captured => return captured,
        }
    }
}

fn captured<'a>(
    held: &'a HeldRepository<'a>,
    database: &'a Database,
    options: &'a Options,
    context: Context<'a>,
) -> Result<Captured> {
    let repository = held.repository();
    let (notes, are_notes_new) = notes_of(repository, context.monitor)?;
    let looking = Looking {
        database,
        repository,
        context,
        id: notes.id,
        looked_at: Cell::default(),
    };
    let job = Job {
        notes,
        are_notes_new,
        held,
        database,
        repository,
        options,
        context,
        now: context.clock.now(),
        looking,
    };
    let captured = job.run()?;
    // Every commit before an instant is in the repository, be it that none was new. Where that
    // cannot be written the backup is none the worse.
    let notes = Notes {
        looked_until: Some(job.looking.looked_at.get()),
        ..job.notes.clone()
    };
    if let Err(error) = held.write_notes(database.mode(), &notes) {
        context.monitor.warn(&format!(
            "until when the repository has every commit is not noted: {}",
            WithCauses(&error)
        ));
    }
    Ok(captured)
}

/// The notes of a repository, and whether they are to be written: it has none, or none that can be
/// read.
fn notes_of(repository: &Repository, monitor: &dyn Monitor) -> Result<(Notes, bool)> {
    match repository.notes() {
        Ok(Some(notes)) => return Ok((notes.clone(), false)),
        Ok(None) => {}
        Err(error) => monitor.warn(&format!(
            "{}; the repository gets another id",
            WithCauses(error)
        )),
    }
    let id = RepositoryId::new(random()?);
    Ok((Notes::of(id), true))
}
