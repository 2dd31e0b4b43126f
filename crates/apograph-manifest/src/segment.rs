//! What a manifest says of a segment.

use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;

use apograph_format::{
    Code, Crc32, Epoch, LogPosition, Lsn, SegmentKind, SegmentName, UnixMillis, log_file_name,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Fields of a JSON file that are not known here. There are hardly ever any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Unknown(Option<Box<Map<String, Value>>>);

impl Unknown {
    /// No field.
    pub const fn new() -> Self {
        Self(None)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |fields| fields.len())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

impl From<Map<String, Value>> for Unknown {
    fn from(fields: Map<String, Value>) -> Self {
        Self((!fields.is_empty()).then(|| Box::new(fields)))
    }
}

impl From<Unknown> for Map<String, Value> {
    fn from(unknown: Unknown) -> Self {
        unknown.0.map(|fields| *fields).unwrap_or_default()
    }
}

/// The longest name that a [`FileName`] holds in itself: that of an increment with six digits.
const SHORT_MAX_BYTES: usize = 22;

/// The name of a segment's file: a name, never a path.
///
/// ASCII letters, digits, `.`, `_` and `-`, not beginning with a dot, at most 255 bytes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(Name);

/// One name has one form: a longer one is never short.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Short {
        length: u8,
        bytes: [u8; SHORT_MAX_BYTES],
    },
    /// Copies share it.
    Long(Arc<str>),
}

impl FileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Short { length, bytes } => {
                let bytes = bytes.get(..usize::from(*length)).unwrap_or_default();
                // It is ASCII.
                std::str::from_utf8(bytes).unwrap_or_default()
            }
            Name::Long(name) => name,
        }
    }
}

impl Name {
    /// The form of a name that is plain.
    fn of(name: &str) -> Self {
        let mut bytes = [0; SHORT_MAX_BYTES];
        let short = bytes
            .get_mut(..name.len())
            .zip(u8::try_from(name.len()).ok());
        match short {
            Some((front, length)) => {
                front.copy_from_slice(name.as_bytes());
                Self::Short { length, bytes }
            }
            None => Self::Long(name.into()),
        }
    }
}

/// A text is no plain file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a plain file name")]
pub struct NotAFileName {
    name: String,
}

impl NotAFileName {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        Code::Malformed
    }
}

impl TryFrom<&str> for FileName {
    type Error = NotAFileName;

    fn try_from(name: &str) -> Result<Self, NotAFileName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let plain = name.bytes().all(allowed) && !name.starts_with('.');
        if !plain || !(1..=255).contains(&name.len()) {
            let name = name.to_owned();
            return Err(NotAFileName { name });
        }
        Ok(Self(Name::of(name)))
    }
}

impl TryFrom<String> for FileName {
    type Error = NotAFileName;

    fn try_from(name: String) -> Result<Self, NotAFileName> {
        Self::try_from(name.as_str())
    }
}

/// The name of a segment is always plain.
impl From<SegmentName> for FileName {
    fn from(name: SegmentName) -> Self {
        Self(Name::of(&name.to_string()))
    }
}

/// So is that of the log file that begins at a position.
impl From<LogPosition> for FileName {
    fn from(start: LogPosition) -> Self {
        Self(Name::of(&log_file_name(start)))
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<OsStr> for FileName {
    fn as_ref(&self) -> &OsStr {
        OsStr::new(self.as_str())
    }
}

/// What the manifest says of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[doc(alias = "BackupSegment")]
pub struct Segment {
    /// Full or incremental.
    pub kind: SegmentKind,
    /// The name of its file in the repository.
    pub file: FileName,
    /// An increment: the end of the segment before, plus 1. A full backup: 0.
    pub start_epoch: Epoch,
    /// The epoch at its end. Across a crash it can be smaller than the start.
    pub end_epoch: Epoch,
    /// Checksum of the whole file.
    pub checksum: Crc32,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// When it was captured.
    pub created_at: UnixMillis,
    /// Generation 2: the LSN at which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_lsn: Option<Lsn>,
    /// What else a JSON manifest says of it.
    #[serde(skip)]
    pub unknown: Unknown,
}

impl Segment {
    /// Whether both say the same, as far as it is known here. The position that only one of them
    /// has is unknown to the other: clients 0.6.0 leave it out of what they rewrite.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_same_but_for_time(other) && self.created_at == other.created_at
    }

    /// Whether both say the same, but for the time: that of a manifest that was made anew may be
    /// the time of the file.
    pub fn is_same_but_for_time(&self, other: &Self) -> bool {
        let Self {
            kind,
            file,
            start_epoch,
            end_epoch,
            checksum,
            size_bytes,
            created_at: _,
            end_lsn,
            unknown: _,
        } = self;
        *kind == other.kind
            && *file == other.file
            && (*start_epoch, *end_epoch) == (other.start_epoch, other.end_epoch)
            && (*checksum, *size_bytes) == (other.checksum, other.size_bytes)
            && (*end_lsn == other.end_lsn || end_lsn.is_none() || other.end_lsn.is_none())
    }
}
