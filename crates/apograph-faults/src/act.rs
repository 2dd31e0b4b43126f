//! What a command is doing when the fault comes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use apograph::capture::{CaptureError, Kind, Options as Backup, capture};
use apograph::io::{Context, Disk, Folder, Monitor, NoProgress};
use apograph::manifest::Target;
use apograph::operate::{Drill, DrillError, Policy, Prune, PruneError};
use apograph::repository::{Location, RepositoryError, Writer, plan_vault_rebuild};
use apograph::restore::{
    FoundRecords, Options, RestoreError, VerifyOptions, restore, salvage, salvage_database,
    verify_and_record,
};
use apograph_testing::context::every_core;

use crate::database_state::DatabaseState;
use crate::report::RowExtent;
use crate::stage::{FIRST_EPOCH, FaultStage, LAST_EPOCH, SMALL_FILES, contents, copy};

/// The folder of a vault with the versions of its catalog.
const CATALOG: &str = "catalog";
/// What says that there is a vault.
const HEAD: &str = "vault.json";

/// For how long what is pruned can be brought back.
const GRACE: Duration = Duration::from_hours(24);

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
    /// A rebuild of a vault of which the segments alone are left.
    RebuildOfVault,
    /// A rebuild of a vault whose newest version of the catalog is lost.
    RebuildOfVaultEnd,
    /// A drill.
    Drill,
    /// A drill of a vault.
    DrillOfVault,
    /// What the first full backup leads to is pruned.
    Prune,
    /// The same in a vault.
    PruneOfVault,
    /// The first backup of a folder database.
    FirstOfFolder,
    /// An increment of one.
    IncrementalOfFolder,
    /// A restore of one, to a folder.
    RestoreOfFolder,
    /// A salvage of a repository of which an older increment is lost.
    Salvage,
    /// A salvage of a database that was killed.
    SalvageOfDatabase,
}

/// What a salvage of a repository does without.
const LOST: &str = "backup_incr_0001.wal";

impl Act {
    /// Each of them that is about a repository in a folder.
    pub const ALL: [Self; 7] = [
        Self::First,
        Self::Incremental,
        Self::Full,
        Self::Adopting,
        Self::Restore,
        Self::Rebuild,
        Self::Verify,
    ];

    /// Each of them, those that are about a vault, drills, and salvages.
    const EVERY: [Self; 20] = [
        Self::First,
        Self::Incremental,
        Self::Full,
        Self::Adopting,
        Self::Restore,
        Self::Rebuild,
        Self::Verify,
        Self::IncrementalToVault,
        Self::FullToVault,
        Self::RebuildOfVault,
        Self::RebuildOfVaultEnd,
        Self::Drill,
        Self::DrillOfVault,
        Self::Prune,
        Self::PruneOfVault,
        Self::FirstOfFolder,
        Self::IncrementalOfFolder,
        Self::RestoreOfFolder,
        Self::Salvage,
        Self::SalvageOfDatabase,
    ];

    /// Each that is about a repository in a folder: in generation 1 folder databases too.
    pub(crate) fn of_generation(generation: u8) -> impl Iterator<Item = Self> {
        let of_folder = Self::EVERY.into_iter().filter(|act| act.is_of_folder());
        Self::ALL
            .into_iter()
            .chain(of_folder.filter(move |_| generation == 1))
    }

    /// What a row does with a stage of a generation. A catalog and a drill hardly differ by it: a quick
    /// run makes each of these in one generation alone.
    pub(crate) fn of_row(generation: u8, extent: RowExtent) -> impl Iterator<Item = Self> {
        let is_done = move |act: &Self| match act {
            // Folder databases are of generation 1.
            act if act.is_of_folder() => generation == 1,
            _ if extent == RowExtent::Long => true,
            Self::RebuildOfVault | Self::Drill | Self::PruneOfVault | Self::Salvage => {
                generation == 1
            }
            Self::RebuildOfVaultEnd
            | Self::DrillOfVault
            | Self::Prune
            | Self::SalvageOfDatabase => generation == 2,
            _ => true,
        };
        Self::EVERY.into_iter().filter(is_done)
    }

    /// Whether it is about a folder database.
    pub(crate) const fn is_of_folder(self) -> bool {
        matches!(
            self,
            Self::FirstOfFolder | Self::IncrementalOfFolder | Self::RestoreOfFolder
        )
    }

    /// The state at each epoch that can be restored after it.
    pub(crate) const fn truth(self, stage: &FaultStage) -> &BTreeMap<u64, DatabaseState> {
        if self.is_of_folder() {
            stage.folder_truth()
        } else {
            stage.truth()
        }
    }

    /// Whether it makes the repository.
    pub(crate) const fn is_first(self) -> bool {
        matches!(self, Self::First | Self::FirstOfFolder)
    }

    /// Whether it restores a database that stays.
    pub(crate) const fn is_restore(self) -> bool {
        matches!(self, Self::Restore | Self::RestoreOfFolder) || self.is_salvage()
    }

    /// Whether it makes a database of what is left.
    pub(crate) const fn is_salvage(self) -> bool {
        matches!(self, Self::Salvage | Self::SalvageOfDatabase)
    }

    /// The live database.
    pub(crate) fn database(self, place: &ActFolder) -> PathBuf {
        if self.is_of_folder() {
            place.root.join("live/db")
        } else {
            place.database()
        }
    }

    /// Where a restored database goes.
    pub(crate) fn output(self, place: &ActFolder) -> PathBuf {
        if self.is_of_folder() {
            place.root.join("out.db")
        } else {
            place.output()
        }
    }

    /// Whether it writes to a vault, where what a command began and did not finish stays: nothing
    /// names it.
    pub(crate) fn is_to_vault(self) -> bool {
        matches!(
            self,
            Self::IncrementalToVault | Self::FullToVault | Self::DrillOfVault | Self::PruneOfVault
        ) || self.is_rebuild_of_vault()
    }

    /// Whether it makes the catalog of a vault anew.
    pub(crate) const fn is_rebuild_of_vault(self) -> bool {
        matches!(self, Self::RebuildOfVault | Self::RebuildOfVaultEnd)
    }

    /// Whether it removes segments from the chain, which can be brought back.
    pub(crate) const fn is_prune(self) -> bool {
        matches!(self, Self::Prune | Self::PruneOfVault)
    }

    /// Whether it restores what is then removed.
    pub(crate) const fn is_drill(self) -> bool {
        matches!(self, Self::Drill | Self::DrillOfVault)
    }

    /// The folder of the stage that its repository begins as.
    const fn repository_in_stage(self) -> Option<&'static str> {
        match self {
            Self::First | Self::FirstOfFolder | Self::SalvageOfDatabase => None,
            Self::IncrementalOfFolder => Some("folder-older"),
            Self::RestoreOfFolder => Some("folder-newer"),
            Self::Incremental | Self::Full => Some("older"),
            Self::Adopting => Some("interrupted"),
            Self::Restore
            | Self::Rebuild
            | Self::Verify
            | Self::Drill
            | Self::Prune
            | Self::Salvage => Some("newer"),
            Self::IncrementalToVault | Self::FullToVault => Some("vault"),
            Self::RebuildOfVault
            | Self::RebuildOfVaultEnd
            | Self::DrillOfVault
            | Self::PruneOfVault => Some("vault-newer"),
        }
    }

    /// The last epoch that can be restored before it.
    pub(crate) const fn last_epoch_before(self) -> Option<u64> {
        match self {
            Self::First | Self::FirstOfFolder | Self::Rebuild | Self::RebuildOfVault => None,
            Self::Incremental
            | Self::IncrementalOfFolder
            | Self::Full
            | Self::Adopting
            | Self::IncrementalToVault
            | Self::FullToVault
            | Self::RebuildOfVaultEnd => Some(FIRST_EPOCH),
            Self::Restore
            | Self::RestoreOfFolder
            | Self::Verify
            | Self::Drill
            | Self::DrillOfVault
            | Self::Prune
            | Self::PruneOfVault
            | Self::Salvage
            | Self::SalvageOfDatabase => Some(LAST_EPOCH),
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
        if self == Self::Salvage {
            before.remove(Path::new(LOST));
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
        let (database, repository) = (self.database(place), place.repository());
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
            Self::First | Self::FirstOfFolder | Self::Adopting => drop(backup(Kind::Auto)?),
            Self::Incremental | Self::IncrementalOfFolder | Self::IncrementalToVault => {
                drop(backup(Kind::Incremental)?);
            }
            Self::Full | Self::FullToVault => drop(backup(Kind::Full)?),
            Self::Restore | Self::RestoreOfFolder => {
                let options = Options::to(Target::Latest);
                restore(&repository, &self.output(place), &options, context)?;
            }
            Self::Salvage => {
                let output = self.output(place);
                let nothing = |_, _: FoundRecords<'_, '_>| Ok(());
                salvage(&repository, &output, context, nothing, |_| Ok(()))?;
            }
            Self::SalvageOfDatabase => {
                let output = self.output(place);
                let nothing = |_, _: FoundRecords<'_, '_>| Ok(());
                salvage_database(&database, &output, context, nothing, |_| Ok(()))?;
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
            Self::RebuildOfVault | Self::RebuildOfVaultEnd => {
                let plan = plan_vault_rebuild(&Location::from(repository), context)?;
                plan.context("no vault")?.write()?;
            }
            Self::Drill | Self::DrillOfVault => {
                let drill = Drill {
                    target: Target::Latest,
                    folder: &place.drills(),
                    check: None,
                    keep: false,
                };
                let drilled = drill.run(&repository, context)?;
                ensure!(drilled.failure.is_none(), "{:?}", drilled.failure);
            }
            Self::Prune | Self::PruneOfVault => {
                let prune = Prune {
                    policy: Policy {
                        last: 1,
                        ..Policy::default()
                    },
                    grace: GRACE,
                    allow_stale: true,
                };
                prune.apply(&Location::from(repository), context)?;
            }
        }
        Ok(())
    }

    /// The words of the command that does it.
    pub fn words(self, place: &ActFolder) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let (database, repository) = (text(self.database(place)), text(place.repository()));
        let backup = |mode: Option<&str>| {
            let words = ["backup", &database, "--repo", &repository];
            words.into_iter().chain(mode).map(str::to_owned).collect()
        };
        match self {
            Self::First | Self::FirstOfFolder | Self::Adopting => backup(None),
            Self::Incremental | Self::IncrementalOfFolder | Self::IncrementalToVault => {
                backup(Some("--incremental"))
            }
            Self::Full | Self::FullToVault => backup(Some("--full")),
            Self::Restore | Self::RestoreOfFolder => {
                vec!["restore".to_owned(), repository, text(self.output(place))]
            }
            Self::Salvage => vec!["salvage".to_owned(), repository, text(self.output(place))],
            Self::SalvageOfDatabase => {
                vec!["salvage".to_owned(), database, text(self.output(place))]
            }
            Self::Rebuild | Self::RebuildOfVault | Self::RebuildOfVaultEnd => {
                vec!["rebuild".to_owned(), repository]
            }
            Self::Drill | Self::DrillOfVault => {
                let words = ["drill", &repository, "--dir", &text(place.drills())];
                words.map(str::to_owned).to_vec()
            }
            Self::Verify => vec!["verify".to_owned(), repository],
            Self::Prune | Self::PruneOfVault => {
                let words = [
                    "prune",
                    &repository,
                    "--keep-last",
                    "1",
                    "--allow-stale",
                    "--apply",
                ];
                words.map(str::to_owned).to_vec()
            }
        }
    }
}

/// The code of an error of the library, as the command would name it.
pub fn code_of(error: &anyhow::Error) -> Option<&'static str> {
    let capture = || error.downcast_ref().map(CaptureError::code);
    let restore = || error.downcast_ref().map(RestoreError::code);
    let repository = || error.downcast_ref().map(RepositoryError::code);
    let drill = || error.downcast_ref().map(DrillError::code);
    let prune = || error.downcast_ref().map(PruneError::code);
    let code = capture()
        .or_else(restore)
        .or_else(repository)
        .or_else(drill)
        .or_else(prune)?;
    Some(code.as_str())
}

/// A folder in which one act is done: `live/src.grafeo`, `repository`, `drills` and
/// `out.grafeo`.
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
        if !act.is_restore() || act == Act::SalvageOfDatabase {
            copy(&stage.path("live"), &root.join("live"))?;
        }
        if let Some(repository) = act.repository_in_stage() {
            copy(&stage.path(repository), &place.repository())?;
        }
        let catalog = place.repository().join(CATALOG);
        match act {
            Act::Rebuild => fs::remove_file(place.repository().join(SMALL_FILES[0]))?,
            Act::Salvage => fs::remove_file(place.repository().join(LOST))?,
            Act::RebuildOfVault => {
                fs::remove_dir_all(catalog)?;
                fs::remove_file(place.repository().join(HEAD))?;
            }
            Act::RebuildOfVaultEnd => {
                let versions = contents(&catalog)?;
                let newest = versions.last_key_value().context("a version")?.0;
                fs::remove_file(catalog.join(newest))?;
            }
            Act::Drill | Act::DrillOfVault => fs::create_dir(place.drills())?,
            Act::Prune | Act::PruneOfVault => {
                let options = VerifyOptions::default();
                verify_and_record(place.repository(), &options, every_core())?;
            }
            _ => {}
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

    /// Where drills restore.
    pub fn drills(&self) -> PathBuf {
        self.root.join("drills")
    }

    /// Where a restored database goes.
    pub fn output(&self) -> PathBuf {
        self.root.join("out.grafeo")
    }
}
