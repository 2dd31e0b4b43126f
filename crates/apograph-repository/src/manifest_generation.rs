//! In which generation's encoding a manifest is written.

use apograph_format::Generation;
use apograph_manifest::{Manifest, Segment};

/// A manifest that names a segment of generation 2 is one of generation 2: the older encoding has
/// no place for its position in the log.
pub(crate) fn encode_for_segments(manifest: &mut Manifest) {
    let is_second = |segment: &Segment| segment.end_lsn.is_some();
    if manifest.segments.iter().any(is_second) {
        manifest.generation = Generation::Two;
    }
}
