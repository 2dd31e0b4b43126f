//! The image of generation 1 against `checkpoint.meta`, and the epochs in it against the log's.

use std::fs;

use apograph_capture::Kind;
use apograph_format::v1::CHECKPOINT_FILE_NAME;
use apograph_format::{Epoch, LogPosition, LogSequence, UnixMillis};
use apograph_testing::encoding::v1::{control, process_end};
use apograph_testing::fixtures::V1;

use crate::changed_files::append;
use crate::checkpoints_v1::{
    AHEAD, OTHER_CHECKPOINT, REPLACED, captured, check_full, check_goes_on, commit, log,
};
use crate::continuity::check_broken;
use crate::frames::compacted;
use crate::live::Live;

#[test]
fn the_image_is_no_older_one_and_no_other_with_as_many_checkpoints() {
    let live = captured();
    let older = fs::read(live.database()).expect("a database");
    live.checkpoint_whole(|_| {});
    check_goes_on(&live);
    let meta = fs::read(live.log_folder().join(CHECKPOINT_FILE_NAME)).expect("a record");
    fs::write(live.database(), &older).expect("a database");
    check_full(&live, REPLACED);
    fs::write(live.log_folder().join(CHECKPOINT_FILE_NAME), meta).expect("a record");

    let live = captured();
    live.checkpoint(|it| {
        it.iteration -= 1;
        it.written_at = UnixMillis::new(it.written_at.get() + 1);
    });
    check_full(&live, REPLACED);
}

#[test]
fn the_image_and_checkpoint_meta_are_of_one_checkpoint() {
    // The image is not the one that it names, and no checkpoint has begun its file.
    let live = captured();
    live.checkpoint(|it| it.epoch = Epoch::new(8));
    check_full(&live, OTHER_CHECKPOINT);
    // It is not the one of the image.
    let live = captured();
    let database = fs::read(live.database()).expect("a database");
    live.checkpoint_whole(|it| it.epoch = Epoch::new(8));
    fs::write(live.database(), database).expect("a database");
    check_full(&live, OTHER_CHECKPOINT);
    // It is lost.
    let live = captured();
    fs::remove_file(live.log_folder().join(CHECKPOINT_FILE_NAME)).expect("a record");
    check_full(&live, OTHER_CHECKPOINT);
    // It was killed before it, after the backup, or in front of it.
    let live = captured();
    live.begin_log_file();
    live.checkpoint(|it| it.epoch = Epoch::new(8));
    check_goes_on(&live);
    check_goes_on(&live);
    let live = Live::of(V1, "10_live/source");
    live.begin_log_file();
    live.checkpoint(|it| it.epoch = Epoch::new(8));
    live.added(Kind::Auto);
    check_goes_on(&live);
}

#[test]
fn an_image_holds_no_epoch_that_neither_the_chain_nor_the_log_has() {
    for (epoch, resume) in [(8, true), (9, false)] {
        let live = captured();
        live.checkpoint_whole(|it| it.epoch = Epoch::new(epoch));
        if resume {
            check_goes_on(&live);
        } else {
            check_full(&live, AHEAD);
        }
    }
    // The log has it, before the image's place or after it.
    let live = captured();
    append(&live.log_file(0), &commit(9, b"value"));
    live.checkpoint_whole(|it| it.epoch = Epoch::new(9));
    live.added(Kind::Incremental);
    let live = captured();
    live.checkpoint_whole(|it| it.epoch = Epoch::new(9));
    append(&live.log_file(1), &commit(9, b"value"));
    live.added(Kind::Incremental);
    // One in the middle is missing.
    let live = captured();
    append(&live.log_file(0), &commit(10, b"value"));
    live.checkpoint_whole(|it| it.epoch = Epoch::new(10));
    check_broken(&live, AHEAD);
    // An image that has not changed is not asked.
    let live = Live::of(V1, "10_live/source");
    live.checkpoint_whole(|it| it.epoch = Epoch::new(12));
    live.added(Kind::Auto);
    log(&live, &commit(13, b"value"));
    live.added(Kind::Incremental);
}

/// The epochs of its own process: those of the one before it are others.
#[test]
fn the_epochs_of_an_image_are_those_of_the_process_that_wrote_it() {
    for (epoch, resume) in [(2, true), (3, false), (8, false)] {
        let live = captured();
        live.begin_log_file();
        let front = [process_end(), commit(1, b"value"), commit(2, b"value")].concat();
        append(&live.log_file(1), &front);
        live.checkpoint_whole(|it| it.epoch = Epoch::new(epoch));
        if resume {
            live.added(Kind::Incremental);
        } else {
            check_broken(&live, AHEAD);
        }
    }
    // A checkpoint that was killed before `checkpoint.meta`, and one that keeps the log.
    let checkpoints: [fn(&Live); 2] = [
        |live| {
            live.begin_log_file();
            live.checkpoint(|it| it.epoch = Epoch::new(2));
        },
        |live| {
            live.checkpoint(|it| it.epoch = Epoch::new(2));
            live.name_log_file(LogPosition::in_file(LogSequence::new(1), 0));
            log(
                live,
                &control(37, live.headers().checkpoint.transaction.get()),
            );
        },
    ];
    for checkpoint in checkpoints {
        let live = captured();
        log(&live, &process_end());
        log(&live, &commit(1, b"value"));
        log(&live, &commit(2, b"value"));
        checkpoint(&live);
        live.added(Kind::Incremental);
    }
    // A process that begins after the image did not write it.
    let live = captured();
    append(&live.log_file(0), &commit(9, b"value"));
    live.checkpoint_whole(|it| it.epoch = Epoch::new(9));
    live.begin_log_file();
    let front = [process_end(), commit(1, b"value")].concat();
    append(&live.log_file(2), &front);
    live.added(Kind::Incremental);
}

/// No seal tells of a process that ended between two commits: the next one counts from anew.
#[test]
fn an_image_below_the_base_of_the_log_is_of_a_process_that_counts_from_anew() {
    for (logged, resume) in [(3, true), (2, false), (0, false)] {
        let live = captured();
        for epoch in 1..=logged {
            log(&live, &commit(epoch, b"value"));
        }
        live.checkpoint_whole(|it| it.epoch = Epoch::new(3));
        if resume {
            live.added(Kind::Incremental);
        } else {
            check_full(&live, AHEAD);
        }
    }
}

/// Its queries log nothing.
#[test]
fn a_compacted_image_begins_a_timeline() {
    let live = captured();
    live.checkpoint_whole(|_| {});
    let image = fs::read(live.database()).expect("a database");
    fs::write(live.database(), compacted(image)).expect("a database");
    check_full(&live, "the database was compacted");
    // As long as it is the same image there is nothing in it that was not captured.
    log(&live, &commit(9, b"value"));
    live.added(Kind::Incremental);
    live.checkpoint_whole(|_| {});
    check_broken(&live, "the database was compacted");
}
