//! Log folders of which a close has removed some files, when its engine was killed.

use std::fs;
use std::thread;

use apograph_interop::EngineGeneration;

use super::{DB, REPO, all_is_exact, done, done_or_refused, world};

/// A repository that has not seen the log.
const OTHER: &str = "s";
/// One whose first backup is after the next open.
const LATE: &str = "t";

/// Row 23. A file system lists the files of a folder, and so lets a close of generation 1 remove
/// them, in any order. (One of generation 2 keeps its log where there are older files in it.)
#[test]
fn any_files_of_a_log_are_left_by_a_close() {
    thread::scope(|scope| {
        for number in 0..32 {
            scope.spawn(move || some_files_are_left(number));
        }
    });
}

/// The files whose bits the number has are left.
fn some_files_are_left(number: usize) {
    let mut world = world(EngineGeneration::One);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    for value in 1..3 {
        world.run(DB, &format!("MATCH (r:R) SET r.v = {value}"));
        world.checkpoint(DB);
    }
    // The files themselves, with all their times.
    let (log, kept) = (world.log_folder(DB), world.path("kept"));
    fs::create_dir(&kept).unwrap();
    let names = fs::read_dir(&log).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.collect();
    for name in &names {
        fs::hard_link(log.join(name), kept.join(name)).unwrap();
    }
    world.close(DB);
    // Marker and cursor go together.
    let is_ours = |name: &String| name.starts_with("apograph-") || name == "backup_cursor.meta";
    let (ours, mut theirs): (Vec<_>, Vec<_>) = names.into_iter().partition(is_ours);
    theirs.sort();
    assert_eq!((ours.len(), theirs.len()), (2, 4), "{ours:?}, {theirs:?}");
    fs::create_dir(&log).unwrap();
    let ours = ours.iter().map(|name| (theirs.len(), name));
    for (bit, name) in theirs.iter().enumerate().chain(ours) {
        if number >> bit & 1 == 1 {
            fs::hard_link(kept.join(name), log.join(name)).unwrap();
        }
    }
    for repository in [OTHER, REPO] {
        done(&world.back_up(DB, repository));
    }
    world.open(DB);
    for repository in [REPO, LATE] {
        // A close that is not over looks like this, too; and an engine can go on in a log file that
        // its own next open passes over.
        done_or_refused(&world.back_up(DB, repository), &["wal-damaged", "io"]);
    }
    world.run(DB, "MATCH (r:R) SET r.w = 3");
    for repository in [REPO, LATE] {
        done_or_refused(&world.back_up(DB, repository), &["wal-damaged"]);
    }
    world.run(DB, "MATCH (r:R) SET r.w = 4");
    world.checkpoint(DB);
    for repository in [LATE, OTHER, REPO] {
        done(&world.back_up(DB, repository));
    }
    world.judge_points(OTHER);
    world.judge_points(LATE);
    all_is_exact(world);
}
