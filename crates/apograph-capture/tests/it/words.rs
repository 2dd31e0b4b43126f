//! What an error is called, and what it says.

use std::fs;

use apograph_capture::{CaptureError, ChainBreak, Kind, Options, capture};
use apograph_format::v2::RecordDefect;
use apograph_format::{Epoch, Lsn};
use apograph_manifest::{ChainError, FileName, Unusable};
use apograph_testing::context::every_core;
use apograph_testing::errors::told;
use apograph_testing::fixtures::{V1, V2};

use crate::changed_files::flip;
use crate::live::Live;

#[test]
fn every_reason_why_a_chain_cannot_go_on_has_its_words() {
    let file = FileName::try_from("backup_incr_0001.wal").expect("a name");
    let file_name = || "wal_00000002.log".to_owned();
    let position = Lsn::new(296);
    let words = [
        (ChainBreak::NoFullBackup, "no earlier backup"),
        (
            ChainBreak::LastSegment {
                file: file.clone(),
                reason: Some(Unusable::Missing),
            },
            "backup_incr_0001.wal, the last segment, cannot be used: it is missing",
        ),
        (
            ChainBreak::Unreachable {
                cause: ChainError::NoFullBackup,
            },
            "cannot be restored: the repository has no full backup",
        ),
        (
            ChainBreak::Increment {
                file: file.clone(),
                reason: Some(Unusable::damaged(17, "its checksum is another one")),
            },
            "cannot be restored: backup_incr_0001.wal cannot be used: damaged at byte 17: its \
             checksum is another one",
        ),
        (ChainBreak::Migrated, "migrated from Grafeo 0.5 to 0.6"),
        (ChainBreak::Closed, "was closed since"),
        (
            ChainBreak::LogLost {
                end: position.into(),
            },
            "its log was lost, or the file was put back",
        ),
        (ChainBreak::Unmarked, "the backup left in it is not there"),
        (
            ChainBreak::OtherMoment,
            "is not the one that this backup left",
        ),
        (
            ChainBreak::FileMissing { file: file_name() },
            "wal_00000002.log is not there any more",
        ),
        (
            ChainBreak::FileShortened { file: file_name() },
            "wal_00000002.log is shorter than what was captured of it",
        ),
        (
            ChainBreak::FileGrown { file: file_name() },
            "wal_00000002.log has grown since it was captured whole",
        ),
        (
            ChainBreak::OtherBytes { file: file_name() },
            "wal_00000002.log does not hold the bytes that were captured of it",
        ),
        (
            ChainBreak::Damaged {
                path: "log/wal_00000002.log".into(),
                offset: 17,
                detail: RecordDefect::KindZero.into(),
            },
            "log/wal_00000002.log is damaged at byte 17: a record has kind 0",
        ),
        (
            ChainBreak::LogWentBack { file: file_name() },
            "there was a newer one at the last backup",
        ),
        (
            ChainBreak::ImageReplaced { before: 3, now: 2 },
            "it had had 3 checkpoints then, and has had 2 now",
        ),
        (
            ChainBreak::OtherCheckpoint,
            "checkpoint.meta is not of the image",
        ),
        (
            ChainBreak::Checkpoints {
                image: 2,
                least: 1,
                most: 1,
            },
            "has had 2 checkpoints since the last backup, and the log tells of 1",
        ),
        (
            ChainBreak::Checkpoints {
                image: 3,
                least: 1,
                most: 2,
            },
            "has had 3 checkpoints since the last backup, and the log tells of 1 to 2",
        ),
        (
            ChainBreak::ImageAhead {
                image: Epoch::new(9),
                missing: Epoch::new(7),
            },
            "up to epoch 9, and neither the repository nor the log has epoch 7",
        ),
        (ChainBreak::Compacted, "the database was compacted"),
        (
            ChainBreak::ImageOffLog {
                image: position,
                log: Lsn::new(222).into(),
            },
            "the file is at position 296, and the log ends at lsn 222",
        ),
        (
            ChainBreak::Truncated,
            "removed log files that were not captured yet",
        ),
        (
            ChainBreak::Shortened,
            "the log ends before commits that were captured",
        ),
    ];
    for (broken, expected) in words {
        let words = told(&broken);
        assert!(words.contains(expected), "{words}");
        let error = CaptureError::ChainBroken(broken.clone());
        assert_eq!(error.code(), "chain-broken");
        assert_eq!(told(&error), format!("the chain cannot go on: {words}"));
    }
}

#[test]
fn an_unknown_version_is_told_from_damage() {
    const VERSION: usize = 4;
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "10_live/source");
        let path = live.database();
        let sound = fs::read(&path).expect("a database");
        let name = path.display();

        let mut later = sound.clone();
        later[VERSION] = 9;
        fs::write(&path, later).expect("a database");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "unsupported-version", "{words}");
        assert!(words.starts_with(&format!("{name} is not a sound database file: ")));

        fs::write(&path, &sound[..5000]).expect("a database");
        let (code, words) = live.refused(Kind::Auto);
        assert_eq!(code, "corrupt-database", "{words}");
        assert!(words.starts_with(&format!("{name} is not a sound database file: ")));

        fs::write(&path, "").expect("a file");
        assert_eq!(live.refused(Kind::Auto).0, "corrupt-database");
        fs::remove_file(&path).expect("a file");
        assert_eq!(live.refused(Kind::Auto).0, "io");
        fs::create_dir(&path).expect("a folder");
        let words = format!("{name} is a folder, and no Grafeo database");
        assert_eq!(live.refused(Kind::Auto), ("not-a-database", words));
        fs::create_dir(path.join("wal")).expect("a folder");
        assert_eq!(live.refused(Kind::Auto).0, "not-a-database");
        assert!(!live.repository().exists());

        let (other, repository) = (live.path("letter"), live.repository());
        fs::write(&other, "Dear reader").expect("a file");
        let options = Options::default();
        let refused = capture(&other, &repository, &options, every_core());
        let refused = refused.expect_err("no database");
        assert_eq!(refused.code(), "not-a-database");
        let words = format!(
            "{} is another kind of file, and no Grafeo database",
            other.display()
        );
        assert_eq!(refused.to_string(), words);
        assert!(!repository.exists());
    }
}

#[test]
fn damage_in_the_log_is_told_with_its_place() {
    let live = Live::of(V1, "08_torn_tail/source");
    let ends = live.commits();
    let path = live.log_file(0);
    flip(&path, ends[1] - 1);
    for kind in [Kind::Auto, Kind::Full] {
        let error = live.capture(kind).expect_err("damage");
        assert_eq!(error.code(), "wal-damaged");
        let CaptureError::WalDamaged {
            path: damaged,
            offset,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(*damaged, path);
        let place = usize::try_from(*offset).expect("an offset");
        assert!((ends[0]..ends[1]).contains(&place), "{place} of {ends:?}");
        let words = format!("{} is damaged at byte {place}: ", path.display());
        let all = told(&error);
        assert!(all.starts_with(&words), "{all}");
        assert!(!live.repository().exists());
        assert_eq!(live.cursor(), None);
    }
    assert_eq!(live.refused(Kind::Incremental).0, "no-full-backup");
}

#[test]
fn a_log_file_that_is_missing_is_damage() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, "04_rotation/source");
        fs::remove_file(live.log_file(2)).expect("a log file");
        assert_eq!(live.refused(Kind::Auto).0, "wal-damaged");
        assert!(!live.repository().exists());
    }
}

#[test]
fn the_repository_of_another_database_is_left_alone() {
    for (fixtures, of) in [(V1, V1), (V2, V2), (V1, V2), (V2, V1)] {
        let live = Live::of(fixtures, "08_torn_tail/source");
        let other = Live::with_backups(of, "12_crash_in_chain");
        fs::rename(other.repository(), live.repository()).expect("a rename");
        let before = live.manifest();
        for kind in [Kind::Auto, Kind::Full, Kind::Incremental] {
            let (code, words) = live.refused(kind);
            assert_eq!(code, "foreign-database");
            let database = live.database();
            let expected = format!("are of another database than {}", database.display());
            assert!(words.ends_with(&expected), "{words}");
        }
        assert_eq!(live.manifest(), before);
        assert_eq!(live.cursor(), None);
    }
}
