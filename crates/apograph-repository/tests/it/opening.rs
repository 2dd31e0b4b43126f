//! What opening a repository tells of its segments, and what it takes their files for.

use std::num::NonZero;

use apograph_format::v2::Pieces;
use apograph_format::{Epoch, Generation, SEGMENT_HEADER_BYTES, SegmentKind, Timeline};
use apograph_io::{Context, Mode, Pace, RealDisk};
use apograph_manifest::{
    ChainEntry, PointRange, Segment, SegmentContent, Unusable, read_history, write_history,
};
use apograph_repository::{Repository, Writer};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::encoding::v2::seal_frame;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{
    counted, damage, increment, open, read, record, remove, rewrite, with_header, write,
};

/// Two full backups, and increments after each.
const TWO_FULLS: &str = "03_two_fulls";

#[track_caller]
fn unusable(repository: &Repository, index: usize) -> &Unusable {
    let reason = &repository.chain().entries()[index].unusable;
    reason.as_deref().expect("a segment that cannot be used")
}

/// A database that was closed and not opened again is the same image each time.
#[test]
fn full_backups_one_after_the_other_are_named_by_their_images() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        let later = read(&stage, "backup_full_0003.grafeo");
        stage.keep_segments(1);
        write(&stage, "backup_full_0001.grafeo", &later);
        write(&stage, "backup_full_0002.grafeo", &later);
        Writer::lock(&stage.folder(), Context::default())
            .and_then(|writer| writer.rebuild())
            .expect("a manifest");
        let repository = open(&stage);
        assert_eq!(counted(&repository), [true; 3]);
        let entries = repository.chain().entries();
        let points = entries.iter().map(|entry| match &entry.content {
            Some(SegmentContent::Full(full)) => (full.base.timeline.get(), full.continues),
            other => panic!("{other:?}"),
        });
        assert_eq!(
            points.collect::<Vec<_>>(),
            [(1, false), (2, false), (2, true)]
        );
        let point = |timeline: u64, index: usize| {
            let epoch = entries[index].segment.end_epoch;
            PointRange {
                timeline: Timeline::new(timeline),
                from: epoch,
                to: epoch,
            }
        };
        let expected = [point(1, 0), point(2, 1)];
        assert_eq!(repository.chain().restorable(), expected);
    }
}

/// In generation 2 an image is at one position of the log, whatever lies after it.
#[test]
fn the_first_image_of_generation_2_is_a_point_whatever_is_lost_after_it() {
    let stage = Stage::new(V2);
    let sound = open(&stage).chain().restorable();
    remove(&stage, SEGMENTS[1]);
    let repository = open(&stage);
    assert_eq!(counted(&repository), [true, true, false, false]);
    let restorable = repository.chain().restorable();
    assert_eq!((restorable[0].from, restorable.len()), (sound[0].from, 1));
    assert_eq!(restorable[0].to, sound[0].from);
}

/// In generation 2 a later capture may find that the log goes on across a full backup; in
/// generation 1 nothing tells.
#[test]
fn a_recorded_full_backup_of_generation_2_needs_what_may_span_it() {
    for (fixtures, is_told) in [(V1, true), (V2, false)] {
        let stage = Stage::of(fixtures, TWO_FULLS);
        record(&stage, &open(&stage), 4);
        assert_eq!(counted(&open(&stage)), [true; 5]);
        damage(&stage, "backup_incr_0004.wal");
        let expected = [true, true, true, is_told, is_told];
        assert_eq!(counted(&open(&stage)), expected);
    }
}

/// The engine counts commits that it leaves out.
#[test]
fn after_what_the_engine_left_out_everything_is_counted_as_before() {
    let empty = |bytes: Vec<u8>| bytes[..SEGMENT_HEADER_BYTES].to_vec();
    let stage = Stage::of(V2, TWO_FULLS);
    rewrite(&stage, 2, empty);
    let repository = open(&stage);
    let detail = "it counts 3 commit groups and holds none: the engine left them out";
    assert_eq!(*unusable(&repository, 2), Unusable::damaged(32, detail));
    assert_eq!(counted(&repository), [true; 5]);
    assert!(repository.is_counted());

    // It is not the file that the manifest means.
    let uncounted = [true, true, true, false, false];
    let stage = Stage::of(V2, TWO_FULLS);
    let name = "backup_incr_0002.wal";
    write(&stage, name, &empty(read(&stage, name)));
    assert_eq!(counted(&open(&stage)), uncounted);

    // It holds groups, and was written with a wrong byte.
    let stage = Stage::of(V2, TWO_FULLS);
    rewrite(&stage, 2, |mut bytes| {
        *bytes.last_mut().expect("a byte") ^= 1;
        bytes
    });
    assert_eq!(counted(&open(&stage)), uncounted);

    // Not even its header is one.
    let stage = Stage::of(V2, TWO_FULLS);
    rewrite(&stage, 2, |bytes| bytes[..4].to_vec());
    assert_eq!(counted(&open(&stage)), uncounted);

    // None were counted, none are missing.
    let stage = Stage::of(V2, TWO_FULLS);
    stage.keep_segments(3);
    rewrite(&stage, 2, |bytes| {
        with_header(&empty(bytes), |header| header.count = 0)
    });
    let repository = open(&stage);
    assert_eq!(repository.chain().entries()[2].unusable, None);
    assert_eq!(increment(&repository, 2).commits, 0);
}

#[test]
fn nothing_is_counted_on_after_a_last_segment_that_is_lost() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        assert!(open(&stage).is_counted());
        remove(&stage, SEGMENTS[3]);
        let repository = open(&stage);
        assert_eq!(counted(&repository), [true; 4]);
        assert!(!repository.is_counted());
    }
}

#[test]
fn a_recorded_segment_of_another_size_cannot_be_used() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        record(&stage, &open(&stage), usize::MAX);
        let whole = read(&stage, SEGMENTS[1]);
        let (size, longer) = (whole.len(), [&whole[..], b"x"].concat());
        for (bytes, offset) in [(&whole[..size - 1], size - 1), (&longer, size)] {
            write(&stage, SEGMENTS[1], bytes);
            let found = bytes.len();
            let detail = format!("it has {found} bytes, the manifest says {size}");
            let expected = Unusable::damaged(offset as u64, detail);
            assert_eq!(*unusable(&open(&stage), 1), expected);
        }
    }
}

#[test]
fn a_segment_that_is_recorded_twice_contradicts_the_manifest() {
    let stage = Stage::new(V1);
    record(&stage, &open(&stage), usize::MAX);
    let mut history = read_history(&stage.folder()).expect("a history");
    history.records.insert(2, history.records[1].clone());
    write_history(&RealDisk, &stage.folder(), Mode::PRIVATE, &history).expect("a history");
    let error = Repository::open(stage.repository(), every_core()).expect_err("a contradiction");
    assert_eq!(error.code(), "corrupt-manifest");
    let expected = format!("knows {}, which it does not name", SEGMENTS[1]);
    assert!(told(&error).ends_with(&expected), "{error}");
}

#[test]
fn epochs_that_are_not_those_of_the_increment_contradict_the_manifest() {
    type Change = fn(&mut Segment);
    let changes: [Change; 2] = [
        |segment| segment.start_epoch = segment.end_epoch,
        |segment| segment.end_epoch = segment.start_epoch,
    ];
    for fixtures in [V1, V2] {
        for change in changes {
            let stage = Stage::new(fixtures);
            stage.edit_manifest(|manifest| change(&mut manifest.segments[1]));
            let error =
                Repository::open(stage.repository(), every_core()).expect_err("a contradiction");
            assert_eq!(error.code(), "corrupt-manifest");
            assert!(told(&error).contains("it says epochs"), "{error}");
        }
    }
}

/// The frame is sound, and says something that is not known here.
#[test]
fn a_frame_of_a_later_version_is_no_damage() {
    const FLAGS: usize = 24;
    let stage = Stage::new(V2);
    rewrite(&stage, 1, |mut bytes| {
        let mut pieces = Pieces::new(&bytes[SEGMENT_HEADER_BYTES..]);
        let piece = pieces.next().expect("a piece").expect("a piece");
        let offset = SEGMENT_HEADER_BYTES + usize::try_from(piece.offset).expect("an offset");
        let frame = &mut bytes[offset..];
        let length = u32::from_le_bytes(*frame.first_chunk().expect("a length"));
        let end = FLAGS + 1 + usize::try_from(length).expect("a length");
        frame[FLAGS] |= 4;
        seal_frame(&mut frame[..end]);
        bytes
    });
    let repository = open(&stage);
    let reason = unusable(&repository, 1);
    assert!(matches!(reason, Unusable::Unsupported { .. }), "{reason:?}");
}

/// Also where the manifest has the checksum of the file as it is.
#[test]
fn a_frame_that_is_not_as_its_checksum_says_is_damage() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        rewrite(&stage, 1, |mut bytes| {
            *bytes.last_mut().expect("a byte") ^= 1;
            bytes
        });
        let repository = open(&stage);
        let reason = unusable(&repository, 1);
        assert!(matches!(reason, Unusable::Damaged { .. }), "{reason:?}");
    }
}

#[test]
fn a_name_of_another_kind_or_a_full_backup_that_begins_later_contradicts() {
    type Change = fn(&mut [Segment]);
    let changes: [(Change, &str); 3] = [
        (
            |segments| segments[1].kind = SegmentKind::Full,
            "calls backup_incr_0001.wal full",
        ),
        (
            |segments| segments[0].kind = SegmentKind::Incremental,
            "calls backup_full_0000.grafeo incremental",
        ),
        (
            |segments| segments[0].start_epoch = Epoch::new(1),
            "backup_full_0000.grafeo begins at epoch 1",
        ),
    ];
    for fixtures in [V1, V2] {
        for (change, expected) in &changes {
            let stage = Stage::new(fixtures);
            stage.edit_manifest(|manifest| change(&mut manifest.segments));
            let error = Repository::open(stage.repository(), every_core());
            let error = error.expect_err("a contradiction");
            assert_eq!(error.code(), "corrupt-manifest");
            assert!(told(&error).contains(expected), "{}", told(&error));
        }
    }
}

/// Each byte counts once there.
#[test]
fn files_are_summed_later_but_at_a_pace() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let unsummed = |context: Context<'_>| {
            let repository = Repository::open_unsummed(stage.repository(), context);
            repository.expect("a repository").unsummed().count()
        };
        assert_eq!(unsummed(every_core()), SEGMENTS.len());
        let pace = Pace::by(NonZero::<u64>::MAX, Box::new(ManualClock::default()));
        let slowed = Context {
            pace: &pace,
            ..every_core()
        };
        assert_eq!(unsummed(slowed), 0);
    }
}

/// What stands in it says nothing of what the manifest means.
#[test]
fn a_file_that_contradicts_the_manifest_is_summed_before_it_is_believed() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let other = with_header(&read(&stage, SEGMENTS[1]), |header| {
            header.end_epoch = header.end_epoch.next().expect("an epoch");
        });
        write(&stage, SEGMENTS[1], &other);
        let repository = Repository::open_unsummed(stage.repository(), every_core());
        let repository = repository.expect("a repository");
        let reason = told(unusable(&repository, 1));
        assert!(reason.contains("its checksum is"), "{reason}");
    }
}

/// What a killed command left, and nothing else.
#[test]
fn temporary_files_are_told() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        assert_eq!(open(&stage).temporaries().count(), 0);
        let left = [
            ".backup_full_0004.grafeo.apograph-tmp",
            ".backup_incr_0005.wal.apograph-tmp",
        ];
        for name in left {
            write(&stage, name, b"");
        }
        let repository = open(&stage);
        let names = repository.temporaries().map(|at| at.name().to_owned());
        assert_eq!(names.collect::<Vec<_>>(), left);
        assert_eq!(repository.unnamed(), []);
    }
}

/// Clients 0.6.0 rewrite a manifest without the positions in it.
#[test]
fn a_position_that_the_manifest_lost_is_taken_from_the_record_or_from_the_file() {
    for has_records in [true, false] {
        let stage = Stage::new(V2);
        let before = stage.manifest();
        if has_records {
            record(&stage, &open(&stage), 4);
        }
        stage.edit_manifest(|manifest| {
            let segments = manifest.segments.iter_mut();
            segments.for_each(|segment| segment.end_lsn = None);
        });
        assert_ne!(stage.manifest(), before);
        let repository = open(&stage);
        assert_eq!(repository.manifest(), before);
        assert_eq!(repository.chain().gaps().count(), 0);
        let generation = |entry: &ChainEntry| entry.generation() == Some(Generation::Two);
        assert!(repository.chain().entries().iter().all(generation));
    }
}
