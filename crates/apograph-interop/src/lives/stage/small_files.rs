//! The small files of a repository.

use std::fs;
use std::path::Path;

use crate::lives::op::Small;

pub(super) const SMALL_FILES: [&str; 2] = [RECORD, MANIFEST];
const RECORD: &str = "apograph.json";
const MANIFEST: &str = "backup_manifest.json";

/// The small files of a repository at one moment.
#[derive(Debug, Default)]
pub(super) struct SmallFiles {
    record: Option<Vec<u8>>,
    manifest: Option<Vec<u8>>,
}

impl SmallFiles {
    pub(super) fn of(folder: &Path) -> Self {
        let [record, manifest] = SMALL_FILES.map(|name| fs::read(folder.join(name)).ok());
        Self { record, manifest }
    }

    pub(super) fn get(&self, small: Small) -> Option<&[u8]> {
        match small {
            Small::Record => self.record.as_deref(),
            Small::Manifest => self.manifest.as_deref(),
        }
    }
}

impl Small {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Record => RECORD,
            Self::Manifest => MANIFEST,
        }
    }
}
