//! The manifest: which segments a repository has, in which order.
//!
//! Generation 1 writes it in bincode's standard configuration, under a name that ends in `.json`
//! (FORMAT.md, "Manifest"). What is written here is byte for byte what the engine writes.

use std::fmt;
use std::path::Path;

use apograph_format::{Crc32, Epoch, SegmentKind, UnixMillis};
use apograph_io::{Disk, Mode, read_small, replace_file};

use crate::error::{ManifestError, Result};

/// The name of the manifest in a repository.
pub const MANIFEST_FILE_NAME: &str = "backup_manifest.json";
/// The version that generation 1 writes.
pub const MANIFEST_VERSION: u32 = 1;
/// Generation 2 writes JSON, from this version on.
const GENERATION_2_VERSION: u32 = 2;
/// The most that a manifest may have: a million segments.
pub const MANIFEST_MAX_BYTES: u64 = 64 << 20;

/// More than a segment with the longest name takes.
const SEGMENT_LIMIT_BYTES: usize = 1024;
/// A kind, the length of a name, and five numbers.
const SEGMENT_MIN_BYTES: usize = 7;

/// The name of a segment's file: a name, never a path.
///
/// ASCII letters, digits, `.`, `_` and `-`, not beginning with a dot, at most 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let plain = name.bytes().all(allowed) && !name.starts_with('.');
        if plain && (1..=255).contains(&name.len()) {
            Ok(Self(name))
        } else {
            Err(format!("{name:?} is not a plain file name"))
        }
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for FileName {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

/// What the manifest says of one segment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
}

/// The segments of a repository, in the order they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The version of the encoding.
    pub version: u32,
    /// The segments.
    pub segments: Vec<Segment>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            version: MANIFEST_VERSION,
            segments: Vec::new(),
        }
    }
}

#[derive(bincode::Encode, bincode::Decode)]
struct RawSegment {
    kind: SegmentKind,
    file: String,
    start_epoch: Epoch,
    end_epoch: Epoch,
    checksum: Crc32,
    size_bytes: u64,
    created_at: UnixMillis,
}

impl Manifest {
    /// The newest full backup.
    pub fn latest_full(&self) -> Option<&Segment> {
        self.segments
            .iter()
            .rfind(|segment| segment.kind == SegmentKind::Full)
    }

    /// The increments whose first epoch lies behind `epoch`, in order.
    ///
    /// That is the engine's notion of what follows a full backup. It is wrong for a repository
    /// with more than one timeline; [`Chain`](crate::Chain) knows better.
    pub fn incrementals_after(&self, epoch: Epoch) -> impl Iterator<Item = &Segment> {
        let follows = move |segment: &&Segment| {
            segment.kind == SegmentKind::Incremental && segment.start_epoch > epoch
        };
        self.segments.iter().filter(follows)
    }

    /// The first epoch of the first segment and the last epoch of the last one.
    pub fn epoch_range(&self) -> Option<(Epoch, Epoch)> {
        Some((
            self.segments.first()?.start_epoch,
            self.segments.last()?.end_epoch,
        ))
    }

    /// Reads the content of a manifest file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`ManifestError::UnsupportedVersion`] for every version but 1;
    /// [`ManifestError::CorruptManifest`] where the bytes are not exactly one manifest, or name a
    /// file by a path.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let corrupt = |detail: String| ManifestError::CorruptManifest {
            path: path.to_owned(),
            detail,
        };
        if bytes.first() == Some(&b'{') {
            let (path, found) = (path.to_owned(), GENERATION_2_VERSION);
            let known = MANIFEST_VERSION;
            return Err(ManifestError::UnsupportedVersion { path, found, known });
        }
        let mut rest = bytes;
        let version: u32 = take(&mut rest).map_err(corrupt)?;
        if version != MANIFEST_VERSION {
            let path = path.to_owned();
            let known = MANIFEST_VERSION;
            return Err(ManifestError::UnsupportedVersion {
                path,
                found: version,
                known,
            });
        }
        let count: usize = take(&mut rest).map_err(corrupt)?;
        if count > rest.len() / SEGMENT_MIN_BYTES {
            let have = rest.len();
            return Err(corrupt(format!("{count} segments in {have} bytes")));
        }
        let mut segments = Vec::new();
        for _ in 0..count {
            let raw: RawSegment = take(&mut rest).map_err(corrupt)?;
            segments.push(Segment {
                kind: raw.kind,
                file: raw.file.try_into().map_err(corrupt)?,
                start_epoch: raw.start_epoch,
                end_epoch: raw.end_epoch,
                checksum: raw.checksum,
                size_bytes: raw.size_bytes,
                created_at: raw.created_at,
            });
        }
        if !rest.is_empty() {
            return Err(corrupt(format!("{} bytes after its end", rest.len())));
        }
        let mut names = std::collections::HashSet::new();
        match segments.iter().find(|segment| !names.insert(&segment.file)) {
            Some(segment) => Err(corrupt(format!("it names {} twice", segment.file))),
            None => Ok(Self { version, segments }),
        }
    }

    /// The content of a manifest file.
    pub fn encode(&self) -> Vec<u8> {
        let raw = self.segments.iter().map(|segment| RawSegment {
            kind: segment.kind,
            file: segment.file.0.clone(),
            start_epoch: segment.start_epoch,
            end_epoch: segment.end_epoch,
            checksum: segment.checksum,
            size_bytes: segment.size_bytes,
            created_at: segment.created_at,
        });
        let value = (self.version, raw.collect::<Vec<_>>());
        // Encoding into memory fails only for types that refuse themselves; none of these does.
        bincode::encode_to_vec(value, bincode::config::standard()).unwrap_or_default()
    }
}

/// Takes one value off the front of `bytes`. A list is taken element by element: its length alone
/// would decide how much memory is asked for.
fn take<T: bincode::Decode<()>>(bytes: &mut &[u8]) -> std::result::Result<T, String> {
    let config = bincode::config::standard().with_limit::<SEGMENT_LIMIT_BYTES>();
    let (value, taken) =
        bincode::decode_from_slice(bytes, config).map_err(|error| error.to_string())?;
    *bytes = bytes.get(taken..).unwrap_or_default();
    Ok(value)
}

/// Reads the manifest of a repository; `None` where there is none.
///
/// # Errors
///
/// As [`Manifest::decode`], and [`ManifestError::Io`].
pub fn read_manifest(repository: &Path) -> Result<Option<Manifest>> {
    let path = repository.join(MANIFEST_FILE_NAME);
    let bytes = read_small(&path, MANIFEST_MAX_BYTES)?;
    bytes
        .map(|bytes| Manifest::decode(&bytes, &path))
        .transpose()
}

/// Replaces the manifest of a repository, whole and durably.
///
/// # Errors
///
/// [`ManifestError::Io`].
pub fn write_manifest(
    disk: &dyn Disk,
    repository: &Path,
    mode: Mode,
    manifest: &Manifest,
) -> Result<()> {
    replace_file(
        disk,
        &repository.join(MANIFEST_FILE_NAME),
        mode,
        &manifest.encode(),
    )?;
    Ok(())
}
