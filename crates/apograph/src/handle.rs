//! A repository as a program sees it: what it can restore, restoring, verifying.

use std::path::Path;

use apograph_format::UnixMillis;
use apograph_io::{Context, Threads};
use apograph_manifest::{Chain, Gap, Level, PointRange, Target};
use apograph_repository::{self as files, Location, RepositoryError};
use apograph_restore::{
    Options, RestoreError, Restored, Verified, VerifyOptions, restore, verify, verify_and_record,
};

use crate::prepared::Prepared;

/// Backups, in a folder or a vault, as they were when they were opened.
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
    location: Location,
    found: files::Repository,
}

impl Repository {
    /// Opens a repository.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`] where there is no repository, or one that cannot be read. Damaged
    /// and missing segments are no error: [`gaps`](Self::gaps) has them.
    pub fn open(location: impl Into<Location>) -> Result<Self, RepositoryError> {
        let location = location.into();
        let threads = Threads::default();
        let context = Context {
            threads: &threads,
            ..Context::default()
        };
        let found = files::Repository::open(&location, context)?.without_damaged();
        Ok(Self { location, found })
    }

    /// Where it is.
    pub const fn location(&self) -> &Location {
        &self.location
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
        Restore::of(RestoreTask {
            repository: &self.location,
            options: Options::to(target),
        })
    }

    /// A verification of every segment, frame by frame. It reads the repository anew.
    pub fn verify(&self) -> Verify<'_> {
        Verify::of(VerifyTask {
            repository: &self.location,
            options: VerifyOptions::default(),
            is_recorded: false,
        })
    }
}

/// A restore that `to` carries out.
pub type Restore<'a> = Prepared<'a, RestoreTask<'a>>;

#[derive(Clone)]
pub struct RestoreTask<'a> {
    repository: &'a Location,
    options: Options,
}

impl Restore<'_> {
    /// Reads and checks everything, and writes nothing.
    pub const fn dry_run(mut self) -> Self {
        self.task.options.dry_run = true;
        self
    }

    /// Restores to the database file `output`, where nothing may be, and blocks until it is
    /// durable.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing was written then.
    pub fn to(&self, output: impl AsRef<Path>) -> Result<Restored, RestoreError> {
        let RestoreTask {
            repository,
            options,
        } = &self.task;
        restore(*repository, output.as_ref(), options, self.context())
    }
}

/// A verification that `run` carries out.
pub type Verify<'a> = Prepared<'a, VerifyTask<'a>>;

#[derive(Clone)]
pub struct VerifyTask<'a> {
    repository: &'a Location,
    options: VerifyOptions,
    is_recorded: bool,
}

impl Verify<'_> {
    /// Compares each file with its size and checksums, and does not look at what is in it.
    pub const fn checksums_only(mut self) -> Self {
        self.task.options.level = Level::Files;
        self
    }

    /// Passes over what was verified as deep before, and has not changed since.
    pub const fn only_new(mut self) -> Self {
        self.task.options.only_new = true;
        self
    }

    /// Records in the repository what was found sound, and when: for [`only_new`](Self::only_new),
    /// and for whoever asks.
    pub const fn record(mut self) -> Self {
        self.task.is_recorded = true;
        self
    }

    /// Verifies, and blocks until that is done.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] where the repository cannot be opened at all. Damage is in
    /// [`Verified::problems`].
    pub fn run(&self) -> Result<Verified, RestoreError> {
        let VerifyTask {
            repository,
            options,
            is_recorded,
        } = &self.task;
        if *is_recorded {
            verify_and_record(*repository, options, self.context())
        } else {
            verify(*repository, options, self.context())
        }
    }
}
