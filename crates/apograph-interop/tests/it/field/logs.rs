//! Logs that lost bytes or files in a crash, and logs that are damaged.

use std::fs;

use apograph_interop::lives::World;
use apograph_interop::protocol::Durability;
use apograph_interop::{EngineGeneration, OpenOptions};
use serde_json::Value;

use super::{DB, REPO, all_is_exact, done, done_or_refused, refused, world};

for_each_generation!(
    a_page_of_captured_log_is_zeroed,
    a_new_log_file_is_lost,
    a_defect_in_the_log_of_an_engine_at_work,
    a_defect_in_the_log_of_no_engine,
    rollbacks_after_a_checkpoint,
    a_captured_log_file_is_lost,
    a_captured_log_file_is_exchanged,
);

/// Kills the database, and leaves after its log what an engine of generation 1 seals: it begins a
/// file then.
fn begin_log_file(world: &mut World, name: &str) {
    world.kill(name);
    let newest = world.log_files(name).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    bytes.extend([0xA5; 100]);
    fs::write(&newest, bytes).unwrap();
    world.open(name);
}

/// A log file before the one in which the chain ends is exchanged with that of a copy, which did
/// other work of the same length.
fn a_captured_log_file_is_exchanged(generation: EngineGeneration) {
    for exchanged in [0, 1] {
        let mut world = world(generation);
        world.run(DB, "INSERT (:P {i:1})");
        world.kill(DB);
        world.open(COPY);
        world.copy_over(DB, COPY);
        for (name, value) in [(DB, 3), (COPY, 4)] {
            world.open(name);
            for round in 0..2 {
                world.run(name, &format!("MATCH (p:P) SET p.v{round} = {value}"));
                begin_log_file(&mut world, name);
            }
            world.run(name, "MATCH (p:P) SET p.w = 5");
        }
        done(&world.back_up(DB, REPO));
        world.run(DB, "MATCH (p:P) SET p.w = 6");
        done(&world.back_up(DB, REPO));
        let [files, others] = [DB, COPY].map(|name| {
            world.kill(name);
            world.mix(name);
            world.log_files(name)
        });
        if generation == EngineGeneration::One {
            assert!(files.len() > 2, "{files:?}");
        }
        if let (Some(file), Some(other), true) = (
            files.get(exchanged),
            others.get(exchanged),
            files.len() > exchanged + 1,
        ) {
            fs::copy(other, file).unwrap();
        }
        world.open(DB);
        world.run(DB, "MATCH (p:P) SET p.w = 7");
        // What stands torn at the end of the file may be what a defect has left of a commit.
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        all_is_exact(world);
    }
}

/// A crash loses a log file before the one in which the chain ends: the image needs it.
fn a_captured_log_file_is_lost(generation: EngineGeneration) {
    let mut world = world(generation);
    for round in 0..2 {
        world.insert(DB, round * 2..round * 2 + 2);
        begin_log_file(&mut world, DB);
    }
    world.insert(DB, 4..6);
    done(&world.back_up(DB, REPO));
    world.kill(DB);
    let files = world.log_files(DB);
    if generation == EngineGeneration::One {
        assert!(files.len() > 2, "{files:?}");
    }
    world.mix(DB);
    fs::remove_file(&files[0]).unwrap();
    done_or_refused(&world.back_up(DB, REPO), &["wal-damaged", "chain-broken"]);
    if world.try_open(DB).is_ok() {
        world.insert(DB, 8..10);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged", "chain-broken"]);
    }
    all_is_exact(world);
}

/// A copy of the database.
const COPY: &str = "b";
const PAGE: usize = 4096;

/// Row 15b. A power loss takes a page in front of the last 64 KiB that were captured.
fn a_page_of_captured_log_is_zeroed(generation: EngineGeneration) {
    for behind in [1, 66 << 10, 100 << 10] {
        let mut world = world(generation);
        world.insert(DB, 0..2);
        done(&world.back_up(DB, REPO));
        let value = "v".repeat(4000);
        for number in 2..42 {
            world.run(DB, &format!("INSERT (:R {{i:{number}, v:'{value}'}})"));
        }
        done(&world.back_up(DB, REPO));
        world.kill(DB);
        let file = world.log_files(DB).pop().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        assert!(bytes.len() > 160_000);
        let page = (bytes.len() - behind) / PAGE * PAGE;
        let end = bytes.len().min(page + PAGE);
        bytes[page..end].fill(0);
        fs::write(&file, bytes).unwrap();
        // Generation 2 looks at no more than the last 64 KiB: the engine cuts at the defect as soon
        // as it opens the database, and until then the repository has what the log had.
        if generation == EngineGeneration::One || behind < 64 << 10 {
            done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        }
        // The engine of generation 2 refuses a defect that was synced.
        if world.try_open(DB).is_err() {
            continue;
        }
        world.insert(DB, 50..52);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        done_or_refused(
            &world.back_up_as(DB, REPO, Some("--full"), None),
            &["wal-damaged"],
        );
        world.checkpoint(DB);
        world.insert(DB, 52..53);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged"]);
        done(&world.back_up_as(DB, REPO, Some("--full"), None));
        all_is_exact(world);
    }
}

/// Row 15c. The log file that a checkpoint began is lost in the crash after it.
fn a_new_log_file_is_lost(generation: EngineGeneration) {
    for is_captured in [true, false] {
        let mut world = world(generation);
        world.insert(DB, 0..2);
        done(&world.back_up(DB, REPO));
        world.insert(DB, 2..4);
        world.checkpoint(DB);
        if is_captured {
            done(&world.back_up_as(DB, REPO, Some("--full"), None));
        }
        world.kill(DB);
        let newest = world.log_files(DB).pop().unwrap();
        fs::remove_file(newest).unwrap();
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged", "chain-broken"]);
        if world.try_open(DB).is_err() {
            continue;
        }
        world.insert(DB, 4..5);
        world.checkpoint(DB);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged", "chain-broken"]);
        world.insert(DB, 5..6);
        done_or_refused(&world.back_up(DB, REPO), &["wal-damaged", "chain-broken"]);
        world.close(DB);
        done(&world.back_up_as(DB, REPO, Some("--full"), None));
        all_is_exact(world);
    }
}

/// Six commits, and a bit that is flipped in the middle of the third.
fn six_commits_and_a_defect(world: &mut World) {
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    let file = world.log_files(DB).pop().unwrap();
    let mut ends = Vec::new();
    for number in 2..8 {
        world.insert(DB, number..number + 1);
        ends.push(fs::metadata(&file).unwrap().len());
    }
    let place = usize::try_from(u64::midpoint(ends[1], ends[2])).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[place] ^= 1;
    // In place, as a disk would: the engine has the file open.
    let mut open = fs::OpenOptions::new().write(true).open(&file).unwrap();
    std::io::Write::write_all(&mut open, &bytes[..=place]).unwrap();
}

fn nodes(content: &Value) -> usize {
    content["nodes"].as_array().unwrap().len()
}

/// Row 15f. The live database has what stands after the defect.
fn a_defect_in_the_log_of_an_engine_at_work(generation: EngineGeneration) {
    let mut world = world(generation);
    six_commits_and_a_defect(&mut world);
    let command = world.command().clone();
    let (database, repository) = (world.database(DB), world.repository(REPO));
    let before = crate::command::contents(&repository);
    for mode in [None, Some("--incremental"), Some("--full")] {
        let outcome = command.backup(&database, &repository, mode);
        refused(&outcome, "wal-damaged");
        let hint = outcome.json["hint"].as_str().unwrap_or_default();
        let is_told = generation == EngineGeneration::One || hint.contains("checkpoint");
        assert!(is_told, "{}", outcome.json);
    }
    let segments = |contents: Vec<(std::path::PathBuf, Vec<u8>)>| contents.len();
    assert_eq!(
        segments(crate::command::contents(&repository)),
        segments(before)
    );
    // A checkpoint takes all of it into the image.
    world.checkpoint(DB);
    assert_eq!(nodes(&world.engine(DB).content().unwrap()), 8);
    done(&world.back_up_as(DB, REPO, Some("--full"), None));
    // The chain goes on with it.
    world.insert(DB, 8..9);
    done(&world.back_up_as(DB, REPO, Some("--incremental"), None));
    let live = world.engine(DB).content().unwrap();
    let output = world.path("out.grafeo");
    done(&command.restore(&repository, &output, &["--latest"]));
    let restored = crate::fixtures::engine(generation).dump(&output).unwrap();
    assert_eq!(restored.content, live);
}

/// With no engine there, its own rule counts: it cuts there when it opens the database. (That of
/// generation 1 cuts nothing, so it is damage there.)
fn a_defect_in_the_log_of_no_engine(generation: EngineGeneration) {
    let mut world = world(generation);
    // A sync after the defect would prove that it was none of a crash.
    world.set_options(
        DB,
        OpenOptions {
            durability: Some(Durability::BatchByCount),
            ..OpenOptions::default()
        },
    );
    world.crash(DB);
    six_commits_and_a_defect(&mut world);
    world.kill(DB);
    let outcome = world.back_up(DB, REPO);
    done_or_refused(&outcome, &["wal-damaged"]);
    if generation == EngineGeneration::Two {
        done(&outcome);
        let warnings = outcome.json["warnings"].to_string();
        assert!(
            warnings.contains("defect") || warnings.contains("damage"),
            "{}",
            outcome.json
        );
        world.open(DB);
        world.insert(DB, 10..12);
        done(&world.back_up(DB, REPO));
    }
    all_is_exact(world);
}

/// Row 26, with the engines at hand: records of rollbacks and checkpoints stand between the
/// frames that were captured.
fn rollbacks_after_a_checkpoint(generation: EngineGeneration) {
    let mut world = world(generation);
    for round in 0..6 {
        world.run(DB, "START TRANSACTION; INSERT (:R {i:99}); ROLLBACK");
        world.insert(DB, round..round + 1);
        world.checkpoint(DB);
        world.run(DB, "START TRANSACTION; INSERT (:R {i:99}); ROLLBACK");
        let outcome = world.back_up(DB, REPO);
        done(&outcome);
        let expected = if round == 0 { "full" } else { "incremental" };
        assert_eq!(outcome.word(), expected, "{}", outcome.json);
    }
    all_is_exact(world);
}
