//! The image, `checkpoint.meta` and the log of generation 1, counted against each other.

use std::fs;

use apograph_capture::Kind;
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::{Epoch, LogPosition, LogSequence, UnixMillis};
use apograph_io::RealDisk;
use apograph_manifest::{Cursor, Keep, Unknown};
use apograph_testing::encoding::v1::{COMMIT, EPOCH, control, data, process_end};
use apograph_testing::fixtures::V1;

use crate::captured::why;
use crate::changed_files::append;
use crate::continuity::check_broken;
use crate::live::Live;
use crate::monitors::Later;

pub(crate) const REPLACED: &str = "the database file is another one than at the last backup";
pub(crate) const OTHER_CHECKPOINT: &str = "checkpoint.meta is not of the image in the file";
const CHECKPOINTS: &str = "of different histories: the file has had";
pub(crate) const AHEAD: &str = "neither the repository nor the log has epoch";
/// After a file of this size a group begins the next one.
const FULL_FILE_BYTES: u64 = 64 << 20;

/// A database after a backup, with all of its log in it: the image at epoch 4, and the log up to 8
/// in the file with number 1.
pub(crate) fn captured() -> Live {
    let live = Live::of(V1, "10_live/source");
    live.added(Kind::Auto);
    assert_eq!(live.headers().checkpoint.epoch, Epoch::new(4));
    assert_eq!(live.manifest().segments[1].end_epoch, Epoch::new(8));
    live
}

/// A commit of one value. In generation 1 a transaction has the number after that of its epoch.
pub(crate) fn commit(epoch: u64, value: &[u8]) -> Vec<u8> {
    [
        data(value),
        control(COMMIT, epoch + 1),
        control(EPOCH, epoch),
    ]
    .concat()
}

/// Appends to the newest log file.
pub(crate) fn log(live: &Live, bytes: &[u8]) {
    let log = live.log();
    let newest = log.files().last().expect("a log file");
    append(&newest.path, bytes);
}

/// Commits the next epoch, and backs it up as an increment.
#[track_caller]
pub(crate) fn check_goes_on(live: &Live) {
    let last = live.manifest().segments.pop().expect("a segment");
    log(live, &commit(last.end_epoch.get() + 1, b"value"));
    live.added(Kind::Incremental);
}

/// What an increment that has to be refused says, and a full backup that is taken instead.
#[track_caller]
pub(crate) fn check_full(live: &Live, words: &str) {
    check_broken(live, words);
    assert!(why(live.capture(Kind::Auto)).contains(words));
}

/// A checkpoint of the engines that keep their log: its image, its record, and what it names.
fn checkpoint_with_mark(live: &Live) {
    live.checkpoint(|_| {});
    let transaction = live.headers().checkpoint.transaction.get();
    log(live, &control(37, transaction));
}

/// The cursor of the engine, as its own backup leaves it.
fn set_cursor_of_engine(live: &Live) {
    live.set_cursor(&Cursor {
        backed_up_epoch: Epoch::new(8),
        keep: Keep::FilesAfter(LogSequence::new(0)),
        written_at: UnixMillis::new(1_795_246_036_700),
        is_wide: false,
        unknown: Unknown::new(),
    });
}

#[test]
fn a_chain_goes_on_while_the_image_has_as_many_checkpoints_as_the_log_tells_of() {
    let changes: [fn(&Live); 12] = [
        |_| {},
        |live| live.checkpoint_whole(|_| {}),
        |live| {
            live.checkpoint_whole(|_| {});
            live.checkpoint_whole(|_| {});
        },
        // Killed, or under way: it has begun its file.
        |live| {
            live.begin_log_file();
        },
        // It has installed its image.
        |live| {
            live.begin_log_file();
            live.checkpoint(|_| {});
        },
        checkpoint_with_mark,
        |live| {
            checkpoint_with_mark(live);
            live.checkpoint_whole(|_| {});
            checkpoint_with_mark(live);
        },
        // A process that ended, and the next one.
        |live| {
            live.begin_log_file();
            append(&live.log_file(1), &process_end());
            append(&live.log_file(1), &commit(1, b"value"));
        },
        |live| {
            live.begin_log_file();
            append(&live.log_file(1), &process_end());
            append(&live.log_file(1), &commit(1, b"value"));
            live.checkpoint_whole(|it| it.epoch = Epoch::new(1));
        },
        // A backup of the engine's own begins a file.
        |live| {
            live.begin_log_file();
            set_cursor_of_engine(live);
        },
        |live| {
            live.begin_log_file();
            live.checkpoint_whole(|_| {});
            set_cursor_of_engine(live);
        },
        |live| {
            live.checkpoint_whole(|_| {});
            fs::remove_file(live.log_folder().join("backup_cursor.meta")).expect("a cursor");
        },
    ];
    for change in changes {
        let live = captured();
        change(&live);
        check_goes_on(&live);
        check_goes_on(&live);
    }
}

#[test]
fn an_image_with_other_checkpoints_than_the_log_tells_of_is_of_another_history() {
    let changes: [fn(&Live); 9] = [
        // One without a file, and two with one.
        |live| live.checkpoint(|_| {}),
        |live| live.checkpoint_whole(|it| it.iteration += 1),
        |live| {
            checkpoint_with_mark(live);
            live.checkpoint(|_| {});
        },
        // A file without a checkpoint, and its cursor is ours.
        |live| {
            let start = live.begin_log_file();
            live.name_log_file(start);
        },
        |live| {
            live.begin_log_file();
            live.checkpoint_whole(|_| {});
        },
        |live| {
            let transaction = live.headers().checkpoint.transaction.get();
            append(&live.log_file(0), &control(37, transaction));
        },
        // A process that ended began the file.
        |live| {
            live.begin_log_file();
            append(&live.log_file(1), &process_end());
            append(&live.log_file(1), &commit(1, b"value"));
            live.checkpoint(|_| {});
        },
        // The engine's backups take no checkpoints.
        |live| {
            live.checkpoint_whole(|it| it.iteration += 1);
            set_cursor_of_engine(live);
        },
        // The cursor of no backup is none of the engine's.
        |live| {
            live.begin_log_file();
            live.checkpoint_whole(|_| {});
            fs::write(live.log_folder().join("backup_cursor.meta"), "").expect("a cursor");
        },
    ];
    for change in changes {
        let live = captured();
        change(&live);
        check_full(&live, CHECKPOINTS);
    }
}

/// What it lacks is there a moment later.
#[test]
fn a_checkpoint_that_is_under_way_is_waited_for() {
    type Row = (fn(&Live), fn(&Live), &'static str);
    let rows: [Row; 3] = [
        // Its record follows its image.
        (
            |live| live.checkpoint(|_| {}),
            |live| log(live, &control(37, 5)),
            CHECKPOINTS,
        ),
        // A commit is in the image before it is logged.
        (
            |live| live.checkpoint_whole(|it| it.epoch = Epoch::new(9)),
            |live| log(live, &commit(9, b"value")),
            AHEAD,
        ),
        // `checkpoint.meta` follows too.
        (
            |live| live.checkpoint(|it| it.epoch = Epoch::new(8)),
            |live| {
                let start = live.begin_log_file();
                live.name_log_file(start);
            },
            OTHER_CHECKPOINT,
        ),
    ];
    for (begin, end, words) in rows {
        let live = captured();
        begin(&live);
        check_broken(&live, words);
        let act = || end(&live);
        let later = Later::new(&act);
        live.capture_heard(&RealDisk, Kind::Incremental, &later)
            .expect("a chain that goes on");
    }
}

/// Where there was none, the first file was begun without one.
#[test]
fn a_log_file_that_no_checkpoint_began_is_not_counted() {
    for begun in 0..3 {
        let live = Live::of(V1, "10_live/source");
        fs::remove_file(live.log_folder().join(CHECKPOINT_FILE_NAME)).expect("a record");
        for _ in 0..begun {
            live.begin_log_file();
        }
        live.added(Kind::Auto);
        assert_eq!(live.evidence().log.expect("a log").pending, begun);
    }
}

/// They may have begun their files before the backup, and install their images after it.
#[test]
fn as_many_checkpoints_may_end_after_a_backup_as_files_were_begun_before_it() {
    for (begun, ended, resume) in [(1, 0, true), (1, 1, true), (1, 2, false), (2, 2, true)] {
        let live = Live::of(V1, "10_live/source");
        for _ in 0..begun {
            live.begin_log_file();
        }
        live.added(Kind::Auto);
        assert_eq!(live.evidence().log.expect("a log").pending, begun);
        if ended > 0 {
            live.checkpoint(|it| it.iteration += ended - 1);
            let start = LogPosition::in_file(LogSequence::new(1 + begun), 0);
            live.name_log_file(start);
        }
        if resume {
            check_goes_on(&live);
        } else {
            check_full(&live, CHECKPOINTS);
        }
    }
}

/// Those that stood after the last commit then were counted then.
#[test]
fn checkpoint_records_count_that_were_written_since_the_backup() {
    let chain = || {
        let live = captured();
        log(&live, &commit(9, b"value"));
        checkpoint_with_mark(&live);
        live.added(Kind::Incremental);
        assert_eq!(live.evidence().log.expect("a log").marks, 1);
        live
    };
    check_goes_on(&chain());
    let live = chain();
    checkpoint_with_mark(&live);
    check_goes_on(&live);
    let live = chain();
    live.checkpoint(|_| {});
    check_full(&live, CHECKPOINTS);
}

/// Two threads may begin a file each after one that is full.
#[test]
fn a_file_after_a_full_one_tells_of_no_checkpoint() {
    // The size of the file in which the chain ends, how many are begun after it, how many
    // checkpoints the image has had, and whether it goes on.
    for (size, begun, checkpoints, resume) in [
        (FULL_FILE_BYTES, 1, 0, true),
        (FULL_FILE_BYTES, 1, 1, false),
        (FULL_FILE_BYTES, 2, 0, true),
        (FULL_FILE_BYTES, 2, 1, true),
        (FULL_FILE_BYTES, 3, 0, false),
        (FULL_FILE_BYTES - 1, 1, 0, false),
    ] {
        let live = captured();
        // One frame up to the end.
        let present = fs::metadata(live.log_file(0)).expect("a log file").len();
        let frame = commit(9, b"")[..].len() as u64;
        let value = usize::try_from(size - present - frame).expect("a length");
        append(&live.log_file(0), &commit(9, &vec![0; value]));
        let found = fs::metadata(live.log_file(0)).expect("a log file").len();
        assert_eq!(found, size);
        let mut start = None;
        for _ in 0..begun {
            start = Some(live.begin_log_file());
        }
        if checkpoints > 0 {
            live.checkpoint(|it| it.iteration += checkpoints - 1);
        }
        live.name_log_file(start.expect("a file"));
        if resume {
            live.added(Kind::Incremental);
        } else {
            check_broken(&live, CHECKPOINTS);
        }
    }
}
