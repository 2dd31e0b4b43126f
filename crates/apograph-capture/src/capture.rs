//! One capture, from the lock to its end.

use std::path::Path;

use apograph_io::{Disk, Mode, Monitor, exists, now, parent_folder};
use apograph_repository::{Repository, RepositoryError, RepositoryLock, adopt};

use crate::database::Database;
use crate::error::Result;
use crate::job::Job;
use crate::request::{Captured, Options};

/// Captures the database at `database` into the repository at `repository`, which is created
/// where it does not exist.
///
/// The database may be open in another process, which is neither stopped nor asked.
///
/// # Errors
///
/// [`CaptureError`](crate::CaptureError); the repository is then as it was, but that what an earlier
/// backup left which was killed may be made whole.
pub fn capture(
    disk: &dyn Disk,
    database: &Path,
    repository: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Captured> {
    let database = Database::find(database)?;
    database.headers()?;
    let created = !exists(repository)?;
    if created {
        create(disk, repository, database.mode().for_folder())?;
    }
    let captured = locked(disk, &database, repository, options, monitor);
    if created && captured.is_err() {
        // The error that led here is the one to report.
        let _ = disk.remove_folder(repository);
    }
    captured
}

/// Creates the repository's folder, durably before anything is in it.
fn create(disk: &dyn Disk, repository: &Path, mode: Mode) -> Result<()> {
    disk.create_folder(repository, mode)?;
    let synced = disk.sync_folder(parent_folder(repository));
    if synced.is_err() {
        // The error that led here is the one to report.
        let _ = disk.remove_folder(repository);
    }
    Ok(synced?)
}

fn locked(
    disk: &dyn Disk,
    database: &Database,
    folder: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Captured> {
    if !folder.is_dir() {
        let detail = "it is no folder".to_owned();
        let path = folder.to_owned();
        return Err(RepositoryError::NotARepository { path, detail }.into());
    }
    let lock = RepositoryLock::acquire(folder, database.generation())?;
    let captured = captured(disk, database, folder, options, monitor);
    if captured.is_err() {
        lock.undo(disk);
    }
    captured
}

fn captured(
    disk: &dyn Disk,
    database: &Database,
    folder: &Path,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Captured> {
    let repository = Repository::open_or_empty(folder)?;
    let repository = adopt(disk, repository, database.mode())?;
    for temporary in repository.temporaries() {
        disk.remove_file(&temporary)?;
    }
    Job {
        disk,
        database,
        repository: &repository,
        options,
        monitor,
        now: now(),
    }
    .run()
}
