//! What stands for vaults where the library is built without them.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::path::PathBuf;

use apograph_format::{Code, UnixMillis};
use apograph_io::{Context, Folder, IoError, Source};
use apograph_manifest::{ChainEntry, DrillNote, Evidence, FileName, Level, Notes, Unusable};

use crate::error::{RepositoryError, Result};
use crate::location::{Keys, Location};
use crate::segment_defect::SegmentDefect;
use crate::verification_records::VerificationRecord;

/// The object that says that a folder is a vault.
pub(crate) const HEAD: &str = "vault.json";

/// There are none.
#[derive(Debug)]
pub(crate) enum VaultSegments {}

/// Nobody leaves one.
pub(crate) struct VaultLease<'a>(Infallible, PhantomData<Context<'a>>);

impl<'a> VaultLease<'a> {
    pub(crate) const fn take(_location: &Location, _context: Context<'a>) -> Option<Self> {
        None
    }

    pub(crate) const fn narrow(&self, _opened: &VaultSegments) {
        match self.0 {}
    }

    pub(crate) const fn renew(&self) {
        match self.0 {}
    }
}

/// There is none.
pub(crate) struct VaultRead {
    pub(crate) segments: VaultSegments,
    pub(crate) entries: Vec<ChainEntry>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) notes: Notes,
}

impl VaultSegments {
    pub(crate) fn are_in(folder: &Folder) -> Result<bool> {
        Ok(folder.at(HEAD).exists()?)
    }

    /// A vault cannot be read.
    pub(crate) fn find(folder: &Folder, _keys: &Keys) -> Result<Option<VaultRead>> {
        if !Self::are_in(folder)? {
            return Ok(None);
        }
        Err(RepositoryError::NoneUsable {
            path: folder.path().to_owned(),
            code: Code::UnsupportedVersion,
            detail: "it is a vault, and this program was built without vaults".into(),
        })
    }

    /// There are folders alone.
    #[expect(clippy::unnecessary_wraps, reason = "that of a store can fail")]
    pub(crate) fn in_store(_location: &Location) -> Result<Option<VaultRead>> {
        Ok(None)
    }

    pub(crate) fn path(&self) -> PathBuf {
        match *self {}
    }

    pub(crate) fn folder(&self) -> Option<&Folder> {
        match *self {}
    }

    pub(crate) fn fetch(
        &self,
        _name: &FileName,
        _context: Context<'_>,
    ) -> std::result::Result<Source, SegmentDefect> {
        match *self {}
    }

    pub(crate) fn fetch_to(
        &self,
        _name: &FileName,
        _context: Context<'_>,
        _each: &mut dyn FnMut(&[u8]) -> std::result::Result<(), IoError>,
    ) -> std::result::Result<(), SegmentDefect> {
        match *self {}
    }

    pub(crate) fn check_objects(
        &self,
        _name: &FileName,
        _context: Context<'_>,
    ) -> std::result::Result<u64, SegmentDefect> {
        match *self {}
    }

    pub(crate) fn unnamed(&self, _context: Context<'_>) -> Result<Vec<FileName>> {
        match *self {}
    }

    pub(crate) fn object_bytes(&self, _name: &FileName) -> u64 {
        match *self {}
    }

    pub(crate) fn verified(&self, _index: usize) -> Option<(UnixMillis, Option<UnixMillis>)> {
        match *self {}
    }

    pub(crate) fn is_verified(&self, _index: usize, _level: Level) -> bool {
        match *self {}
    }

    pub(crate) fn note_drill(&self, _drill: &DrillNote, _context: Context<'_>) -> Result<()> {
        match *self {}
    }

    pub(crate) fn damage(&self, _index: usize) -> Option<Unusable> {
        match *self {}
    }

    pub(crate) fn found(
        &self,
        _marks: Vec<VerificationRecord>,
        _entries: &[ChainEntry],
    ) -> FoundChecks {
        match *self {}
    }
}

/// There are none.
pub(crate) struct FoundChecks;

impl FoundChecks {
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "that of a vault can fail"
    )]
    pub(crate) fn record(self, _context: Context<'_>) -> Result<()> {
        Ok(())
    }
}
