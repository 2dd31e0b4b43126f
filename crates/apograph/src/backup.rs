//! Taking one backup.

use std::path::PathBuf;

use apograph_capture::{CaptureError, Captured, Kind, Options, capture};
use apograph_repository::Location;

use crate::prepared::Prepared;

/// A backup of one database into one repository, an increment where the chain can go on.
///
/// The database may be open in another process, or in this one: it is neither stopped nor asked.
/// [`run`](Self::run) blocks until the backup is durable, so async code calls it where blocking is
/// allowed (`tokio::task::spawn_blocking`).
///
/// ```no_run
/// use apograph::{Backup, Captured};
///
/// match Backup::new("people.grafeo", "backups").run()? {
///     Captured::Added { segments, .. } => println!("{} files were added", segments.len()),
///     Captured::UpToDate { end_epoch } => println!("nothing new since epoch {end_epoch}"),
/// }
/// # Ok::<(), apograph::CaptureError>(())
/// ```
pub type Backup<'a> = Prepared<'a, BackupTask>;

#[derive(Clone)]
pub struct BackupTask {
    database: PathBuf,
    repository: Location,
    options: Options,
}

impl Backup<'_> {
    /// A backup of the database file `database` into `repository`: a folder, which is created where
    /// nothing is, or a vault, which is there.
    pub fn new(database: impl Into<PathBuf>, repository: impl Into<Location>) -> Self {
        Self::of(BackupTask {
            database: database.into(),
            repository: repository.into(),
            options: Options::default(),
        })
    }

    /// Takes a full backup.
    pub const fn full(mut self) -> Self {
        self.task.options.kind = Kind::Full;
        self
    }

    /// Takes an increment, or fails: never a full backup.
    pub const fn incremental(mut self) -> Self {
        self.task.options.kind = Kind::Incremental;
        self
    }

    /// Fails where there is no repository yet, in place of creating one.
    pub const fn existing(mut self) -> Self {
        self.task.options.existing = true;
        self
    }

    /// Takes the backup.
    ///
    /// # Errors
    ///
    /// [`CaptureError`]; the repository is then as it was (see [`capture`] for what a failed backup
    /// may leave).
    pub fn run(&self) -> Result<Captured, CaptureError> {
        let BackupTask {
            database,
            repository,
            options,
        } = &self.task;
        capture(database, repository, options, self.context())
    }
}
