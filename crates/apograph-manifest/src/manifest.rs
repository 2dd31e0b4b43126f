//! The manifest: which segments a repository has, in which order.
//!
//! Generation 1 writes it in bincode's standard configuration, under a name that ends in `.json`;
//! generation 2 writes JSON, and reads both (FORMAT.md, "Manifest"). What is written here is byte
//! for byte what the engine writes. Fields of a JSON manifest that are not known here are kept.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use apograph_format::{Crc32, Detail, Epoch, Generation, Lsn, SegmentKind, UnixMillis};
use apograph_io::{At, Disk, Folder, IoError, Mode, replace_file};
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{ManifestError, Result};
use crate::segment::{NotAFileName, Segment, Unknown};

/// The name of the manifest in a repository.
pub const MANIFEST_FILE_NAME: &str = "backup_manifest.json";
/// The most bytes that a manifest may have.
pub const MANIFEST_MAX_BYTES: u64 = 32 << 20;
/// The most segments that a manifest may name: one every five minutes for almost two years.
pub const SEGMENTS_MAX: usize = 200_000;

/// The version in a manifest of generation 1.
const BINCODE_VERSION: u32 = 1;
/// The highest version of a JSON manifest that is known here.
const JSON_VERSION: u32 = 2;
/// More than a segment with the longest name takes.
const SEGMENT_LIMIT_BYTES: usize = 1024;
/// How much of a large JSON manifest is in memory at a time.
const BUFFER_BYTES: usize = 64 << 10;
/// Up to where a manifest is read whole: from memory, JSON is read in a third of the time.
const IN_MEMORY_MAX_BYTES: usize = 4 << 20;
/// A kind, the length of a name, and five numbers.
const SEGMENT_MIN_BYTES: usize = 7;

/// The segments of a repository, in the order they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "BackupManifest")]
pub struct Manifest {
    /// The generation whose encoding the file has.
    pub generation: Generation,
    /// The segments.
    pub segments: Vec<Segment>,
    /// What else a JSON manifest says.
    pub unknown: Unknown,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            generation: Generation::One,
            segments: Vec::new(),
            unknown: Unknown::new(),
        }
    }
}

#[derive(bincode::Decode)]
struct RawSegment {
    kind: SegmentKind,
    file: String,
    start_epoch: Epoch,
    end_epoch: Epoch,
    checksum: Crc32,
    size_bytes: u64,
    created_at: UnixMillis,
}

#[derive(Serialize)]
struct JsonManifest<'a> {
    version: u32,
    #[serde(serialize_with = "put_each")]
    segments: &'a [Segment],
    #[serde(flatten)]
    unknown: &'a Unknown,
}

#[derive(Deserialize)]
struct ReadManifest {
    version: u32,
    segments: Segments,
    #[serde(flatten)]
    unknown: Unknown,
}

/// The segments of a JSON manifest, each made as soon as it is read; or why one cannot be.
struct Segments(std::result::Result<Vec<Segment>, Detail>);

/// Where a manifest is read from.
enum Source<'a> {
    Bytes(&'a [u8]),
    File(&'a mut dyn SeekingReader),
}

trait SeekingReader: BufRead + Seek {}

impl<R: BufRead + Seek> SeekingReader for R {}

impl<'a> Source<'a> {
    /// Whether the first byte that is no white space begins a JSON object.
    fn begins_with_brace(&mut self) -> io::Result<bool> {
        let file = match self {
            Self::Bytes(bytes) => return Ok(bytes.trim_ascii_start().first() == Some(&b'{')),
            Self::File(file) => file,
        };
        loop {
            let bytes = file.fill_buf()?;
            let length = bytes.len();
            match bytes.trim_ascii_start().first() {
                Some(first) => return Ok(*first == b'{'),
                None if length == 0 => return Ok(false),
                None => file.consume(length),
            }
        }
    }

    /// All of it, as JSON.
    fn json<T: DeserializeOwned>(&mut self) -> serde_json::Result<T> {
        match self {
            Self::Bytes(bytes) => serde_json::from_slice(bytes),
            Self::File(file) => {
                file.rewind().map_err(serde_json::Error::io)?;
                serde_json::from_reader(file)
            }
        }
    }

    /// All of it.
    fn bytes(&mut self) -> io::Result<Cow<'a, [u8]>> {
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::File(file) => {
                let mut bytes = Vec::new();
                file.rewind()?;
                file.read_to_end(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct JsonSegment {
    kind: JsonKind,
    filename: String,
    start_epoch: Epoch,
    end_epoch: Epoch,
    checksum: u32,
    size_bytes: u64,
    created_at_ms: UnixMillis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_wal_lsn: Option<Lsn>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
enum JsonKind {
    Full,
    Incremental,
}

impl Manifest {
    /// Whether both say the same of the same segments, as far as it is known here.
    pub fn is_same(&self, other: &Self) -> bool {
        let mut both = self.segments.iter().zip(&other.segments);
        self.segments.len() == other.segments.len() && both.all(|(one, other)| one.is_same(other))
    }

    /// The newest full backup.
    pub fn latest_full(&self) -> Option<&Segment> {
        self.segments
            .iter()
            .rfind(|segment| segment.kind == SegmentKind::Full)
    }

    /// The increments whose first epoch lies after `epoch`, in order.
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
    /// [`ManifestError::UnsupportedVersion`] past version 2;
    /// [`ManifestError::CorruptManifest`] where the bytes are not exactly one manifest, or name a
    /// file by a path.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::of(Source::Bytes(bytes), path)
    }

    /// Reads a manifest file, a large one little by little; `path` is for messages.
    ///
    /// # Errors
    ///
    /// As [`Manifest::decode`], and [`ManifestError::Io`].
    pub fn read(mut file: impl BufRead + Seek, path: &Path) -> Result<Self> {
        let mut front = Vec::new();
        let failed = |source| IoError::Failed {
            operation: "read",
            path: path.to_owned(),
            source,
        };
        let mut few = file.by_ref().take(IN_MEMORY_MAX_BYTES as u64);
        if few.read_to_end(&mut front).map_err(failed)? < IN_MEMORY_MAX_BYTES {
            return Self::of(Source::Bytes(&front), path);
        }
        drop(front);
        file.rewind().map_err(failed)?;
        Self::of(Source::File(&mut file), path)
    }

    fn of(mut source: Source<'_>, path: &Path) -> Result<Self> {
        let corrupt = |detail: Detail| ManifestError::CorruptManifest {
            path: path.to_owned(),
            detail,
        };
        let failed = |source| IoError::Failed {
            operation: "read",
            path: path.to_owned(),
            source,
        };
        // What the operating system did not give is no damage.
        let of_json = |error: serde_json::Error| {
            if error.is_io() {
                ManifestError::Io(failed(error.into()))
            } else {
                corrupt(error.into())
            }
        };
        let check_version = |found: u32, known: u32| {
            let path = path.to_owned();
            let error = ManifestError::UnsupportedVersion { path, found, known };
            if found > known { Err(error) } else { Ok(()) }
        };
        let manifest = if source.begins_with_brace().map_err(failed)? {
            let read = source.json::<ReadManifest>().or_else(|error| {
                // What a newer version says need not be a manifest of this one.
                if let Ok(JsonVersion { version }) = source.json() {
                    check_version(version, JSON_VERSION)?;
                }
                Err(of_json(error))
            })?;
            check_version(read.version, JSON_VERSION)?;
            Self {
                generation: Generation::Two,
                segments: read.segments.0.map_err(corrupt)?,
                unknown: read.unknown,
            }
        } else {
            let bytes = source.bytes().map_err(failed)?;
            let version = take(&mut &*bytes).map_err(corrupt)?;
            if version != BINCODE_VERSION {
                return Err(ManifestError::UnsupportedVersion {
                    path: path.to_owned(),
                    found: version,
                    known: BINCODE_VERSION,
                });
            }
            Self::of_bincode(&bytes).map_err(corrupt)?
        };
        let mut names = std::collections::HashSet::new();
        let mut files = manifest.segments.iter().map(|segment| &segment.file);
        match files.find(|file| !names.insert(*file)) {
            Some(file) => Err(corrupt(format!("it names {file} twice").into())),
            None => Ok(manifest),
        }
    }

    fn of_bincode(bytes: &[u8]) -> std::result::Result<Self, Detail> {
        let mut rest = bytes;
        let _version: u32 = take(&mut rest)?;
        let count: usize = take(&mut rest)?;
        if count > rest.len() / SEGMENT_MIN_BYTES {
            return Err(format!("{count} segments in {} bytes", rest.len()).into());
        }
        check_count(count)?;
        let mut segments = Vec::new();
        for _ in 0..count {
            let raw: RawSegment = take(&mut rest)?;
            segments.push(Segment {
                kind: raw.kind,
                file: raw.file.try_into()?,
                start_epoch: raw.start_epoch,
                end_epoch: raw.end_epoch,
                checksum: raw.checksum,
                size_bytes: raw.size_bytes,
                created_at: raw.created_at,
                end_lsn: None,
                unknown: Unknown::new(),
            });
        }
        if !rest.is_empty() {
            return Err(format!("{} bytes after its end", rest.len()).into());
        }
        Ok(Self {
            segments,
            ..Self::default()
        })
    }

    /// The content of a manifest file, in the encoding of its generation.
    pub fn encode(&self) -> Vec<u8> {
        // Encoding into memory fails only for types that refuse themselves; none of these does.
        match self.generation {
            Generation::One => {
                let config = bincode::config::standard();
                let head = (BINCODE_VERSION, self.segments.len() as u64);
                let mut bytes = bincode::encode_to_vec(head, config).unwrap_or_default();
                for segment in &self.segments {
                    let raw = (
                        (segment.kind, segment.file.as_str()),
                        (segment.start_epoch, segment.end_epoch),
                        (segment.checksum, segment.size_bytes, segment.created_at),
                    );
                    bytes.extend(bincode::encode_to_vec(raw, config).unwrap_or_default());
                }
                bytes
            }
            Generation::Two => serde_json::to_vec_pretty(&self.json()).unwrap_or_default(),
        }
    }

    fn json(&self) -> JsonManifest<'_> {
        JsonManifest {
            version: JSON_VERSION,
            segments: &self.segments,
            unknown: &self.unknown,
        }
    }
}

fn put_each<S: Serializer>(segments: &[Segment], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_seq(segments.iter().map(JsonSegment::from))
}

impl From<&Segment> for JsonSegment {
    fn from(segment: &Segment) -> Self {
        Self {
            kind: match segment.kind {
                SegmentKind::Full => JsonKind::Full,
                SegmentKind::Incremental => JsonKind::Incremental,
            },
            filename: segment.file.to_string(),
            start_epoch: segment.start_epoch,
            end_epoch: segment.end_epoch,
            checksum: segment.checksum.get(),
            size_bytes: segment.size_bytes,
            created_at_ms: segment.created_at,
            end_wal_lsn: segment.end_lsn,
            unknown: segment.unknown.clone(),
        }
    }
}

impl TryFrom<JsonSegment> for Segment {
    type Error = NotAFileName;

    fn try_from(segment: JsonSegment) -> std::result::Result<Self, NotAFileName> {
        Ok(Self {
            kind: match segment.kind {
                JsonKind::Full => SegmentKind::Full,
                JsonKind::Incremental => SegmentKind::Incremental,
            },
            file: segment.filename.try_into()?,
            start_epoch: segment.start_epoch,
            end_epoch: segment.end_epoch,
            checksum: Crc32::new(segment.checksum),
            size_bytes: segment.size_bytes,
            created_at: segment.created_at_ms,
            end_lsn: segment.end_wal_lsn,
            unknown: segment.unknown,
        })
    }
}

impl<'de> Deserialize<'de> for Segments {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Segments;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of segments")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> std::result::Result<Segments, A::Error> {
                let mut segments = Ok(Vec::new());
                let mut count = 0_usize;
                while let Some(segment) = list.next_element::<JsonSegment>()? {
                    count = count.saturating_add(1);
                    segments = segments.and_then(|mut so_far: Vec<Segment>| {
                        check_count(count)?;
                        so_far.push(segment.try_into()?);
                        Ok(so_far)
                    });
                }
                Ok(Segments(check_count(count).and(segments)))
            }
        }

        from.deserialize_seq(Each)
    }
}

fn check_count(count: usize) -> std::result::Result<(), Detail> {
    if count > SEGMENTS_MAX {
        return Err(format!("it names {count} segments, at most {SEGMENTS_MAX} are read").into());
    }
    Ok(())
}

#[derive(Deserialize)]
struct JsonVersion {
    version: u32,
}

/// Takes one value off the front of `bytes`. A list is taken element by element: its length alone
/// would decide how much memory is asked for.
fn take<T: bincode::Decode<()>>(bytes: &mut &[u8]) -> std::result::Result<T, Detail> {
    let config = bincode::config::standard().with_limit::<SEGMENT_LIMIT_BYTES>();
    let (value, taken) = bincode::decode_from_slice(bytes, config)?;
    *bytes = bytes.get(taken..).unwrap_or_default();
    Ok(value)
}

/// Reads the manifest of a repository; `None` where there is none.
///
/// # Errors
///
/// As [`Manifest::decode`], and [`ManifestError::Io`].
pub fn read_manifest(repository: &Folder) -> Result<Option<Manifest>> {
    let at = repository.at(MANIFEST_FILE_NAME);
    let file = at.open_small(MANIFEST_MAX_BYTES)?;
    file.map(|file| Manifest::read(BufReader::with_capacity(BUFFER_BYTES, file), &at.path()))
        .transpose()
}

/// Replaces the manifest of a repository, whole and durably.
///
/// # Errors
///
/// [`ManifestError::Io`], and [`ManifestError::Full`] for one that could not be read again.
pub fn write_manifest(
    disk: &dyn Disk,
    repository: &Folder,
    mode: Mode,
    manifest: &Manifest,
) -> Result<()> {
    let at = repository.at(MANIFEST_FILE_NAME);
    let count = manifest.segments.len();
    if count > SEGMENTS_MAX {
        let (path, limit) = (at.path(), SEGMENTS_MAX);
        return Err(ManifestError::Full { path, count, limit });
    }
    let bytes = manifest.encode();
    check_length(bytes.len() as u64, MANIFEST_MAX_BYTES, at)?;
    Ok(replace_file(disk, at, mode, &bytes)?)
}

/// What is written can be read again.
pub(crate) fn check_length(found: u64, limit: u64, at: At<'_>) -> std::result::Result<(), IoError> {
    if found > limit {
        let path = at.path();
        return Err(IoError::TooLarge { path, limit, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_as_many_bytes_as_are_read_may_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::open(folder.path()).unwrap();
        let check = |length| check_length(length, 5, folder.at(MANIFEST_FILE_NAME));
        assert!(check(4).is_ok());
        assert!(check(5).is_ok());
        for more in [6, 7] {
            let Err(IoError::TooLarge { limit, found, .. }) = check(more) else {
                panic!("{more} bytes are too many");
            };
            assert_eq!((limit, found), (5, more));
        }
    }
}
