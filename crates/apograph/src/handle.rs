//! A repository as a program sees it: what it can restore, restoring, verifying.

use std::path::{Path, PathBuf};

use apograph_format::UnixMillis;
use apograph_io::{Monitor, NoProgress, Pace, RealDisk, Threads};
use apograph_manifest::{Chain, Gap, Level, PointRange, Target};
use apograph_repository::{self as files, RepositoryError};
use apograph_restore::{
    Options, RestoreError, Restored, Verified, VerifyOptions, restore, verify, verify_and_record,
};

/// A folder of backups, as it was when it was opened.
///
/// ```no_run
/// use apograph::{Repository, Target};
///
/// let repository = Repository::open("backups")?;
/// for range in repository.restorable() {
///     println!("{range}");
/// }
/// repository.restore(Target::Latest).to("copy.grafeo")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Repository {
    path: PathBuf,
    found: files::Repository,
}

impl Repository {
    /// Opens the repository in a folder.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`] where the folder is no repository, or one that cannot be read. Damaged
    /// and missing segments are no error: [`gaps`](Self::gaps) has them.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RepositoryError> {
        let path = path.into();
        let found = files::Repository::open(&path)?.without_damaged();
        Ok(Self { path, found })
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The points that can be restored, by timeline.
    pub fn restorable(&self) -> Vec<PointRange> {
        self.found.chain().restorable()
    }

    /// Where commits are missing, or may be, and why.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.found.chain().gaps()
    }

    /// Every commit before this instant is in the repository; none where that is not known.
    pub fn captured_until(&self) -> Option<UnixMillis> {
        self.found.chain().covered_until()
    }

    /// Its segments, and what they make together.
    pub const fn chain(&self) -> &Chain {
        self.found.chain()
    }

    /// A restore of `target`. It reads the repository anew, with what was backed up meanwhile.
    pub fn restore(&self, target: Target) -> Restore<'_> {
        Restore {
            repository: &self.path,
            options: Options::to(target),
            monitor: &NoProgress,
        }
    }

    /// A verification of every segment, frame by frame. It reads the repository anew.
    pub fn verify(&self) -> Verify<'_> {
        Verify {
            repository: &self.path,
            options: VerifyOptions::default(),
            is_recorded: false,
            monitor: &NoProgress,
        }
    }
}

/// A restore that [`to`](Self::to) carries out.
#[must_use = "a database is restored by `to`"]
#[derive(Clone)]
pub struct Restore<'a> {
    repository: &'a Path,
    options: Options,
    monitor: &'a dyn Monitor,
}

impl<'a> Restore<'a> {
    /// Reads and checks everything, and writes nothing.
    pub const fn dry_run(mut self) -> Self {
        self.options.dry_run = true;
        self
    }

    /// Checks what is read on this many threads, in place of one for each core.
    pub fn threads(mut self, threads: Threads) -> Self {
        self.options.threads = threads;
        self
    }

    /// Reads segments no faster than this.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.options.pace = pace;
        self
    }

    /// Tells `monitor` of progress and of warnings, and ends when it says so.
    pub const fn monitor(mut self, monitor: &'a dyn Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    /// Restores to the database file `output`, where nothing may be, and blocks until it is durable.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing was written then.
    pub fn to(&self, output: impl AsRef<Path>) -> Result<Restored, RestoreError> {
        let (repository, output) = (self.repository, output.as_ref());
        restore(&RealDisk, repository, output, &self.options, self.monitor)
    }
}

/// A verification that [`run`](Self::run) carries out.
#[must_use = "a repository is verified by `run`"]
#[derive(Clone)]
pub struct Verify<'a> {
    repository: &'a Path,
    options: VerifyOptions,
    is_recorded: bool,
    monitor: &'a dyn Monitor,
}

impl<'a> Verify<'a> {
    /// Compares each file with its size and checksums, and does not look at what is in it.
    pub const fn checksums_only(mut self) -> Self {
        self.options.level = Level::Files;
        self
    }

    /// Passes over what was verified as deep before, and has not changed since.
    pub const fn only_new(mut self) -> Self {
        self.options.only_new = true;
        self
    }

    /// Records in the repository what was found sound, and when: for [`only_new`](Self::only_new),
    /// and for whoever asks.
    pub const fn record(mut self) -> Self {
        self.is_recorded = true;
        self
    }

    /// Checks what is read on this many threads, in place of one for each core.
    pub fn threads(mut self, threads: Threads) -> Self {
        self.options.threads = threads;
        self
    }

    /// Reads segments no faster than this.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.options.pace = pace;
        self
    }

    /// Tells `monitor` of progress and of warnings, and ends when it says so.
    pub const fn monitor(mut self, monitor: &'a dyn Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    /// Verifies, and blocks until that is done.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] where the repository cannot be opened at all. Damage is in
    /// [`Verified::problems`].
    pub fn run(&self) -> Result<Verified, RestoreError> {
        if self.is_recorded {
            verify_and_record(&RealDisk, self.repository, &self.options, self.monitor)
        } else {
            verify(self.repository, &self.options, self.monitor)
        }
    }
}
