//! Commit groups from frames.

use apograph_format::{Epoch, FilePosition, LogPosition, LogSequence, Point, Timeline};
use apograph_testing::encoding::v1::frame;
use apograph_testing::fixtures::V1;
use apograph_wal::{
    LogDefect, LogEndCause, LogPart, PartOf, PlacedEvent, PlacedReader, Run, Runs, TimelineState,
    logged_checkpoints,
};

use crate::log;

/// A log from letters: `d` data, `c3` commit, `e2` epoch, `a4` abort, `s` seal, `k1` checkpoint;
/// `/` ends a part, `?` is a byte of no frame, `x3` a commit with a wrong checksum, `y3` one with a
/// wrong length, and `z` a frame of which a lost power left zeros.
fn log(text: &str) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (letter, number) = word.split_at(1);
        let number: u8 = number.parse().unwrap_or_default();
        let payload = match letter {
            "d" => vec![1, 7],
            "c" => vec![35, number],
            "a" => vec![36, number],
            "s" => vec![36, 253, 255, 255, 255, 255, 255, 255, 255, 255],
            "k" => vec![37, number],
            "e" => vec![38, number],
            "x" => {
                let part = parts.last_mut().expect("a part");
                part.extend([2, 0, 0, 0, 35, number, 1, 1, 1, 1]);
                continue;
            }
            "y" => {
                let mut frame = frame(&[35, number]);
                frame[2] = 1;
                parts.last_mut().expect("a part").extend(frame);
                continue;
            }
            "z" => {
                let part = parts.last_mut().expect("a part");
                part.extend([
                    9, 0, 0, 0, 4, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                ]);
                continue;
            }
            "/" => {
                parts.push(Vec::new());
                continue;
            }
            _ => {
                parts.last_mut().expect("a part").push(0xee);
                continue;
            }
        };
        parts.last_mut().expect("a part").extend(frame(&payload));
    }
    parts
}

#[test]
fn groups_are_read_by_the_grammar() {
    let rows = [
        ("", "", "clean"),
        ("/ /", "", "clean"),
        ("c2", "2@-x1", "clean"),
        ("c2 e1", "2@1x2", "clean"),
        ("d c2 e1", "2@1x3", "clean"),
        ("d d c2 e1 d c3 e2", "2@1x4 3@2x3", "clean"),
        ("c1 c1 c2 e1", "1@-x1 1@-x1 2@1x2", "clean"),
        ("d / d c2 / e1", "2@1x4", "clean"),
        ("d / / / c2", "2@-x2", "clean"),
        ("e1 d c2 e2", "@1 2@2x3", "clean"),
        ("/ e1 c2", "@1 2@-x1", "clean"),
        ("c2 e1 e2", "2@1x2", "stray 2"),
        ("d e1", "", "stray 1"),
        ("s e1", "|", "stray 1"),
        ("d a4 d c2", "2@-x2", "clean"),
        ("d a4", "", "clean"),
        ("a4 e1", "", "stray 1"),
        ("d s d c2", "| 2@-x2", "clean"),
        ("s", "|", "clean"),
        ("s s c2", "| | 2@-x1", "clean"),
        ("d c2 e1 d", "2@1x3", "torn 1"),
        ("d d", "", "torn 2"),
        ("d k1 c2", "2@-x3", "clean"),
        ("k1 d c2", "2@-x2", "clean"),
        ("k1", "", "clean"),
        ("d c2 ?", "2@-x2", "torn 0"),
        ("d c2 d ?", "2@-x2", "torn 1"),
        ("?", "", "torn 0"),
        ("c2 ? / s c3", "2@-x1 | 3@-x1", "clean"),
        ("c2 ? / / s c3", "2@-x1 | 3@-x1", "clean"),
        ("c2 d ? s c3", "2@-x1", "damage 0+20"),
        ("c2 d ? s", "2@-x1", "torn 1"),
        ("c2 ? / c3", "2@-x1", "damage 0+10"),
        ("c2 ? / d", "2@-x1", "damage 0+10"),
        ("c2 ? c3", "2@-x1", "damage 0+10"),
        ("c2 / ? c3", "2@-x1", "damage 1+0"),
        ("c2 ? a4", "2@-x1", "damage 0+10"),
        ("c2 ? d", "2@-x1", "torn 0"),
        ("c2 ? x3", "2@-x1", "torn 0"),
        ("c2 x3", "2@-x1", "damage 0+10"),
        ("c2 x3 d", "2@-x1", "damage 0+10"),
        ("c2 x3 ?", "2@-x1", "damage 0+10"),
        ("c2 x3 / s c4", "2@-x1", "damage 0+10"),
        ("c2 x3 ? s c4", "2@-x1", "damage 0+10"),
        ("c2 y3", "2@-x1", "damage 0+10"),
        ("c2 y3 d", "2@-x1", "damage 0+10"),
        ("c2 y3 ? / s c4", "2@-x1", "damage 0+10"),
        ("c2 d z", "2@-x1", "torn 1"),
        ("c2 d z / s c4", "2@-x1 | 4@-x1", "clean"),
        ("c2 d z / c4", "2@-x1", "damage 0+20"),
    ];
    for (text, groups, cause) in rows {
        let parts = log(text);
        let (found, end) = log::text(&log::parts(parts.iter().map(|part| &part[..])));
        let found_cause = match end.cause {
            LogEndCause::Clean => "clean".to_owned(),
            LogEndCause::TornTail { records } => format!("torn {records}"),
            LogEndCause::Damage {
                defect: LogDefect::StrayEpoch { epoch },
                ..
            } => format!("stray {epoch}"),
            LogEndCause::Damage { place, .. } => format!("damage {}+{}", place.part, place.offset),
            other => format!("{other:?}"),
        };
        assert_eq!(
            (found.as_str(), found_cause.as_str()),
            (groups, cause),
            "{text}"
        );
    }
}

/// A value that was being written when the crash came may hold the bytes of a log.
#[test]
fn log_bytes_inside_of_a_torn_value_are_no_log() {
    let value = log("s d c9 e9").concat();
    let mut torn = log("c2").concat();
    torn.extend(200_u32.to_le_bytes());
    torn.extend([4, 7]);
    torn.extend(&value[..18]);
    let seal = log("s c3").concat();
    let (found, end) = log::text(&log::parts([&torn[..]]));
    assert_eq!(
        (found.as_str(), end.cause),
        ("2@-x1", LogEndCause::TornTail { records: 0 })
    );
    let (found, end) = log::text(&log::parts([&torn[..], &seal[..]]));
    assert_eq!(
        (found.as_str(), end.cause),
        ("2@-x1 | 3@-x1", LogEndCause::Clean)
    );

    // With a commit among them it cannot be told from damage; nothing of it becomes a commit.
    torn.extend(&value[18..]);
    for parts in [log::parts([&torn[..]]), log::parts([&torn[..], &seal[..]])] {
        let (found, end) = log::text(&parts);
        assert_eq!(found, "2@-x1");
        assert!(
            matches!(end.cause, LogEndCause::Damage { .. }),
            "{:?}",
            end.cause
        );
    }
}

#[test]
fn a_seal_inside_of_a_part_counts_where_files_lie_side_by_side() {
    let bytes = log("c2 d ? s c3").concat();
    for (file_boundaries, groups) in [(0, "2@-x1"), (1, "2@-x1 | 3@-x1")] {
        let start = FilePosition::default();
        let (found, _) = log::text(&[LogPart {
            of: PartOf::One {
                start,
                file_boundaries,
            },
            file_offset: 0,
            bytes: (&bytes).into(),
        }]);
        assert_eq!(found, groups);
    }
}

#[test]
fn groups_lie_in_several_files() {
    let files = V1.logs_of("04_rotation/source_midgroup");
    let parts = log::parts(files.iter().map(|file| &file.bytes[..]));
    let mut across = 0;
    let mut runs = Runs::default();
    for group in log::groups(&parts) {
        across += usize::from(group.start.part != group.end.part);
        assert_eq!(log::frames_in(&parts, &group), 5);
        group.runs().for_each(|run| runs.push(run));
    }
    assert_eq!(across, 9);
    let copied: Vec<u8> = runs
        .as_slice()
        .iter()
        .flat_map(|run| run.bytes(&parts).read().expect("bytes").into_owned())
        .collect();
    let whole: Vec<u8> = files.iter().flat_map(|file| file.bytes.clone()).collect();
    assert_eq!(copied, whole);
    assert_eq!(runs.total_bytes(), whole.len() as u64);
    assert_eq!(runs.as_slice().len(), parts.len());
}

#[test]
fn the_same_groups_whatever_the_files() {
    let split = V1.logs_of("04_rotation/source_midgroup");
    let whole: Vec<u8> = split.iter().flat_map(|file| file.bytes.clone()).collect();
    let (expected, _) = log::text(&log::parts([&whole[..]]));
    let (found, _) = log::text(&log::parts(split.iter().map(|file| &file.bytes[..])));
    assert_eq!(found, expected);
}

#[test]
fn closing_a_database_without_a_container_logs_a_bare_commit() {
    let files = V1.logs_of("17_wal_directory/source");
    let (groups, end) = log::text(&log::parts(files.iter().map(|file| &file.bytes[..])));
    assert_eq!(groups, "2@1x4 3@2x4 3@-x1 2@1x4");
    assert_eq!(end.cause, LogEndCause::Clean);
}

/// It stands where the log is, and what follows is another process.
#[test]
fn the_bare_commit_of_a_close_opens_no_timeline() {
    let files = V1.logs_of("17_wal_directory/source");
    let parts = log::parts(files.iter().map(|file| &file.bytes[..]));
    let mut state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::default()));
    let mut points = Vec::new();
    for event in PlacedReader::new(&parts, &mut state) {
        if let PlacedEvent::Group(_, placement) = event.expect("a group") {
            points.push(placement.point.to_string());
        }
    }
    assert_eq!(points, ["1:1", "1:2", "1:2", "2:1"]);
}

#[test]
fn positions_count_from_the_start_of_the_file() {
    let bytes = log("c2 c3").concat();
    let sequence = LogSequence::new(7);
    let parts = [LogPart::of_file(sequence, 100, &bytes)];
    let found: Vec<_> = log::groups(&parts)
        .map(|group| {
            (
                group.start.position(&parts),
                group.file_offset(),
                group.end_position(),
            )
        })
        .collect();
    let position = |offset| Some(LogPosition::in_file(sequence, offset));
    let group = |start, end| (position(start), start, position(end));
    assert_eq!(found, [group(100, 110), group(110, 120)]);
}

#[test]
fn a_group_has_no_run_in_an_empty_file() {
    let files = log("c2 d / / d c3 /");
    let parts = log::parts(files.iter().map(|file| &file[..]));
    let runs: Vec<Vec<Run>> = log::groups(&parts)
        .map(|group| group.runs().collect())
        .collect();
    let run = |part, start, end| Run { part, start, end };
    assert_eq!(
        runs,
        [vec![run(0, 0, 10)], vec![run(0, 10, 20), run(2, 0, 20)]]
    );
}

#[test]
fn runs_that_meet_are_one() {
    type Parts = &'static [(usize, usize, usize)];
    let rows: [(&str, Parts, Parts); 5] = [
        ("neighbours", &[(1, 0, 10), (1, 10, 15)], &[(1, 0, 15)]),
        (
            "with bytes in between",
            &[(1, 0, 10), (1, 11, 15)],
            &[(1, 0, 10), (1, 11, 15)],
        ),
        (
            "at one offset of two files",
            &[(1, 0, 10), (2, 10, 15)],
            &[(1, 0, 10), (2, 10, 15)],
        ),
        ("none first", &[(1, 4, 4), (1, 6, 10)], &[(1, 6, 10)]),
        ("none last", &[(1, 0, 10), (2, 0, 0)], &[(1, 0, 10)]),
    ];
    for (what, pushed, expected) in rows {
        let mut runs = Runs::default();
        for &(part, start, end) in pushed {
            runs.push(Run { part, start, end });
        }
        let found = runs.as_slice().iter();
        let found: Vec<_> = found.map(|run| (run.part, run.start, run.end)).collect();
        assert_eq!(found, expected, "{what}");
        let bytes: usize = expected.iter().map(|(_, start, end)| end - start).sum();
        assert_eq!(runs.total_bytes(), bytes as u64, "{what}");
    }
}

#[test]
fn what_stands_beside_groups_counts_for_the_epochs() {
    let rows: [(&str, u64, &[&str]); 4] = [
        ("c5 e4 / c6 e5", 3, &["4-5"]),
        // Another process, though it goes on counting.
        ("c5 e4 / s c6 e5", 3, &["4", "5"]),
        // The epoch of the group before: that of the next, which was torn off, is another.
        ("e4 d c6", 3, &["4-5"]),
        // The close of a folder database commits nothing.
        ("e4 c6", 3, &["4"]),
    ];
    for (text, base, epochs) in rows {
        let files = log(text);
        let parts = log::parts(files.iter().map(|file| &file[..]));
        assert_eq!(log::summary(&parts, base).0.epochs, epochs, "{text}");
    }
}

#[test]
fn checkpoint_records_are_found_wherever_they_stand() {
    let rows = [
        ("", ""),
        ("d c2 e1", ""),
        ("c2 e1 k3", "0+20:3"),
        ("d k2 d c3 e1 k4", "0+10:2 0+50:4"),
        ("k2 d ? k3 / k4", "0+0:2 1+0:4"),
    ];
    for (text, expected) in rows {
        let bytes = log(text);
        let parts = log::parts(bytes.iter().map(Vec::as_slice));
        let marks = logged_checkpoints(&parts).expect(log::IN_MEMORY);
        let marks = marks.iter().map(|mark| {
            let place = mark.place;
            format!("{}+{}:{}", place.part, place.offset, mark.transaction)
        });
        assert_eq!(marks.collect::<Vec<_>>().join(" "), expected, "{text}");
    }
}
