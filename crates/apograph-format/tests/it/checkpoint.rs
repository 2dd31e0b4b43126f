//! `checkpoint.meta`.

use apograph_format::v1::{CHECKPOINT_FILE_MAX_BYTES, CheckpointRecord};
use apograph_format::{Epoch, LogSequence, TransactionId, UnixMillis};
use apograph_testing::damage;
use apograph_testing::fixtures::V1;

/// Source, epoch, log sequence, transaction.
const GOLDEN: &[(&str, u64, u64, u64)] = &[
    ("04_rotation/source", 1, 1, 2),
    ("05_schema/source", 1, 1, 2),
    ("07_named_graphs/source", 2, 1, 3),
    ("10_live/source", 4, 1, 5),
    ("11_checkpoints_cursor/source_before_incr", 4, 4, 5),
    ("12_crash_in_chain/source", 3, 1, 4),
    ("20_temporal_schema/source", 1, 1, 2),
];

#[test]
fn golden_records_say_what_they_say() {
    assert_eq!(V1.checkpoints().len(), GOLDEN.len());
    for &(source, epoch, log_sequence, transaction) in GOLDEN {
        let golden = V1.read(&format!("{source}/src.grafeo.wal/checkpoint.meta"));
        let record = CheckpointRecord::decode(&golden.bytes).expect(source);
        let found = (record.epoch, record.log_sequence, record.transaction);
        let expected = (
            Epoch::new(epoch),
            LogSequence::new(log_sequence),
            TransactionId::new(transaction),
        );
        assert_eq!(found, expected, "{source}");
        assert!(record.written_at > UnixMillis::new(1_700_000_000_000));
        assert!(golden.bytes.len() as u64 <= CHECKPOINT_FILE_MAX_BYTES);
    }
}

#[test]
fn no_cut_record_is_read() {
    for golden in V1.checkpoints() {
        damage::every_cut(&golden.bytes, |bytes| {
            let error = CheckpointRecord::decode(bytes).expect_err("a cut record");
            assert_eq!(error.code(), "malformed", "{}", golden.path);
        });
    }
}

#[test]
fn bytes_after_a_record_are_ignored() {
    for golden in V1.checkpoints() {
        let mut longer = golden.bytes.clone();
        longer.extend(b"\0\xff");
        assert_eq!(
            CheckpointRecord::decode(&longer),
            CheckpointRecord::decode(&golden.bytes)
        );
    }
}
