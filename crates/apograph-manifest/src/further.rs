//! Further commits: those that take no epoch of their own, counted by the epoch that they stand in.
//!
//! The numbers are those of the timeline, not of the segment: `[[57, 3]]` says that the last further
//! commit of epoch 57 in a segment is its third. So the state after each has a name, `2:57+3`, that
//! stays what it is where earlier segments are merged, pruned or lost.

use apograph_format::Epoch;
use serde::{Deserialize, Serialize};

/// The further commits of one timeline in a segment; of a record of an older version, unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FurtherCommits(Option<Vec<(Epoch, Option<u64>)>>);

impl FurtherCommits {
    /// None at all.
    pub const NONE: Self = Self(Some(Vec::new()));
    /// Whether there are any is not known.
    pub const UNKNOWN: Self = Self(None);

    /// Whether nothing is known of them.
    pub const fn is_unknown(&self) -> bool {
        self.0.is_none()
    }

    /// The epochs that have some, each with the number of the last one, which is unknown where that
    /// of the first one is.
    pub fn last_numbers(&self) -> &[(Epoch, Option<u64>)] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Adds the next one in the log. The epochs of a timeline have theirs one after the other.
    pub fn add(&mut self, epoch: Epoch, number: Option<u64>) {
        let Some(last) = &mut self.0 else {
            return;
        };
        match last.last_mut() {
            Some((known, last)) if *known == epoch => *last = number,
            _ => last.push((epoch, number)),
        }
    }

    /// Adds those of the segment that comes next in the log.
    pub fn extend(&mut self, next: &Self) {
        if next.is_unknown() {
            *self = Self::UNKNOWN;
        }
        for (epoch, number) in next.last_numbers() {
            self.add(*epoch, *number);
        }
    }

    /// Whether both can be the same: what one of them does not know, the other may.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (&self.0, &other.0) else {
            return true;
        };
        let mut pairs = one.iter().zip(other);
        one.len() == other.len()
            && pairs.all(|((one, number), (other, known))| {
                one == other && (number == known || number.is_none() || known.is_none())
            })
    }
}

impl Default for FurtherCommits {
    fn default() -> Self {
        Self::UNKNOWN
    }
}
