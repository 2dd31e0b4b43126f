//! What verifications noted of the segments of a repository.

use apograph_format::UnixMillis;
use apograph_io::Context;
use apograph_manifest::{FileName, Level, Segment, Unusable};

use crate::repository::Repository;
use crate::segment_defect::SegmentDefect;

/// When a segment was last found sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastVerified {
    /// At any level.
    pub at: UnixMillis,
    /// At [`Level::Frames`]; `None` where it never was.
    pub frames_at: Option<UnixMillis>,
}

impl Repository {
    /// When an entry of the chain was last verified; `None` where it never was, where damage was
    /// found since, or where its file was changed.
    pub fn verified(&self, index: usize) -> Option<LastVerified> {
        let (at, frames_at) = match self.vault() {
            None => {
                let found = self.verified.get(index)?;
                (found.at, found.frames_at)
            }
            Some(vault) => vault.verified(index)?,
        };
        Some(LastVerified { at, frames_at })
    }

    /// Whether an entry of the chain was verified at a level, or at a deeper one.
    pub fn is_verified(&self, index: usize, level: Level) -> bool {
        match self.vault() {
            None => {
                let found = self.verified.get(index);
                found.is_some_and(|found| found.covers(level))
            }
            Some(vault) => vault.is_verified(index, level),
        }
    }

    /// What a verification found wrong with an entry of the chain; `None` where it found nothing, or
    /// its file was changed since.
    pub fn damage(&self, index: usize) -> Option<Unusable> {
        match self.vault() {
            None => {
                let found = self.verified.damage(index)?;
                Some(Unusable::damaged(found.offset, found.detail.clone()))
            }
            Some(vault) => vault.damage(index),
        }
    }

    /// Compares the objects of an entry with their sizes and hashes, and unpacks nothing. Returns how
    /// many bytes they have; `None` where the repository is a folder, whose files are to be read.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn check_objects(
        &self,
        segment: &Segment,
        context: Context<'_>,
    ) -> Result<Option<u64>, SegmentDefect> {
        let vault = self.vault();
        let checked = vault.map(|vault| vault.check_objects(&segment.file, context));
        checked.transpose()
    }

    /// The segments that have objects in the vault and that its catalog does not name, in the order of
    /// their names. Another command is at work, or was killed; or versions of the catalog are lost, the
    /// newest ones: a vault without these is what it was before.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Vault`](crate::RepositoryError::Vault).
    pub fn unnamed_objects(&self, context: Context<'_>) -> crate::Result<Vec<FileName>> {
        let vault = self.vault();
        vault.map_or_else(|| Ok(Vec::new()), |vault| vault.unnamed(context))
    }

    /// How many bytes a verification at a level reads of an entry.
    pub fn bytes_at(&self, index: usize, level: Level) -> u64 {
        let segment = self.chain.entries().get(index).map(|entry| &entry.segment);
        match (segment, level, self.vault()) {
            (None, ..) => 0,
            (Some(segment), Level::Objects, Some(vault)) => vault.object_bytes(&segment.file),
            (Some(segment), ..) => segment.size_bytes,
        }
    }

    /// The same repository, of which what a verification found damaged cannot be used. That is for
    /// who tells what can be restored: a restore reads the segments and sees for itself.
    #[must_use]
    pub fn without_damaged(mut self) -> Self {
        let entries = 0..self.chain.entries().len();
        let damaged = entries.filter_map(|index| Some((index, self.damage(index)?)));
        let damaged: Vec<_> = damaged.collect();
        self.chain = self.chain.without(damaged);
        self
    }
}
