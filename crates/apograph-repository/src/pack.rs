//! How hard segments are packed.

use apograph_format::SegmentKind;
use apograph_vault::Packing;
use apograph_vault::wrap::Compression;

/// How segments are packed in a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pack {
    /// Each kind as is best for it.
    #[default]
    Best,
    /// All by one.
    As(Packing),
}

impl Pack {
    pub(crate) const fn of(self, kind: SegmentKind) -> Packing {
        match (self, kind) {
            (Self::As(packing), _) => packing,
            (Self::Best, SegmentKind::Full) => Packing::Zstd(Compression::IMAGE),
            (Self::Best, SegmentKind::Incremental) => Packing::Zstd(Compression::LOG),
        }
    }
}
