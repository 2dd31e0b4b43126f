//! Numbers, ids, points, names and sets of numbers.

use std::fmt::Debug;

use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, FilePosition, Generation, LogPosition, LogSequence, Lsn,
    Point, RangeSet, SegmentFlags, SegmentHeader, SegmentKind, SegmentName, Timeline,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A number: small, beside a power of two, or any.
pub fn number() -> impl Strategy<Value = u64> {
    let beside = (0..64_u32, 0..3_u64);
    prop_oneof![
        4 => 0..300_u64,
        3 => beside.prop_map(|(bits, more)| (1_u64 << bits).wrapping_add(more).wrapping_sub(1)),
        2 => any::<u64>(),
        1 => u64::MAX - 3..=u64::MAX,
    ]
}

/// A number as a word.
pub fn word<T: Debug>(of: fn(u64) -> T) -> impl Strategy<Value = T> {
    number().prop_map(of)
}

/// At most so many bytes.
pub fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=most)
}

/// What people and programs could take for a number.
pub fn digits() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,24}",
        "[0-9a-f]{0,66}",
        "[-+ 0-9._:x]{0,6}",
        "\\PC{0,6}"
    ]
}

/// Any text.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9_%:]{0,12}", "\\PC{0,12}"]
}

/// A generation.
pub fn generation() -> impl Strategy<Value = Generation> {
    prop_oneof![Just(Generation::One), Just(Generation::Two)]
}

/// What a segment holds.
pub fn segment_kind() -> impl Strategy<Value = SegmentKind> {
    prop_oneof![Just(SegmentKind::Full), Just(SegmentKind::Incremental)]
}

/// A name as backups write it.
pub fn segment_name() -> impl Strategy<Value = SegmentName> {
    (segment_kind(), number()).prop_map(|(kind, index)| SegmentName { kind, index })
}

/// A checksum.
pub fn crc32() -> impl Strategy<Value = Crc32> {
    any::<u32>().prop_map(Crc32::new)
}

/// A hash.
pub fn blake3() -> impl Strategy<Value = Blake3> {
    any::<[u8; Blake3::BYTES]>().prop_map(Blake3::new)
}

/// The id of a database.
pub fn database_id() -> impl Strategy<Value = DatabaseId> {
    any::<u128>().prop_map(DatabaseId::new)
}

/// A point.
pub fn point() -> impl Strategy<Value = Point> {
    (word(Timeline::new), word(Epoch::new)).prop_map(|(it, epoch)| Point::new(it, epoch))
}

/// A place in a log of generation 1.
pub(super) fn file_position() -> impl Strategy<Value = FilePosition> {
    let place = (word(LogSequence::new), number());
    place.prop_map(|(sequence, offset)| FilePosition { sequence, offset })
}

/// A place in a log of either generation.
pub fn log_position() -> impl Strategy<Value = LogPosition> {
    prop_oneof![
        file_position().prop_map(LogPosition::File),
        word(Lsn::new).prop_map(LogPosition::Lsn),
    ]
}

/// A set of numbers, in a row or not.
pub fn range_set() -> impl Strategy<Value = RangeSet> {
    vec((number(), number()), 0..5).prop_map(RangeSet::from)
}

/// The header of an incremental segment.
pub fn segment_header() -> impl Strategy<Value = SegmentHeader> {
    let flags = any::<[bool; 5]>();
    let count = number().prop_map(|count| count % (1 << 48));
    let epochs = (word(Epoch::new), word(Epoch::new));
    (generation(), epochs, count, flags).prop_map(|(generation, epochs, count, flags)| {
        let [repeats, catches_up, reopened, continues, spans] = flags;
        SegmentHeader {
            generation,
            start_epoch: epochs.0,
            end_epoch: epochs.1,
            count,
            flags: SegmentFlags {
                repeats,
                catches_up,
                reopened,
                continues,
                spans,
            },
        }
    })
}
