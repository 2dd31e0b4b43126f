//! The captures that an increment was merged from.
//!
//! A merged increment holds the commits of several, and says where each ended and when it was taken:
//! in generation 1 nothing else tells what the state at an instant was. In JSON each capture is what
//! it adds to the one before, `[bytes, milliseconds]`: there can be 86,400 of them in a day.

use apograph_format::UnixMillis;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A capture in a merged increment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Where it ends: so many bytes of the log in the segment are its own or those before it.
    pub end: u64,
    /// When it was taken.
    pub at: UnixMillis,
}

/// The captures of a merged increment, in the order of its log; none of any other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captures(Box<[Capture]>);

impl Captures {
    /// Whether there is none: the increment was captured as it is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Capture] {
        &self.0
    }

    /// Which of them holds the byte of the log before a place; the last one where it lies after all.
    pub fn holding(&self, end: u64) -> usize {
        let index = self.0.partition_point(|capture| capture.end < end);
        index.min(self.0.len().saturating_sub(1))
    }
}

impl From<Vec<Capture>> for Captures {
    fn from(captures: Vec<Capture>) -> Self {
        Self(captures.into())
    }
}

impl Serialize for Captures {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut before = Capture {
            end: 0,
            at: UnixMillis::default(),
        };
        to.collect_seq(self.0.iter().map(|capture| {
            let bytes = capture.end.saturating_sub(before.end);
            // A clock can go back.
            let later = capture.at.get().wrapping_sub(before.at.get());
            before = *capture;
            (bytes, later.cast_signed())
        }))
    }
}

impl<'de> Deserialize<'de> for Captures {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let added: Vec<(u64, i64)> = Vec::deserialize(from)?;
        let (mut end, mut at) = (0_u64, 0_u64);
        let captures = added.into_iter().map(|(bytes, later)| {
            end = end.checked_add(bytes)?;
            at = at.wrapping_add_signed(later);
            let at = UnixMillis::new(at);
            Some(Capture { end, at })
        });
        let captures: Option<Box<[Capture]>> = captures.collect();
        let captures = captures.ok_or_else(|| D::Error::custom("captures out of all numbers"))?;
        Ok(Self(captures))
    }
}
