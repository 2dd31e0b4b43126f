//! What a record says of an image and of a part of the log.

use apograph_format::{Crc32, DatabaseId, Lsn, UnixMillis};
use apograph_manifest::{
    FullContent, FullOf, ImageIdentity, ImageOf, IncrementContent, SegmentContent, SegmentRecord,
    TimeSpan, TimelineSpans,
};

use crate::history::example;

fn image() -> ImageIdentity {
    full().image
}

fn image_of(database: Option<DatabaseId>) -> ImageOf {
    database.map_or(ImageOf::One, |database| ImageOf::Two {
        database,
        is_encrypted: false,
    })
}

fn full() -> FullContent {
    let [record, _] = two_records();
    match record.content {
        SegmentContent::Full(full) => *full,
        SegmentContent::Increment(_) => panic!("a full backup"),
    }
}

fn increment() -> IncrementContent {
    let [_, record] = two_records();
    match record.content {
        SegmentContent::Increment(increment) => *increment,
        SegmentContent::Full(_) => panic!("an increment"),
    }
}

fn two_records() -> [SegmentRecord; 2] {
    example().records.try_into().expect("two records")
}

#[test]
fn a_segment_names_its_timeline_where_it_has_a_part_of_one() {
    let empty = IncrementContent {
        stretches: TimelineSpans::new(),
        ..increment()
    };
    assert!(SegmentContent::from(full()).names_timeline());
    assert!(SegmentContent::from(increment()).names_timeline());
    assert!(!SegmentContent::from(empty).names_timeline());
}

#[test]
fn only_an_image_of_generation_1_that_had_a_checkpoint_may_be_ahead() {
    let database = Some(DatabaseId::new(7));
    for (database, iteration, expected) in [
        (None, 0, false),
        (None, 1, true),
        (None, 2, true),
        (database, 0, false),
        (database, 1, false),
    ] {
        let image = ImageIdentity {
            of: image_of(database),
            iteration,
            ..image()
        };
        let of = match database {
            None => FullOf::One { log_start: None },
            Some(_) => FullOf::Two {
                log_start: Lsn::new(296),
                is_spanned: false,
            },
        };
        let full = FullContent {
            image,
            of,
            ..full()
        };
        assert_eq!(full.may_be_ahead(), expected, "{image:?}");
    }
}

#[test]
fn a_database_is_known_by_its_id_or_else_by_when_it_was_created() {
    let image = |database: Option<u128>, created_at| ImageIdentity {
        of: image_of(database.map(DatabaseId::new)),
        database_created_at: UnixMillis::new(created_at),
        ..image()
    };
    let rows = [
        (image(None, 1), image(None, 1), true),
        (image(None, 1), image(None, 2), false),
        (image(Some(7), 1), image(Some(7), 1), true),
        (image(Some(7), 1), image(Some(7), 2), true),
        (image(Some(7), 1), image(Some(8), 1), false),
        (image(Some(7), 1), image(None, 1), false),
    ];
    for (one, other, expected) in rows {
        let later = ImageIdentity {
            iteration: 5,
            checksum: Crc32::new(5),
            ..other
        };
        assert_eq!(
            one.is_of_same_database(&later),
            expected,
            "{one:?} {later:?}"
        );
        assert_eq!(
            later.is_of_same_database(&one),
            expected,
            "{one:?} {later:?}"
        );
    }
}

#[test]
fn a_span_of_commits_begins_with_the_first_and_ends_with_the_latest() {
    let spans = [(5, 5, 5), (7, 5, 7), (3, 5, 7), (9, 5, 9)];
    let mut span = None;
    for (time, first, last) in spans {
        let longer = TimeSpan::with(span, UnixMillis::new(time));
        assert_eq!(longer.first, UnixMillis::new(first), "{time}");
        assert_eq!(longer.last, UnixMillis::new(last), "{time}");
        span = Some(longer);
    }
}
