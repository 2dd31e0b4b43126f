//! Every changed byte of a log is found, at its frame, and told from a torn tail by the engine's
//! rule.

use apograph_testing::damage;
use apograph_wal::{LogEnd, LogEndCause, LogPart, Place};

use super::{boundaries, frames, log_file, part, piece, sealed};
use crate::log;

/// A log of which each frame's fate is known.
struct Judge<'a> {
    whole: LogPart<'a>,
    /// Per frame: where it begins and ends, how many frames of its group stand before it, and
    /// whether a whole first frame after it says that it was durable.
    frames: Vec<(usize, usize, u64, bool)>,
    boundaries: Vec<usize>,
}

impl<'a> Judge<'a> {
    fn of(whole: LogPart<'a>) -> Self {
        let all = frames(&whole);
        let mut known = Vec::new();
        let mut in_group = 0;
        for (offset, frame) in &all {
            if frame.flags().is_first() {
                in_group = 0;
            }
            let behind = all.iter().filter(|(later, _)| later > offset);
            let is_durable = behind
                .filter(|(_, later)| later.flags().is_first())
                .any(|(_, later)| later.synced_lsn() > Some(frame.lsn()));
            known.push((*offset, offset + frame.bytes().len(), in_group, is_durable));
            in_group += 1;
        }
        Self {
            boundaries: boundaries(&whole),
            whole,
            frames: known,
        }
    }

    fn check(&self, offset: usize, changed: &[u8]) -> bool {
        let mut frames = self.frames.iter();
        let &(start, _, records, is_durable) = frames
            .find(|(start, end, ..)| (*start..*end).contains(&offset))
            .expect("a frame");
        let boundary = *self.boundaries.iter().rfind(|&&it| it <= start).expect("0");
        let before = LogPart {
            bytes: self.whole.bytes.slice(0..boundary),
            ..self.whole
        };
        let (groups, _) = log::text(&[before]);
        let changed = LogPart {
            bytes: changed.into(),
            ..self.whole
        };
        let what = format!("byte {offset} of the frame at {start}");

        let (found, end) = log::text(&[changed]);
        assert_eq!(found, groups, "{what}");
        assert_eq!(end.place.offset, boundary, "{what}");
        match end.cause {
            LogEndCause::Damage { place, .. } => {
                assert!(is_durable && place.offset == start, "{what}");
            }
            cause => {
                assert_eq!(cause, LogEndCause::TornTail { records }, "{what}");
                assert!(!is_durable, "{what}");
            }
        }

        let sealed = sealed(changed);
        let next = self.whole.skipping(u64::MAX);
        for parts in [vec![sealed], vec![changed, next]] {
            let (found, end) = log::text(&parts);
            assert_eq!(found, groups, "{what}");
            self.check_damage(&end, start, &what);
        }
        is_durable
    }

    fn check_damage(&self, end: &LogEnd, start: usize, what: &str) {
        let LogEndCause::Damage { place, .. } = end.cause else {
            panic!("{what}: {:?}", end.cause);
        };
        let offset = start;
        assert_eq!(place, Place { part: 0, offset }, "{what}");
        assert!(place.offset < self.whole.bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_a_torn_tail_or_damage_by_the_engines_rule() {
    // File, bytes; whether some flips in it are torn tails, and whether some are damage.
    let rows = [
        (log_file("08_torn_tail/source", 0), 440, true, false),
        (log_file("05_schema/source", 332), 543, true, false),
        (log_file("04_rotation/source", 290), 324, true, false),
        (
            piece("18_sync_markers/backup/backup_incr_0001.wal", 0),
            428,
            true,
            true,
        ),
        (
            piece("13_close_in_chain/backup/backup_incr_0002.wal", 0),
            107,
            true,
            true,
        ),
        (
            piece("12_crash_in_chain/backup/backup_incr_0002.wal", 0),
            222,
            true,
            true,
        ),
    ];
    for (row, (file, bytes, torn, damaged)) in rows.into_iter().enumerate() {
        let judge = Judge::of(part(&file));
        assert_eq!(judge.whole.bytes.len(), bytes, "row {row}");
        let mut found = [0_usize; 2];
        damage::bits(log::slice(&judge.whole), |offset, changed| {
            found[usize::from(judge.check(offset, changed))] += 1;
        });
        assert_eq!((found[0] > 0, found[1] > 0), (torn, damaged), "row {row}");
    }
}

#[test]
fn every_other_value_of_a_byte_is_found() {
    let file = piece("18_sync_markers/backup/backup_incr_0001.wal", 0);
    let judge = Judge::of(part(&file));
    damage::values(log::slice(&judge.whole), |offset, changed| {
        judge.check(offset, changed);
    });
}

#[test]
fn flips_around_the_frames_of_a_big_group_are_found() {
    let file = piece("17_big_group/backup/backup_incr_0001.wal", 0);
    let judge = Judge::of(part(&file));
    for &(start, end, ..) in &judge.frames {
        for range in [start..start + 40, end - 8..end] {
            damage::one_bit_each(log::slice(&judge.whole), range, |offset, changed| {
                judge.check(offset, changed);
            });
        }
    }
}
