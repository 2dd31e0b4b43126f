//! What a chain can restore, and from what.

mod names;
mod plans;
pub(crate) mod words;

use apograph_format::{Crc32, Epoch, Generation, Point, UnixMillis};
use apograph_manifest::{Chain, ImageIdentity, SegmentContent, TimelineSpan, log_end};
use apograph_testing::errors::told;

use words::{chain, range};

fn restorable(chain: &Chain) -> String {
    let range = |range: &apograph_manifest::PointRange| {
        format!("{}:{}-{}", range.timeline, range.from, range.to)
    };
    chain
        .restorable()
        .iter()
        .map(range)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn what_can_be_restored() {
    let rows = [
        ("F7", "1:7-7", 0),
        ("F7 I8-18 I19-29", "1:7-29", 0),
        ("F7 I8-18! I19-29", "1:7-7", 1),
        ("F3 I4-6 I7-9 F2:11 I2:12-15", "1:3-9 2:11-15", 1),
        ("F3 I4-6 I7,2:1-2", "1:3-7 2:0-2", 0),
        ("F3 I4-6 - I7-9", "1:3-6", 1),
        ("F3 I5-6", "1:3-3", 1),
        ("F3 I", "1:3-3", 0),
        ("F3! I4-6", "", 0),
        ("F3 I4-6?", "1:3-3", 1),
        ("F3 I4-6! F2:1 I2:2-3", "1:3-3 2:1-3", 1),
        // How many timelines there were in what is lost is not known.
        ("F3 I4-6x F2:1 I2:2-3", "1:3-3", 1),
        ("F3 I4-6 F2:1x I2:2 F2:5 I2:6", "1:3-6", 3),
        // Nor whether the log goes on across a full backup, where what is lost would tell.
        ("F3 I4-6 F2:6u I2:7x", "1:3-6", 2),
        ("F3 I4-6 F2:6u I2:7x F2:9 I2:10", "1:3-6", 2),
        // A full backup of a log that goes on: both bases serve, and the repeated part counts once.
        ("F3 I4-6 F5+ I6rc I7-8", "1:3-8", 0),
        ("F3! I4-6 F5+ I6rc I7-8", "1:6-8", 0),
        ("F3 I4-6 F6+ Ir I7-8", "1:3-8", 0),
        ("F3 I4-6 F5+? I6rc I7-8", "1:3-8", 0),
        // What is there counts, wherever it stands.
        ("F3 I4-6! F5+ I6rc I7-8", "1:3-3 1:6-8", 1),
        ("F3 I4-6! F3+ I4-6r I7-8", "1:3-8", 1),
        ("F3 I4-6! F3+ I4-6r I7-8 F3+ I4-8r", "1:3-8", 1),
        // Timelines follow one another in their order, wherever what repeats them stands.
        ("F3 - I3:1 F3+ I4,2:1,3:1r", "1:3-4 2:0-1 3:0-1", 1),
        // Without the log after it a full backup leads nowhere; the one before it does.
        ("F3 I4-6 F5+ I6r! I7-8", "1:3-8", 0),
        ("F3! I4-6 F5+ I6r! I7-8", "1:5-5", 0),
        // An image that may hold what follows serves from the end of that on.
        ("F3 I4-9c I10-11", "1:9-11", 0),
        ("F3 I5-9c I10-11", "1:9-11", 0),
        ("F3 I4-9c! I10-11", "", 1),
        // Nor does one where what would tell that is lost, with its record.
        ("F3u I4-9x", "", 1),
        ("F3u - I10-11", "", 1),
        // What a crash kept from being logged does not bar the way to the next timeline.
        ("F3 I4-6,8-9 I2:1-2", "1:3-6 2:0-2", 1),
        ("F3 I80-90 I2:1-2", "1:3-3", 1),
        ("F3 I80-90p I2:1-2p", "1:3-3 2:0-2", 1),
        ("F3 I5000-5001p I2:1-2p", "1:3-3", 1),
    ];
    for (text, expected, gaps) in rows {
        let chain = chain(text);
        assert_eq!(restorable(&chain), expected, "{text}");
        let found: Vec<_> = chain.gaps().collect();
        assert_eq!(found.len(), gaps, "{text}: {found:?}");
    }
}

#[test]
fn gaps_lie_between_points() {
    // Chain, and for each gap the last point before it and the first one after it.
    let rows = [
        ("F7 I8-9 F12 I13", "1:9 to 1:12"),
        ("F7 I8-9 I10-11! I12-13 I14", "1:9 to 1:12"),
        (
            "F7 I8-9 F12 I13 F20 I21-25 F2:1",
            "1:9 to 1:12, 1:13 to 1:20, 1:25 to 2:1",
        ),
        ("F7 I8-9 - I10-11 I12-13", "1:9 to 1:10"),
        ("F7 I8-9 I10-12!", "1:9 to -"),
        // An epoch that is missing in a run comes before the end of the run.
        ("F7 I8-9 I11 I12 F20", "1:9 to 1:11, 1:12 to 1:20"),
        (
            "F7 I8-9 F12 I14 F20",
            "1:9 to 1:12, 1:12 to 1:14, 1:14 to 1:20",
        ),
        // What cannot be used has no point, and neither has what is not counted.
        ("F7 I8-9! F12! I13", "1:7 to 1:13"),
        ("F3 I4-6x F2:1 I2:2", "1:3 to -"),
    ];
    for (text, expected) in rows {
        assert_eq!(gap_points(text), expected, "{text}");
    }
}

/// The points around each gap of a chain from words.
fn gap_points(text: &str) -> String {
    let name = |point: Option<Point>| point.map_or_else(|| "-".into(), |it| it.to_string());
    let chain = chain(text);
    let gaps = chain.gaps();
    let gaps = gaps.map(|gap| format!("{} to {}", name(gap.after), name(gap.before)));
    gaps.collect::<Vec<_>>().join(", ")
}

#[test]
fn gaps_say_what_is_missing() {
    let rows = [
        ("F3 I4 I6-7", "epoch 1:5 is in no segment"),
        ("F3 I4 I8-9", "epochs 1:5 to 7 are in no segment"),
        ("F3 I4v", "backup_incr_0001.wal: version 9 is not known"),
        (
            "F3 I4-6 F2:1x I2:2",
            "backup_full_0002.grafeo does not go on from the log before it; commits in between, if \
             any, are in no segment; backup_full_0002.grafeo is missing",
        ),
    ];
    for (text, expected) in rows {
        let chain = chain(text);
        let causes = chain.gaps().map(|gap| told(&gap.cause));
        assert_eq!(causes.collect::<Vec<_>>().join("; "), expected, "{text}");
    }
}

/// A run that begins in the middle of a timeline lacks what the gap before it has told already.
#[test]
fn one_lost_increment_is_one_gap() {
    let rows = [
        ("F3 I4-6 I7-8x I9", "backup_incr_0002.wal is missing"),
        ("F3 I4-6 I7-8! I9", "backup_incr_0002.wal is missing"),
        (
            "F3 I4-6 - I9",
            "the repository names nothing between backup_incr_0001.wal and backup_incr_0003.wal",
        ),
        (
            "F3 I4-6 I7-8! I9 I11-12",
            "backup_incr_0002.wal is missing; epoch 1:10 is in no segment",
        ),
    ];
    for (text, expected) in rows {
        let mut entries = chain(text).entries().to_vec();
        for entry in &mut entries {
            if let Some(SegmentContent::Increment(increment)) = &mut entry.content {
                let spans: Vec<_> = increment.stretches.iter().cloned().collect();
                let from_image = spans.into_iter().map(|span| TimelineSpan {
                    base: Epoch::new(3),
                    ..span
                });
                increment.stretches = from_image.collect();
            }
        }
        let chain = Chain::new(entries);
        let causes = chain.gaps().map(|gap| told(&gap.cause));
        assert_eq!(causes.collect::<Vec<_>>().join("; "), expected, "{text}");
    }
}

/// Of a full backup with the same image as an earlier one the histories are the same up to there.
#[test]
fn a_branch_is_a_gap_of_its_own_kind() {
    let rows = [
        ("F3 I4-6 F2:3 I2:4", "branch from 1:3"),
        ("F3 I4-6 F6+ I7 F2:3 I2:4", "branch from 1:3"),
        (
            "F3 I4-6 F2:3 I2:4 F3:3 I3:4",
            "branch from 1:3, branch from 1:3",
        ),
        ("F3u I4-6 F2:3 I2:4", "branch from -"),
        ("F3 I4-6x F2:1 I2:2", "missing from -"),
        ("F3 I4-6! F2:1 I2:2", "missing from -"),
        ("F3 I4-6 - I8-9", "missing from -"),
        ("F3 I4 I6-7", "missing from -"),
        ("F3 I4v", "missing from -"),
    ];
    let kinds = |chain: &Chain| {
        let gaps = chain.gaps().map(|gap| {
            let from = gap.cause.branched_from();
            let from = from.map_or_else(|| "-".to_owned(), |point| point.to_string());
            let is_said = told(&gap.cause).contains(&format!("that of {from}:"));
            assert_eq!(is_said, from != "-", "{}", gap.cause);
            format!("{} from {from}", gap.cause.kind())
        });
        gaps.collect::<Vec<_>>().join(", ")
    };
    for (text, expected) in rows {
        assert_eq!(kinds(&chain(text)), expected, "{text}");
    }
    // Every other image, be it of the same database, leads somewhere else.
    let other = |change: fn(&mut ImageIdentity)| {
        let mut entries = chain("F3 I4-6 F2:3 I2:4").entries().to_vec();
        if let Some(SegmentContent::Full(full)) = &mut entries[2].content {
            change(&mut full.image);
        }
        kinds(&Chain::new(entries))
    };
    assert_eq!(other(|_| {}), "branch from 1:3");
    assert_eq!(other(|image| image.iteration += 1), "branch from -");
    assert_eq!(
        other(|image| image.checksum = Crc32::new(2)),
        "branch from -"
    );
    let later = other(|image| image.written_at = UnixMillis::new(2));
    assert_eq!(later, "branch from -");
}

#[test]
fn entries_know_their_generation() {
    for entry in chain("F3 I4 I5p I6r F6+").entries() {
        let file = &entry.segment.file;
        assert_eq!(entry.generation(), Some(Generation::One), "{file}");
    }
    let unknown = chain("F3 I4x");
    assert_eq!(unknown.entries()[1].generation(), None);
}

#[test]
fn the_log_goes_on_after_a_full_backup_where_it_ended_before_it() {
    let end_of = |text: &str| log_end(chain(text).entries());
    assert_eq!(end_of("F3 I4-6p"), Some(range(1).end.into()));
    assert_eq!(end_of("F3 I4-6p F6+"), Some(range(1).end.into()));
    assert_eq!(end_of("F3 I4-6p F9"), None);
    assert_eq!(end_of("F3 I4-6p I7"), None);
}
