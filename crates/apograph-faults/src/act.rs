//! What a command is doing when the fault comes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use apograph::capture::{CaptureError, Kind, Options as Backup, capture};
use apograph::io::{Context, Disk, Folder, Monitor, NoProgress};
use apograph::manifest::Target;
use apograph::repository::{RepositoryError, Writer};
use apograph::restore::{Options, RestoreError, VerifyOptions, restore, verify_and_record};
use apograph_testing::context::every_core;

use crate::stage::{FIRST_EPOCH, FaultStage, LAST_EPOCH, SMALL_FILES, contents, copy};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The first backup, to a folder that is not there yet.
    First,
    /// An increment.
    Incremental,
    /// A full backup of a database whose log goes on.
    Full,
    /// A backup that finds what a killed one left, and makes it whole.
    Adopting,
    /// A restore.
    Restore,
    /// A rebuild of a manifest that is lost.
    Rebuild,
    /// A verification, which notes what it found sound.
    Verify,
    /// An increment, into a vault.
    IncrementalToVault,
    /// A full backup, into a vault.
    FullToVault,
}

impl Act {
    /// Each of them that is about a folder.
    pub const ALL: [Self; 7] = [
        Self::First,
        Self::Incremental,
        Self::Full,
        Self::Adopting,
        Self::Restore,
        Self::Rebuild,
        Self::Verify,
    ];

    /// Each of them, and those that write to a vault.
    pub const WITH_VAULTS: [Self; 9] = [
        Self::First,
        Self::Incremental,
        Self::Full,
        Self::Adopting,
        Self::Restore,
        Self::Rebuild,
        Self::Verify,
        Self::IncrementalToVault,
        Self::FullToVault,
    ];

    /// Whether it writes to a vault, where what a command began and did not finish stays: nothing
    /// names it.
    pub(crate) fn is_to_vault(self) -> bool {
        matches!(self, Self::IncrementalToVault | Self::FullToVault)
    }

    /// The folder of the stage that its repository begins as.
    const fn repository_in_stage(self) -> Option<&'static str> {
        match self {
            Self::First => None,
            Self::Incremental | Self::Full => Some("older"),
            Self::Adopting => Some("interrupted"),
            Self::Restore | Self::Rebuild | Self::Verify => Some("newer"),
            Self::IncrementalToVault | Self::FullToVault => Some("vault"),
        }
    }

    /// The last epoch that can be restored before it.
    pub(crate) const fn last_epoch_before(self) -> Option<u64> {
        match self {
            Self::First | Self::Rebuild => None,
            Self::Incremental
            | Self::Full
            | Self::Adopting
            | Self::IncrementalToVault
            | Self::FullToVault => Some(FIRST_EPOCH),
            Self::Restore | Self::Verify => Some(LAST_EPOCH),
        }
    }

    /// What its repository holds before it.
    pub(crate) fn repository_before(
        self,
        stage: &FaultStage,
    ) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let Some(name) = self.repository_in_stage() else {
            return Ok(BTreeMap::new());
        };
        let mut before = contents(&stage.path(name))?;
        if self == Self::Rebuild {
            before.remove(Path::new(SMALL_FILES[0]));
        }
        Ok(before)
    }

    /// Does it in this process.
    ///
    /// # Errors
    ///
    /// Those of the library.
    pub fn perform(self, disk: &dyn Disk, place: &ActFolder) -> Result<()> {
        self.perform_heard(disk, place, &NoProgress)
    }

    /// The same, while a monitor lets it.
    pub(crate) fn perform_heard(
        self,
        disk: &dyn Disk,
        place: &ActFolder,
        monitor: &dyn Monitor,
    ) -> Result<()> {
        let (database, repository) = (place.database(), place.repository());
        let context = Context {
            disk,
            monitor,
            ..every_core()
        };
        let backup = |kind| {
            let options = Backup {
                kind,
                ..Backup::default()
            };
            capture(&database, &repository, &options, context)
        };
        match self {
            Self::First | Self::Adopting => drop(backup(Kind::Auto)?),
            Self::Incremental | Self::IncrementalToVault => drop(backup(Kind::Incremental)?),
            Self::Full | Self::FullToVault => drop(backup(Kind::Full)?),
            Self::Restore => {
                let options = Options::to(Target::Latest);
                restore(&repository, &place.output(), &options, context)?;
            }
            Self::Rebuild => {
                let repository = Folder::open(&repository)?;
                Writer::lock(&repository, context)?.rebuild()?;
            }
            Self::Verify => {
                let options = VerifyOptions::default();
                let verified = verify_and_record(&repository, &options, context)?;
                ensure!(verified.problems.is_empty(), "{:?}", verified.problems);
            }
        }
        Ok(())
    }

    /// The words of the command that does it.
    pub fn words(self, place: &ActFolder) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let (database, repository) = (text(place.database()), text(place.repository()));
        let backup = |mode: Option<&str>| {
            let words = ["backup", &database, "--repo", &repository];
            words.into_iter().chain(mode).map(str::to_owned).collect()
        };
        match self {
            Self::First | Self::Adopting => backup(None),
            Self::Incremental | Self::IncrementalToVault => backup(Some("--incremental")),
            Self::Full | Self::FullToVault => backup(Some("--full")),
            Self::Restore => vec!["restore".to_owned(), repository, text(place.output())],
            Self::Rebuild => vec!["rebuild".to_owned(), repository],
            Self::Verify => vec!["verify".to_owned(), repository],
        }
    }
}

/// The code of an error of the library, as the command would name it.
pub fn code_of(error: &anyhow::Error) -> Option<&'static str> {
    let capture = || error.downcast_ref().map(CaptureError::code);
    let restore = || error.downcast_ref().map(RestoreError::code);
    let repository = || error.downcast_ref().map(RepositoryError::code);
    let code = capture().or_else(restore).or_else(repository)?;
    Some(code.as_str())
}

/// A folder in which one act is done: `live/src.grafeo`, `repository` and `out.grafeo`.
#[derive(Debug, Clone)]
pub struct ActFolder {
    root: PathBuf,
}

impl ActFolder {
    /// The folder `root`, as it is.
    pub fn at(root: &Path) -> Self {
        let root = root.to_owned();
        Self { root }
    }

    /// The folder `root`, with what an act begins from.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn prepared(root: &Path, stage: &FaultStage, act: Act) -> Result<Self> {
        let place = Self::at(root);
        if act != Act::Restore {
            copy(&stage.path("live"), &root.join("live"))?;
        }
        if let Some(repository) = act.repository_in_stage() {
            copy(&stage.path(repository), &place.repository())?;
        }
        if act == Act::Rebuild {
            fs::remove_file(place.repository().join(SMALL_FILES[0]))?;
        }
        Ok(place)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The live database.
    pub fn database(&self) -> PathBuf {
        self.root.join("live/src.grafeo")
    }

    /// The repository.
    pub fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    /// Where a restored database goes.
    pub fn output(&self) -> PathBuf {
        self.root.join("out.grafeo")
    }
}
