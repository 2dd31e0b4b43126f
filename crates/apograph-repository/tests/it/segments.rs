//! What is said of a segment's file that cannot be used.

use std::fs::{self, OpenOptions};

use apograph_manifest::Unusable;
use apograph_repository::{IncrementFile, Repository, SegmentDefect};
use apograph_testing::fixtures::{V1, V2};

use crate::stage::{SEGMENTS, Stage};

/// Where the version stands in a segment's header.
const VERSION_OFFSET: u64 = 4;

fn unusable(stage: &Stage, index: usize) -> Option<Unusable> {
    let repository = Repository::open(&stage.repository()).expect("a repository");
    repository.chain().entries()[index].unusable.clone()
}

#[test]
fn a_version_that_rotted_is_damage_and_no_other_version() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let file = stage.repository().join(SEGMENTS[1]);
        let mut bytes = fs::read(&file).expect("a file");
        bytes[usize::try_from(VERSION_OFFSET).expect("an offset")] ^= 0x40;
        fs::write(&file, bytes).expect("a file");
        let found = IncrementFile::open(stage.folder().at(&SEGMENTS[1]));
        let is_unsupported = |defect: &SegmentDefect| {
            matches!(
                defect,
                SegmentDefect::Unusable(Unusable::Unsupported { .. })
            )
        };
        assert!(found.err().is_some_and(|defect| is_unsupported(&defect)));
        let found = unusable(&stage, 1);
        let Some(Unusable::Damaged { offset, detail }) = &found else {
            panic!("{found:?}");
        };
        assert!(*offset <= VERSION_OFFSET, "{offset}");
        assert!(detail.contains("the manifest says"), "{detail}");
    }
}

#[test]
fn a_large_segment_that_nobody_wrote_is_not_read() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let file = stage.repository().join(SEGMENTS[1]);
        let file = OpenOptions::new().write(true).open(file).expect("a file");
        file.set_len(1 << 40).expect("a length");
        let found = IncrementFile::open(stage.folder().at(&SEGMENTS[1])).err();
        let Some(SegmentDefect::Unusable(Unusable::Damaged { offset, detail })) = found else {
            panic!("{found:?}");
        };
        let expected = format!("almost all of its {} bytes were never written", 1_u64 << 40);
        assert_eq!((offset, detail), (0, expected));
    }
}
