//! The entries of a manifest that stand in the place of what is not there.

use std::collections::HashMap;

use apograph_format::{SegmentName, UnixMillis};
use apograph_manifest::{FileName, Hole, Manifest, Segment};

/// The placeholders of a manifest, each with how many other entries stand before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Placeholders(Vec<(usize, Segment)>);

impl Placeholders {
    /// Takes the placeholders out of the entries of a manifest.
    pub(crate) fn taken_from(segments: Vec<Segment>) -> (Vec<Segment>, Self) {
        let (mut others, mut placeholders) = (Vec::with_capacity(segments.len()), Vec::new());
        for segment in segments {
            if segment.stands_for().is_some() {
                placeholders.push((others.len(), segment));
            } else {
                others.push(segment);
            }
        }
        (others, Self(placeholders))
    }

    /// For each entry before which one stands its index, and what became of that.
    pub(crate) fn holes(&self) -> impl Iterator<Item = (usize, Hole)> {
        let holes = self.0.iter();
        holes.filter_map(|(index, segment)| Some((*index, segment.stands_for()?)))
    }

    /// The files whose places they take.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileName> {
        self.0.iter().map(|(_, segment)| &segment.file)
    }

    /// Puts them where they were.
    pub(crate) fn put_into(&self, others: impl Iterator<Item = Segment>) -> Vec<Segment> {
        let mut placeholders = self.0.iter().peekable();
        let mut segments = Vec::new();
        for (index, segment) in others.enumerate() {
            while let Some((_, placeholder)) = placeholders.next_if(|(at, _)| *at <= index) {
                segments.push(placeholder.clone());
            }
            segments.push(segment);
        }
        segments.extend(placeholders.map(|(_, placeholder)| placeholder.clone()));
        segments
    }
}

/// The placeholders of a manifest, by the files whose places they take.
pub(crate) fn placeholders_of(manifest: &Manifest) -> HashMap<FileName, Segment> {
    let segments = manifest.segments.iter();
    let placeholders = segments.filter(|it| it.stands_for().is_some());
    placeholders
        .map(|it| (it.file.clone(), it.clone()))
        .collect()
}

/// Adds placeholders to the entries of a manifest, each where the number in its name has it.
pub(crate) fn add_placeholders(
    segments: &mut Vec<Segment>,
    placeholders: impl IntoIterator<Item = Segment>,
) {
    let before = segments.len();
    segments.extend(placeholders);
    if segments.len() > before {
        segments.sort_by_key(|it| SegmentName::parse(it.file.as_str()).map(|name| name.index));
    }
}

/// What stands in the place of a segment that was pruned.
pub(crate) fn pruned(file: &FileName, created_at: UnixMillis) -> Segment {
    Segment::placeholder(file.clone(), Hole::Pruned, created_at)
}
