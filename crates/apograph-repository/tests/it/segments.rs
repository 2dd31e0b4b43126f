//! What is said of a segment's file that cannot be used.

use std::fs::{self, OpenOptions};

use apograph_format::{SegmentKind, SegmentName};
use apograph_io::{Mode, RealDisk};
use apograph_manifest::{FileName, Unusable, read_manifest, write_manifest};
use apograph_repository::{IncrementFile, Repository, SegmentDefect};
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

/// Where the version stands in a segment's header.
const VERSION_OFFSET: u64 = 4;

fn unusable(stage: &Stage, index: usize) -> Option<Unusable> {
    let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
    repository.chain().entries()[index]
        .unusable
        .as_deref()
        .cloned()
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
        let detail = detail.to_string();
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
        assert_eq!((offset, detail.to_string()), (0, expected));
    }
}

#[test]
fn many_segments_that_are_lost_are_listed() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let folder = stage.folder();
        let manifest = read_manifest(&folder).expect("a manifest");
        let mut manifest = manifest.expect("a manifest");
        let lost = manifest.segments[1].clone();
        for index in 4..20_000 {
            let kind = SegmentKind::Incremental;
            let name = SegmentName { kind, index }.to_string();
            let mut segment = lost.clone();
            segment.file = FileName::try_from(name).expect("a name");
            manifest.segments.push(segment);
        }
        write_manifest(&RealDisk, &folder, Mode::PRIVATE, &manifest).expect("a manifest");
        let repository = Repository::open(stage.repository(), every_core()).expect("a repository");
        let chain = repository.chain();
        let missing = chain.entries().iter();
        let missing = missing.filter(|entry| entry.unusable.as_deref() == Some(&Unusable::Missing));
        assert_eq!(missing.count(), 20_000 - 4);
        let sound = Repository::open(Stage::new(fixtures).repository(), every_core())
            .expect("a repository");
        assert_eq!(chain.restorable(), sound.chain().restorable());
        assert!(chain.gaps().count() >= 20_000 - 4);
    }
}
