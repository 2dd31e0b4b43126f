//! Taking one backup.

use std::path::PathBuf;

use apograph_capture::{CaptureError, Captured, Kind, Options, capture};
use apograph_io::{Monitor, NoProgress, Pace, RealDisk, Threads};

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
#[must_use = "a backup is taken by `run`"]
#[derive(Clone)]
pub struct Backup<'a> {
    database: PathBuf,
    repository: PathBuf,
    options: Options,
    monitor: &'a dyn Monitor,
}

impl<'a> Backup<'a> {
    /// A backup of the database file `database` into the folder `repository`, which is created where
    /// nothing is.
    pub fn new(database: impl Into<PathBuf>, repository: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            repository: repository.into(),
            options: Options::default(),
            monitor: &NoProgress,
        }
    }

    /// Takes a full backup.
    pub const fn full(mut self) -> Self {
        self.options.kind = Kind::Full;
        self
    }

    /// Takes an increment, or fails: never a full backup.
    pub const fn incremental(mut self) -> Self {
        self.options.kind = Kind::Incremental;
        self
    }

    /// Fails where there is no repository yet, in place of creating one.
    pub const fn existing(mut self) -> Self {
        self.options.existing = true;
        self
    }

    /// Checks what is read and written on this many threads, in place of one for each core.
    pub fn threads(mut self, threads: Threads) -> Self {
        self.options.threads = threads;
        self
    }

    /// Reads the database and its log no faster than this.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.options.pace = pace;
        self
    }

    /// Tells `monitor` of progress and of warnings, and ends when it says so.
    pub const fn monitor(mut self, monitor: &'a dyn Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    /// Takes the backup.
    ///
    /// # Errors
    ///
    /// [`CaptureError`]; the repository is then as it was (see [`capture`] for what a failed backup
    /// may leave).
    pub fn run(&self) -> Result<Captured, CaptureError> {
        let (database, repository) = (&self.database, &self.repository);
        capture(&RealDisk, database, repository, &self.options, self.monitor)
    }
}
