//! `apograph-notes.json`: what is known of a repository and can be read nowhere else.
//!
//! `apograph.json` is derived: it is made anew where it is lost. The id of the repository and the
//! time until which it is known to hold every commit are not, so they have a file of their own,
//! which `rebuild` keeps. It is small: a backup that finds nothing new writes just this.
//!
//! The file is `{"crc32":"…","body":{…}}` as `apograph.json` is. Damaged it is an error for whoever
//! needs what only it says, and never believed.

use std::path::Path;

use apograph_format::{Crc32, Detail, UnixMillis};
use apograph_io::{Disk, Folder, Mode, replace_file};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::drill_note::DrillNote;
use crate::error::{ManifestError, Result};
use crate::pin::Pin;
use crate::pruned::PrunedNotes;
use crate::segment::{FileName, Unknown};

/// The name of the file in a repository.
pub const NOTES_FILE_NAME: &str = "apograph-notes.json";
/// The most bytes that the file may have.
pub const NOTES_MAX_BYTES: u64 = 16 << 20;

const NOTES_FORMAT: u32 = 1;

random_number! {
    /// The id of a repository: 128 random bits, written as 32 lower-case hex digits.
    ///
    /// A copy of a repository has the same one.
    RepositoryId
}

/// What is known of a repository and can be read nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notes {
    /// The id of the repository.
    pub id: RepositoryId,
    /// Every commit that was made before this time is in the repository, as far as the clocks of
    /// the database's machine and of ours agree; `None` where there was no backup yet.
    pub looked_until: Option<UnixMillis>,
    /// After a rebuild that found no record of when segments were captured: the last one whose
    /// time is that of its file.
    pub file_times_through: Option<FileName>,
    /// What the last drill found; `None` where there was none.
    pub drilled: Option<DrillNote>,
    /// The states that are to stay, the first that was pinned first.
    pub pins: Vec<Pin>,
    /// What was pruned.
    pub pruned: PrunedNotes,
    /// What else the file says.
    pub unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct Body {
    format: u32,
    id: RepositoryId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    looked_until: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_times_through: Option<FileName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drilled: Option<DrillNote>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pins: Vec<Pin>,
    #[serde(default, skip_serializing_if = "PrunedNotes::is_empty")]
    pruned: PrunedNotes,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    crc32: Crc32,
    body: Box<RawValue>,
}

impl Notes {
    /// The notes of a repository in which nothing happened yet.
    pub fn of(id: RepositoryId) -> Self {
        Self {
            id,
            looked_until: None,
            file_times_through: None,
            drilled: None,
            pins: Vec::new(),
            pruned: PrunedNotes::default(),
            unknown: Unknown::new(),
        }
    }

    /// Reads the content of the file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`ManifestError::CorruptNotes`].
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::read(bytes).map_err(|detail| ManifestError::CorruptNotes {
            path: path.to_owned(),
            detail,
        })
    }

    fn read(bytes: &[u8]) -> std::result::Result<Self, Detail> {
        let envelope: Envelope = serde_json::from_slice(bytes)?;
        let text = envelope.body.get();
        let found = Crc32::of(text.as_bytes());
        if found != envelope.crc32 {
            let expected = envelope.crc32;
            return Err(format!("its checksum is {found}, and it says {expected}").into());
        }
        let body: Body = serde_json::from_str(text)?;
        if body.format != NOTES_FORMAT {
            let found = body.format;
            return Err(format!("it has format {found}, known is {NOTES_FORMAT}").into());
        }
        Ok(Self {
            id: body.id,
            looked_until: body.looked_until,
            file_times_through: body.file_times_through,
            drilled: body.drilled,
            pins: body.pins,
            pruned: body.pruned,
            unknown: body.unknown,
        })
    }

    /// The content of the file.
    pub fn encode(&self) -> Vec<u8> {
        let body = Body {
            format: NOTES_FORMAT,
            id: self.id,
            looked_until: self.looked_until,
            file_times_through: self.file_times_through.clone(),
            drilled: self.drilled.clone(),
            pins: self.pins.clone(),
            pruned: self.pruned.clone(),
            unknown: self.unknown.clone(),
        };
        // Numbers, digits and what was JSON before: JSON can say all of it.
        let body = to_raw_value(&body).unwrap_or_default();
        let crc32 = Crc32::of(body.get().as_bytes());
        let mut bytes = serde_json::to_vec(&Envelope { crc32, body }).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Reads the notes of a repository; `None` where there are none.
///
/// # Errors
///
/// [`ManifestError::CorruptNotes`] and [`ManifestError::Io`].
pub fn read_notes(repository: &Folder) -> Result<Option<Notes>> {
    let at = repository.at(NOTES_FILE_NAME);
    let bytes = at.read_small(NOTES_MAX_BYTES)?;
    bytes
        .map(|bytes| Notes::decode(&bytes, &at.path()))
        .transpose()
}

/// Replaces the notes of a repository, whole and durably.
///
/// # Errors
///
/// [`ManifestError::Io`].
pub fn write_notes(disk: &dyn Disk, repository: &Folder, mode: Mode, notes: &Notes) -> Result<()> {
    let at = repository.at(NOTES_FILE_NAME);
    Ok(replace_file(disk, at, mode, &notes.encode())?)
}
