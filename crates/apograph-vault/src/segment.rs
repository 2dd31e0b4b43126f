//! What a catalog says of a segment.

use std::fmt;

use apograph_format::{SegmentKind, UnixMillis};
use apograph_manifest::{FileName, Level, Nonce, SegmentRecord};
use apograph_store::{ObjectName, StoreError};
use serde::{Deserialize, Serialize};

use crate::sha256::Sha256;

/// The folder of the segments.
pub const SEGMENTS: &str = "segments";
/// What the names of encrypted objects end with.
const AGE: &str = ".age";

/// The name of a new segment: the version that it was built on, its number among those that are added
/// with it, its kind, and a number that no other has.
///
/// Names are in the order of the chain, but for those of merged segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentId {
    /// The newest version of the catalog when the segment was captured; or one more than that of the
    /// segment before, where versions were lost.
    pub built_on: u64,
    /// Its number among the segments of one change, from 0.
    pub index: u32,
    /// Full or incremental.
    pub kind: SegmentKind,
    /// New for each segment.
    pub nonce: Nonce,
}

impl SegmentId {
    /// What a segment is built on that comes after `last`. Where the newest versions were lost that is
    /// more than there are: places in a chain only grow.
    pub fn next_built_on(version: u64, last: Option<&FileName>) -> u64 {
        let last = last.and_then(|last| Self::parse(last.as_str()));
        last.map_or(version, |last| version.max(last.built_on.saturating_add(1)))
    }

    /// Reads a name; `None` for one that is not written as this one is.
    pub fn parse(name: &str) -> Option<Self> {
        let mut words = name.split('-');
        let mut word = || words.next();
        let id = Self {
            built_on: word()?.parse().ok()?,
            index: word()?.parse().ok()?,
            kind: match word()? {
                "full" => SegmentKind::Full,
                "incr" => SegmentKind::Incremental,
                _ => return None,
            },
            nonce: word()?.parse().ok()?,
        };
        (id.to_string() == name).then_some(id)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SegmentKind::Full => "full",
            SegmentKind::Incremental => "incr",
        };
        let (built_on, index, nonce) = (self.built_on, self.index, self.nonce);
        write!(f, "{built_on:020}-{index}-{kind}-{nonce}")
    }
}

/// How the bytes of a segment's objects are made of its plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapping {
    /// They are the plain bytes.
    Plain,
    /// Frames of zstd, with the record and a seek table.
    Zstd,
}

impl Wrapping {
    /// What the names of objects end with.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Plain => "seg",
            Self::Zstd => "zst",
        }
    }
}

/// How the objects of a segment are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// With age, for those who were the recipients then.
    Age,
}

/// How an object is made.
pub(crate) type Made = (Wrapping, Option<Encryption>);

/// An object that holds a segment, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredObject {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The hash of its bytes.
    pub sha256: Sha256,
}

/// The objects of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// How they are made.
    pub wrapping: Wrapping,
    /// How that is encrypted; `None` where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// What they unwrap to, one after the other, is the segment.
    pub objects: Box<[StoredObject]>,
}

impl Stored {
    /// How many bytes all of them have.
    pub fn size_bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.size_bytes).sum()
    }
}

/// Where a segment stands in the chain. With the links alone the order of a vault's segments is known,
/// and where some are missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The last segment that was captured before it; `None` where it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FileName>,
    /// The last of those that were merged into it, as it was captured; `None` where it was captured
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<FileName>,
}

impl Link {
    pub(crate) const fn is_first(&self) -> bool {
        self.after.is_none() && self.through.is_none()
    }

    /// That of a segment that is captured after another one.
    pub const fn after(last: Option<FileName>) -> Self {
        Self {
            after: last,
            through: None,
        }
    }
}

/// A segment in a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSegment {
    /// What is known of it. The name of its file is the front of its objects' names.
    pub record: SegmentRecord,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Link::is_first")]
    pub link: Link,
    /// Its objects.
    pub stored: Stored,
    /// Whether what stood right before it was ever removed: where it is not there, nothing is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_after_removed: bool,
    /// What the last verification found; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

impl StoredSegment {
    /// Its name.
    pub const fn name(&self) -> &FileName {
        &self.record.segment.file
    }

    /// The last segment that was captured of those that are in it: itself, where it is not merged.
    pub fn last_captured(&self) -> &FileName {
        self.link.through.as_ref().unwrap_or_else(|| self.name())
    }

    /// The names of its objects.
    ///
    /// # Errors
    ///
    /// Where a store may not be able to have one.
    pub fn object_names(&self) -> Result<Vec<ObjectName>, StoreError> {
        let Stored {
            wrapping,
            encryption,
            objects,
        } = &self.stored;
        let made = (*wrapping, *encryption);
        let numbers = 0..objects.len();
        let names = numbers.map(|it| Self::object_name(self.name(), made, it, objects.len()));
        names.collect()
    }

    /// The name of the segment that an object is a part of, by the name of the object; `None` for an
    /// object that has another kind of name.
    pub fn named_by(object: &ObjectName) -> Option<FileName> {
        Self::made_as(object).map(|(segment, _)| segment)
    }

    /// The same, and how the object is made.
    pub(crate) fn made_as(object: &ObjectName) -> Option<(FileName, Made)> {
        let (folder, name) = object.split();
        let (name, encryption) = match name.strip_suffix(AGE) {
            Some(name) => (name, Some(Encryption::Age)),
            None => (name, None),
        };
        let (segment, rest) = name.split_once('.')?;
        let is_number = |text: &str| text.len() == 4 && text.bytes().all(|it| it.is_ascii_digit());
        let extension = match rest.split_once('.') {
            Some((number, extension)) if is_number(number) => extension,
            _ => rest,
        };
        let mut known = [Wrapping::Plain, Wrapping::Zstd].into_iter();
        let wrapping = known.find(|it| it.extension() == extension)?;
        let is_ours = folder == SEGMENTS && SegmentId::parse(segment).is_some();
        let segment = is_ours
            .then(|| FileName::try_from(segment).ok())
            .flatten()?;
        Some((segment, (wrapping, encryption)))
    }

    /// The name of one of its objects, of which there are so many: with a number where those are
    /// several.
    pub(crate) fn object_name(
        name: &FileName,
        (wrapping, encryption): Made,
        number: usize,
        count: usize,
    ) -> Result<ObjectName, StoreError> {
        let extension = wrapping.extension();
        let number = match count {
            1 => String::new(),
            _ => format!(".{number:04}"),
        };
        let age = encryption.map_or("", |Encryption::Age| AGE);
        let text = format!("{SEGMENTS}/{name}{number}.{extension}{age}");
        Ok(ObjectName::parse(text)?)
    }
}

/// What a verification found of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// When.
    pub at: UnixMillis,
    /// When its plain bytes were last found sound; `None` where they never were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_at: Option<UnixMillis>,
    /// When it was last found sound in every frame; `None` where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_at: Option<UnixMillis>,
    /// What was wrong; `None` where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<Box<SegmentDamage>>,
}

/// What was found wrong with a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SegmentDamage {
    /// An object of it was not there.
    Missing,
    /// It is not what was written.
    Found {
        /// Where in the segment.
        offset: u64,
        /// What is wrong.
        detail: String,
    },
}

impl Check {
    /// A segment that was found sound at a level.
    pub fn sound(at: UnixMillis, level: Level) -> Self {
        Self {
            at,
            files_at: (level >= Level::Files).then_some(at),
            frames_at: (level >= Level::Frames).then_some(at),
            damage: None,
        }
    }

    /// A segment in which something was wrong.
    pub fn damaged(at: UnixMillis, damage: SegmentDamage) -> Self {
        Self {
            at,
            files_at: None,
            frames_at: None,
            damage: Some(Box::new(damage)),
        }
    }

    /// Whether the segment was found sound, and looked at as deep.
    pub const fn covers(&self, level: Level) -> bool {
        let looked_at = match level {
            Level::Objects => true,
            Level::Files => self.files_at.is_some(),
            Level::Frames => self.frames_at.is_some(),
        };
        looked_at && self.damage.is_none()
    }

    /// The same, with what an earlier one found.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        self.files_at = self
            .files_at
            .or(earlier.and_then(|earlier| earlier.files_at));
        self.frames_at = self
            .frames_at
            .or(earlier.and_then(|earlier| earlier.frames_at));
        self
    }
}
