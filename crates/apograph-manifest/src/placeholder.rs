//! What a manifest says in the place of a segment that is not there.
//!
//! The engines name a new segment by how many entries there are: where one is lacking they write over a
//! later one. So it stays, as one that neither engine's restore ever chooses: a full backup of an epoch
//! above all, with no bytes (FORMAT.md, "Manifest").

use apograph_format::{Crc32, Epoch, SegmentKind, UnixMillis};

use crate::hole::Hole;
use crate::segment::{FileName, Segment, Unknown};

/// The checksum in the place of what is lost; what was pruned has 0.
const LOST: Crc32 = Crc32::new(u32::MAX);

impl Segment {
    /// What stands in the place of a segment with this name that was captured at a time.
    pub const fn placeholder(file: FileName, of: Hole, created_at: UnixMillis) -> Self {
        Self {
            kind: SegmentKind::Full,
            file,
            start_epoch: Epoch::new(0),
            end_epoch: Epoch::new(u64::MAX),
            checksum: match of {
                Hole::Pruned => Crc32::new(0),
                Hole::Lost => LOST,
            },
            size_bytes: 0,
            created_at,
            end_lsn: None,
            unknown: Unknown::new(),
        }
    }

    /// What became of the segment in whose place it stands; `None` where it is one itself.
    pub fn stands_for(&self) -> Option<Hole> {
        let is_placeholder = self.kind == SegmentKind::Full
            && self.size_bytes == 0
            && self.start_epoch == Epoch::new(0)
            && self.end_epoch == Epoch::new(u64::MAX);
        is_placeholder.then_some(match self.checksum {
            LOST => Hole::Lost,
            _ => Hole::Pruned,
        })
    }
}
