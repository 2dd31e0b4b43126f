//! A repository as its writer has opened it.

use std::fmt;

use apograph_io::{Access, Context, Folder, Mode};
use apograph_manifest::Notes;

use crate::error::{RepositoryError, Result};
use crate::location::Location;
use crate::repository::Repository;
use crate::vault_target::{HeldVault, VaultTarget};
use crate::writer::Writer;

/// A repository as its [`Writer`] has opened it: what was read of it stays so until the writer
/// changes it, and what is added goes to no other one. One that a [`VaultWriter`] has opened can
/// be changed by others meanwhile, and nothing is added to it then.
pub struct HeldRepository<'w> {
    pub(crate) to: HeldOf<'w>,
    pub(crate) context: Context<'w>,
    pub(crate) repository: Repository,
}

/// What is held.
pub(crate) enum HeldOf<'w> {
    Folder(&'w Writer<'w>),
    Vault(Box<HeldVault<'w>>),
}

impl<'w> Writer<'w> {
    /// Opens the repository to add to it. What a killed backup left is made whole first, and what
    /// it left under temporary names is removed.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::NotARepository`] where nobody made the folder one; as
    /// [`Repository::open_or_empty`].
    pub fn open(&'w self, mode: Mode) -> Result<HeldRepository<'w>> {
        let held = self.open_as_it_is()?;
        let repository = self.adopt(held.repository, mode)?;
        self.clear(&repository)?;
        Ok(HeldRepository { repository, ..held })
    }

    /// The same, but what a killed backup left stays as it is.
    ///
    /// # Errors
    ///
    /// As [`open`](Writer::open).
    pub(crate) fn open_as_it_is(&'w self) -> Result<HeldRepository<'w>> {
        let repository = Repository::open_or_empty(self.folder.clone(), self.context)?;
        if !repository.is_initialized() {
            return Err(RepositoryError::NotARepository {
                path: self.folder.path().to_owned(),
                detail: "it is empty; it may be where a disk is not mounted".to_owned(),
            });
        }
        Ok(HeldRepository {
            to: HeldOf::Folder(self),
            context: self.context,
            repository,
        })
    }
}

/// The right to add to a vault. It is no lock: of several who add at once one is first, and the
/// others learn that.
pub struct VaultWriter<'a> {
    target: VaultTarget<'a>,
}

impl<'w> VaultWriter<'w> {
    /// The vault at a location; `None` where a folder is none, or is not there.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::NotARepository`] where nothing else can be there;
    /// [`RepositoryError::Misplaced`]; [`RepositoryError::NoneUsable`] in a library without vaults;
    /// [`RepositoryError::Vault`] and [`RepositoryError::Io`].
    pub fn find(location: impl Into<Location>, context: Context<'w>) -> Result<Option<Self>> {
        let found = VaultTarget::find(location.into(), context)?;
        Ok(found.map(|target| Self { target }))
    }

    /// The same, for who captures again and again: what was read of the catalog is kept as long as
    /// nobody else commits.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self {
            target: self.target.keeping(),
        }
    }

    /// Whether the path by which it was found still leads to it: another disk may be mounted there by
    /// now. An address always does.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Io`].
    pub fn is_in_place(&self) -> Result<bool> {
        self.target.is_in_place()
    }

    /// Opens the vault to add to it.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Vault`] and [`RepositoryError::Io`].
    pub fn open(&'w self) -> Result<HeldRepository<'w>> {
        let (repository, vault) = self.target.read()?;
        Ok(HeldRepository {
            to: HeldOf::Vault(Box::new(vault)),
            context: self.target.context(),
            repository,
        })
    }
}

impl HeldRepository<'_> {
    /// What is in it.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The folder in which new segments are written, under temporary names.
    pub const fn staging(&self) -> &Folder {
        match &self.to {
            HeldOf::Folder(writer) => &writer.folder,
            HeldOf::Vault(vault) => vault.staging(),
        }
    }

    /// Who may do what with a new segment's file there, which is to have the permissions `mode`. From
    /// where segments wait for a vault they go with the command: such a file need not be durable.
    pub fn staged_access(&self, mode: Mode) -> Access {
        match &self.to {
            HeldOf::Folder(_) => mode.into(),
            HeldOf::Vault(_) => Access::passing(),
        }
    }

    /// Writes the notes of the repository, durably. Of a vault only the time is written until which
    /// it was looked.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Manifest`] and [`RepositoryError::Vault`]; the notes are then as they
    /// were.
    pub fn write_notes(&self, mode: Mode, notes: &Notes) -> Result<()> {
        match &self.to {
            HeldOf::Folder(writer) => writer.write_notes(mode, notes),
            HeldOf::Vault(vault) => vault.looked(notes.looked_until),
        }
    }
}

impl fmt::Debug for VaultWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.path();
        f.debug_struct("VaultWriter").field("path", &path).finish()
    }
}

impl fmt::Debug for HeldRepository<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldRepository")
            .field("path", &self.repository.path())
            .finish()
    }
}
