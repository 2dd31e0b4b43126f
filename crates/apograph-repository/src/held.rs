//! A repository as its writer has opened it.

use std::fmt;

use apograph_io::{Context, Folder, Mode};

use crate::error::{RepositoryError, Result};
use crate::repository::Repository;
use crate::writer::Writer;

/// A repository as its [`Writer`] has opened it: what was read of it stays so until the writer
/// changes it, and what is added goes to no other one.
pub struct HeldRepository<'w> {
    pub(crate) writer: &'w Writer<'w>,
    pub(crate) context: Context<'w>,
    pub(crate) repository: Repository,
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
        let repository = Repository::open_or_empty(self.folder.clone(), self.context)?;
        if !repository.is_initialized() {
            return Err(RepositoryError::NotARepository {
                path: self.folder.path().to_owned(),
                detail: "it is empty; it may be where a disk is not mounted".to_owned(),
            });
        }
        let repository = self.adopt(repository, mode)?;
        self.clear(&repository)?;
        Ok(HeldRepository {
            writer: self,
            context: self.context,
            repository,
        })
    }
}

impl HeldRepository<'_> {
    /// The folder in which new segments are written, under temporary names.
    pub const fn staging(&self) -> &Folder {
        &self.writer.folder
    }

    /// What is in it.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }
}

impl fmt::Debug for HeldRepository<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.writer.folder.path();
        f.debug_struct("HeldRepository")
            .field("folder", &folder)
            .finish()
    }
}
