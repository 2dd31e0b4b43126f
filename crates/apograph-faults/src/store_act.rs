//! What a command is doing with a vault in a store when a fault comes, and what must hold after it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use apograph::PointRange;
use apograph::capture::{Captured, Kind, Options as Backup, capture};
use apograph::io::{Folder, Mode, RealDisk};
use apograph::manifest::Target;
use apograph::repository::vault::store::{FolderStore, Store};
use apograph::repository::{Location, Pack, Repository, compact, copy, init_vault};
use apograph::restore::{Options, VerifyOptions, restore, verify, verify_and_record};
use apograph_testing::context::every_core;
use tempfile::TempDir;

use crate::database_state::{state_of, states};
use crate::scratch::scratch;
use crate::stage::{FIRST_EPOCH, LAST_EPOCH, copy as copy_files};
use crate::vault_stage::{VaultStage, age, clock, days_later};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreAct {
    /// A vault is made.
    Init,
    /// An increment.
    Incremental,
    /// A full backup of a database whose log goes on.
    Full,
    /// A copy of a folder, of which the vault has the front.
    CopyInto,
    /// A copy of the vault, of which the folder has the front.
    CopyOut,
    Restore,
    List,
    /// A verification, which notes what it found sound.
    Verify,
    /// Increments are merged.
    Merge,
    /// What was merged days ago is deleted, and what a killed writer left.
    Clean,
}

/// What was found by an act that ended well.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing but that it is done.
    Done,
    /// Whether there was something new in the log.
    Captured(bool),
    /// What can be restored.
    Listed(Vec<PointRange>),
    /// Which segments are sound.
    Verified,
}

impl StoreAct {
    pub(crate) const ALL: [Self; 10] = [
        Self::Init,
        Self::Incremental,
        Self::Full,
        Self::CopyInto,
        Self::CopyOut,
        Self::Restore,
        Self::List,
        Self::Verify,
        Self::Merge,
        Self::Clean,
    ];

    /// The vault of the stage that it begins from.
    const fn vault_in_stage(self) -> Option<&'static str> {
        match self {
            Self::Init => None,
            Self::Incremental | Self::Full => Some("vault"),
            Self::CopyInto => Some("older-vault"),
            Self::CopyOut | Self::Restore | Self::List | Self::Verify | Self::Merge => {
                Some("newer-vault")
            }
            Self::Clean => Some("merged-vault"),
        }
    }

    /// The last epoch that can be restored from the vault before it.
    const fn last_epoch_before(self) -> Option<u64> {
        match self {
            Self::Init => None,
            Self::Incremental | Self::Full | Self::CopyInto => Some(FIRST_EPOCH),
            _ => Some(LAST_EPOCH),
        }
    }

    /// Whether its answer is judged by the states in the vault.
    const fn writes_states(self) -> bool {
        matches!(
            self,
            Self::Incremental | Self::Full | Self::CopyInto | Self::Merge | Self::Clean
        )
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// Those of the library.
    pub(crate) fn perform(self, at: &Location, place: &StorePlace) -> Result<Answer> {
        let backup = |kind| {
            let options = Backup {
                kind,
                ..Backup::default()
            };
            let captured = capture(&place.database(), at, &options, every_core())?;
            let is_new = matches!(captured, Captured::Added { .. });
            Ok(Answer::Captured(is_new))
        };
        match self {
            Self::Init => drop(init_vault(at, every_core())?),
            Self::Incremental => return backup(Kind::Incremental),
            Self::Full => return backup(Kind::Full),
            Self::CopyInto => {
                let from = Repository::open(place.path("newer"), every_core())?;
                copy(&from, at, Pack::Best, every_core())?;
            }
            Self::CopyOut => {
                let from = Repository::open(at, every_core())?;
                copy(&from, place.path("older"), Pack::Best, every_core())?;
            }
            Self::Restore => {
                let options = Options::to(Target::Latest);
                restore(at, &place.output(), &options, every_core())?;
            }
            Self::List => {
                let opened = Repository::open(at, every_core())?;
                return Ok(Answer::Listed(opened.chain().restorable()));
            }
            Self::Verify => {
                verify_and_record(at, &VerifyOptions::default(), every_core())?;
                return Ok(Answer::Verified);
            }
            Self::Merge | Self::Clean => drop(compact(at, days_later(&clock()))?),
        }
        Ok(Answer::Done)
    }
}

/// A folder in which one act is done, with a vault.
pub(crate) struct StorePlace {
    folder: TempDir,
}

impl StorePlace {
    /// What an act begins from.
    pub(crate) fn prepared(stage: &VaultStage, act: StoreAct) -> Result<Self> {
        let place = Self { folder: scratch()? };
        let needed: &[&str] = match act {
            StoreAct::Incremental | StoreAct::Full => &["live"],
            StoreAct::CopyInto => &["newer"],
            StoreAct::CopyOut => &["older"],
            _ => &[],
        };
        for name in needed {
            copy_files(&stage.path(name), &place.path(name))?;
        }
        match act.vault_in_stage() {
            None => std::fs::create_dir(place.vault())?,
            Some(vault) => copy_files(&stage.path(vault), &place.vault())?,
        }
        if act == StoreAct::Clean {
            age(&place.vault())?;
        }
        Ok(place)
    }

    /// The objects of the vault, as they are.
    pub(crate) fn store(&self) -> Result<FolderStore<'static>> {
        let folder = Folder::open(&self.vault())?;
        Ok(FolderStore::new(&RealDisk, folder, Mode::PRIVATE))
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.path("place-of-objects")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("live/src.grafeo")
    }

    fn output(&self) -> PathBuf {
        self.path("out.grafeo")
    }

    /// Looks at what an act left, and lets the next one go on from there, upon the objects as they
    /// are.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub(crate) fn check(
        &self,
        stage: &VaultStage,
        act: StoreAct,
        ended: Result<&Answer, &anyhow::Error>,
    ) -> Result<()> {
        if let Ok(answer) = ended {
            self.check_answer(stage, act, answer)
                .context("acknowledged")?;
        } else {
            let is_left = act == StoreAct::Restore && self.output().exists();
            ensure!(!is_left, "something is restored, and it failed");
        }
        // What was acknowledged has that in it.
        let is_seen = ended.is_ok() && act.writes_states();
        if let Some(last) = act.last_epoch_before().filter(|_| !is_seen) {
            check_states(stage, &self.vault(), last).context("what was there before")?;
        }
        if act != StoreAct::Restore || ended.is_err() {
            let store: Arc<dyn Store> = Arc::new(self.store()?);
            let again = act.perform(&Location::store(store), self);
            let again = again.context("the next command")?;
            let has_more = ended.is_ok() && matches!(again, Answer::Captured(true));
            ensure!(
                !has_more || act == StoreAct::Full,
                "acknowledged, and captured once more"
            );
            self.check_answer(stage, act, &again)
                .context("the next command")?;
        }
        if act.writes_states() || act == StoreAct::Verify {
            let verified = verify(self.vault(), &VerifyOptions::default(), every_core())?;
            let problem = verified.problems.first();
            ensure!(problem.is_none(), "after the next command: {problem:?}");
        }
        Ok(())
    }

    /// What an act says that it did.
    fn check_answer(&self, stage: &VaultStage, act: StoreAct, answer: &Answer) -> Result<()> {
        let vault = self.vault();
        match (act, answer) {
            (StoreAct::Init, _) => {
                Repository::open(&vault, every_core())?;
                Ok(())
            }
            (_, Answer::Listed(found)) => {
                let truth = Repository::open(&vault, every_core())?.chain().restorable();
                ensure!(*found == truth, "{found:?} is listed");
                Ok(())
            }
            // Whoever says that something is damaged has said that it is not sure of it; and what
            // is there is looked at anyway.
            (_, Answer::Verified) => Ok(()),
            (StoreAct::Restore, _) => {
                let truth = &stage.stage.truth()[&LAST_EPOCH];
                let is_truth = state_of(&self.output())? == *truth;
                ensure!(is_truth, "the database is in another state");
                Ok(())
            }
            (StoreAct::CopyOut, _) => check_states(stage, &self.path("older"), LAST_EPOCH),
            _ => check_states(stage, &vault, LAST_EPOCH),
        }
    }
}

/// Each epoch up to this one restores exactly, and no other state is offered.
fn check_states(stage: &VaultStage, repository: &Path, last: u64) -> Result<()> {
    let (truth, found) = (stage.stage.truth(), states(repository)?);
    for (epoch, state) in &found {
        ensure!(
            truth.get(epoch) == Some(state),
            "epoch {epoch} is another state"
        );
    }
    for (epoch, _) in truth.range(..=last) {
        if !found.contains_key(epoch) {
            bail!("epoch {epoch} cannot be restored");
        }
    }
    Ok(())
}
