//! What the segments that versions name say of the others.

use std::collections::HashSet;

use apograph_manifest::{FileName, ImageIdentity, SegmentContent};

use super::chain::{Candidate, Place, interval};
use crate::segment::StoredSegment;

/// The segments that versions name.
pub(super) struct Named {
    /// From which segments they go on, those that are there.
    from: HashSet<Option<FileName>>,
    /// From where to where those go that are not there, or damaged.
    lacking: Vec<(Place, Place)>,
    images: Vec<ImageIdentity>,
}

impl Named {
    pub(super) fn of(candidates: &[Candidate]) -> Self {
        let there = candidates.iter().filter(|it| it.is_there);
        let lacking = candidates.iter().filter(|it| !it.is_there);
        Self {
            from: there.map(|it| it.segment.link.after.clone()).collect(),
            lacking: lacking.map(|it| interval(&it.segment)).collect(),
            images: candidates
                .iter()
                .filter_map(|it| image(&it.segment))
                .collect(),
        }
    }

    /// Whether a segment holds something of one that is not there.
    pub(super) fn lacks(&self, segment: &StoredSegment) -> bool {
        let (from, to) = interval(segment);
        let mut lacking = self.lacking.iter();
        lacking.any(|part| from < part.1 && part.0 < to)
    }

    /// Whether a segment that no version names is in the way of one that is there: what versions name
    /// stays.
    pub(super) fn is_beside(&self, segment: &StoredSegment) -> bool {
        self.from.contains(&segment.link.after) && !self.lacks(segment)
    }
}

/// Of which database segments are, as far as full backups say it.
pub(super) struct Databases {
    /// Those of the database that the vault is of.
    own: Vec<ImageIdentity>,
    /// Whether there are others.
    pub(super) has_other: bool,
    /// Whether nothing says which of several it is.
    pub(super) are_many: bool,
}

impl Databases {
    pub(super) fn of(named: &Named, unnamed: &[StoredSegment]) -> Self {
        let found: Vec<ImageIdentity> = unnamed.iter().filter_map(image).collect();
        let is_named = !named.images.is_empty();
        let own = if is_named {
            named.images.clone()
        } else {
            found.clone()
        };
        let has_other = found.iter().any(|image| is_other(image, &own));
        Self {
            has_other,
            are_many: has_other && !is_named,
            own,
        }
    }

    pub(super) fn is_other(&self, segment: &StoredSegment) -> bool {
        image(segment).is_some_and(|image| is_other(&image, &self.own))
    }
}

/// Whether an image is of another database than those of its generation; one that was migrated has
/// another identity than before.
fn is_other(image: &ImageIdentity, own: &[ImageIdentity]) -> bool {
    let mut same = own
        .iter()
        .filter(|it| it.generation() == image.generation());
    same.any(|it| !it.is_of_same_database(image))
}

fn image(segment: &StoredSegment) -> Option<ImageIdentity> {
    match &segment.record.content {
        SegmentContent::Full(full) => Some(full.image),
        SegmentContent::Increment(_) => None,
    }
}
