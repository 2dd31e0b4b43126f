//! What a verification found sound or damaged, and of which file.
//!
//! A record is about the file that was read, not about its name: a file that was written to,
//! renamed, copied or put there by somebody else is another one, whatever its size and the time
//! that it claims. So it holds the file's number and both of its times, and counts only where all
//! of them are the same; the size and the checksum stand in the record beside it. Whoever writes to
//! a file can set the time of the modification back, and not that of the change.
//!
//! A record says nothing of rot, which changes none of these: only reading the file again does.

use std::fs::Metadata;
use std::time::Duration;

use apograph_format::{Blake3, UnixMillis};
use apograph_io::FileStatus;
use serde::{Deserialize, Serialize};

/// How deep a verification looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Every object of a vault against its size and hash: nothing is unpacked. Of a folder, whose
    /// objects are its files, the same as [`Level::Files`].
    Objects,
    /// Every file against its size and checksum.
    Files,
    /// Every frame, commit group and epoch too, and the links between segments.
    #[default]
    Frames,
}

/// When a segment's file was last read whole and found sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Which file.
    pub stamp: FileStamp,
    /// When, at either level.
    pub at: UnixMillis,
    /// When last at [`Level::Frames`]; `None` where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_at: Option<UnixMillis>,
}

impl Verification {
    /// A file that was found sound at a level.
    pub fn new(stamp: FileStamp, level: Level, at: UnixMillis) -> Self {
        let frames_at = (level == Level::Frames).then_some(at);
        Self {
            stamp,
            at,
            frames_at,
        }
    }

    /// The same, with what an earlier one found of the same file.
    #[must_use]
    pub fn after(self, earlier: Option<&Self>) -> Self {
        let earlier = earlier.filter(|it| it.stamp == self.stamp);
        let frames_at = self.frames_at.or(earlier.and_then(|it| it.frames_at));
        Self { frames_at, ..self }
    }

    /// Whether it looked at least as deep.
    pub const fn covers(&self, level: Level) -> bool {
        match level {
            Level::Objects | Level::Files => true,
            Level::Frames => self.frames_at.is_some(),
        }
    }
}

/// What a verification found wrong with a segment's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDamage {
    /// Which file.
    pub stamp: FileStamp,
    /// When.
    pub at: UnixMillis,
    /// Where the damage is, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong.
    pub detail: String,
}

/// What tells a file, as it is, from every other and from itself once it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Its number on its device.
    inode: u64,
    /// When its bytes were last modified, in nanoseconds since 1970.
    modified_ns: i64,
    /// When it was last changed in any way.
    changed_ns: i64,
}

impl FileStamp {
    /// How coarse the clock of a file system may be. What is changed twice within that time can
    /// have one stamp before and after the second change.
    pub const GRAIN: Duration = Duration::from_millis(20);
    /// The same where times are whole seconds: vfat has every other one, and the protocol of sshfs
    /// each.
    const WHOLE_GRAIN: Duration = Duration::from_secs(2);
    const SECOND_NS: i64 = 1_000_000_000;

    /// One hash of the stamps of some files: of inode, modification and change of each, as `u64`
    /// and `i64`, one after the other.
    pub fn hash_of(stamps: impl IntoIterator<Item = Self>) -> Blake3 {
        let mut bytes = Vec::new();
        for stamp in stamps {
            bytes.extend(stamp.inode.to_le_bytes());
            bytes.extend(stamp.modified_ns.to_le_bytes());
            bytes.extend(stamp.changed_ns.to_le_bytes());
        }
        Blake3::of(&bytes)
    }

    /// Whether a change at `now` or later would show.
    pub fn is_settled(&self, now: UnixMillis) -> bool {
        let is_whole = |time_ns: i64| time_ns % Self::SECOND_NS == 0;
        let grain = if is_whole(self.changed_ns) && is_whole(self.modified_ns) {
            Self::WHOLE_GRAIN.saturating_add(Self::GRAIN)
        } else {
            Self::GRAIN
        };
        let grain = i64::try_from(grain.as_nanos()).unwrap_or(i64::MAX);
        let now = i64::try_from(now.get()).unwrap_or(i64::MAX);
        self.changed_ns.saturating_add(grain) <= now.saturating_mul(1_000_000)
    }
}

impl From<FileStatus> for FileStamp {
    fn from(found: FileStatus) -> Self {
        Self {
            inode: found.inode,
            modified_ns: found.modified_ns,
            changed_ns: found.changed_ns,
        }
    }
}

impl From<&Metadata> for FileStamp {
    fn from(found: &Metadata) -> Self {
        FileStatus::from(found).into()
    }
}
