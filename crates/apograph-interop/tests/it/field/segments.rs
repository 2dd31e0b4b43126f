//! What is wrong with a repository, and what it gives all the same.

use std::fs;
use std::path::PathBuf;

use apograph_interop::EngineGeneration;
use apograph_interop::lives::World;

use super::{DB, REPO, all_is_exact, done, refused, world};

for_each_generation!(
    a_lost_increment_whose_commits_another_repeats,
    a_repeating_increment_after_lost_segments,
    damage_after_a_point_does_not_take_it,
    what_verify_finds_damaged_is_not_offered,
    a_segment_of_another_database,
    a_segment_of_another_database_after_a_rebuild,
);

fn epochs(world: &mut World) -> Vec<(u64, u64)> {
    let repository = world.repository(REPO);
    world.command().restorable(&repository).unwrap()
}

/// The increments of a repository, the oldest first.
fn increments(world: &World, repository: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(world.repository(repository)).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let mut increments: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "wal"))
        .collect();
    increments.sort();
    increments
}

/// Two full backups without a checkpoint: the increment after the second begins where that after
/// the first does.
fn two_fulls(world: &mut World) {
    world.insert(DB, 0..3);
    done(&world.back_up_as(DB, REPO, Some("--full"), None));
    world.insert(DB, 3..4);
    done(&world.back_up_as(DB, REPO, Some("--full"), None));
}

/// Row 13.
fn a_lost_increment_whose_commits_another_repeats(generation: EngineGeneration) {
    let mut world = world(generation);
    two_fulls(&mut world);
    let before = epochs(&mut world);
    let lost = increments(&world, REPO).remove(0);
    fs::remove_file(lost).unwrap();
    world.change(REPO);
    if generation == EngineGeneration::One {
        assert_eq!(epochs(&mut world), before);
    }
    done(&world.back_up_as(DB, REPO, Some("--full"), None));
    let newest = epochs(&mut world).pop().unwrap();
    assert_eq!(newest.1, 4);
    all_is_exact(world);
}

/// Row 13.
fn a_repeating_increment_after_lost_segments(generation: EngineGeneration) {
    let mut world = world(generation);
    two_fulls(&mut world);
    world.insert(DB, 4..5);
    done(&world.back_up(DB, REPO));
    let repository = world.repository(REPO);
    fs::remove_file(increments(&world, REPO).remove(0)).unwrap();
    fs::remove_file(repository.join("backup_full_0000.grafeo")).unwrap();
    world.change(REPO);
    done(
        &world
            .command()
            .run(["rebuild".as_ref(), repository.as_os_str()]),
    );
    world.judge_points(REPO);
    world.insert(DB, 5..6);
    done(&world.back_up(DB, REPO));
    all_is_exact(world);
}

/// A full backup, and three increments of two commits each.
fn chain(world: &mut World) {
    for round in 0..4 {
        world.insert(DB, round * 2..round * 2 + 2);
        done(&world.back_up(DB, REPO));
    }
}

/// Flips a bit in the first frame of an increment.
fn damage(world: &World, increment: usize) -> String {
    // After the header of the segment, and in generation 2 that of the piece.
    let behind_header = match world.generation() {
        EngineGeneration::One => 40,
        EngineGeneration::Two => 200,
    };
    let path = increments(world, REPO).remove(increment);
    let mut bytes = fs::read(&path).unwrap();
    bytes[behind_header] ^= 1;
    fs::write(&path, bytes).unwrap();
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Row 15.
fn damage_after_a_point_does_not_take_it(generation: EngineGeneration) {
    let mut world = world(generation);
    chain(&mut world);
    damage(&world, 2);
    let repository = world.repository(REPO);
    for (epoch, nodes) in [(3, 3), (4, 4)] {
        let output = world.path(&format!("out-{epoch}.grafeo"));
        let target = ["--epoch", &epoch.to_string()];
        done(&world.command().restore(&repository, &output, &target));
        let mut engine = crate::fixtures::engine(generation);
        let content = engine.dump(&output).unwrap().content;
        assert_eq!(content["nodes"].as_array().unwrap().len(), nodes);
    }
    let output = world.path("damaged.grafeo");
    let outcome = world
        .command()
        .restore(&repository, &output, &["--epoch", "6"]);
    refused(&outcome, "corrupt-segment");
    let below = &outcome.json["nearest"]["below"];
    assert!(*below == 4 || *below == "1:4", "{}", outcome.json);
}

/// Row 15.
fn what_verify_finds_damaged_is_not_offered(generation: EngineGeneration) {
    let mut world = world(generation);
    chain(&mut world);
    let name = damage(&world, 2);
    let repository = world.repository(REPO);
    let verified = world
        .command()
        .run(["verify".as_ref(), repository.as_os_str()]);
    assert_eq!(verified.exit, 3, "{}", verified.json);
    let listed = world
        .command()
        .run(["list".as_ref(), repository.as_os_str()]);
    done(&listed);
    let segments = listed.json["segments"].as_array().unwrap();
    let damaged = segments.iter().find(|it| it["file"] == *name).unwrap();
    assert_eq!(damaged["usable"], false, "{damaged}");
    assert_eq!(epochs(&mut world).last(), Some(&(1, 4)));
}

/// Two databases that do the same with other values: their increments are equally long, and the
/// CRC-32 of each frame is part of the frame.
fn two_databases(world: &mut World) {
    world.open("b");
    for (name, repository, letter) in [(DB, REPO, 'x'), ("b", "of-b", 'y')] {
        for number in 0..3 {
            world.run(name, &format!("INSERT (:R {{i:{number}, v:'{letter}'}})"));
        }
        done(&world.back_up(name, repository));
        for number in 3..6 {
            world.run(name, &format!("INSERT (:R {{i:{number}, v:'{letter}'}})"));
        }
        done(&world.back_up(name, repository));
    }
}

fn swap_the_last_increment(world: &World) {
    let (own, other) = (increments(world, REPO), increments(world, "of-b"));
    fs::copy(other.last().unwrap(), own.last().unwrap()).unwrap();
}

/// Row 15a.
fn a_segment_of_another_database(generation: EngineGeneration) {
    let mut world = world(generation);
    two_databases(&mut world);
    swap_the_last_increment(&world);
    let repository = world.repository(REPO);
    let verified = world
        .command()
        .run(["verify".as_ref(), repository.as_os_str()]);
    assert_eq!(verified.exit, 3, "{}", verified.json);
    let output = world.path("out.grafeo");
    let outcome = world.command().restore(&repository, &output, &["--latest"]);
    refused(&outcome, "corrupt-segment");
}

/// Without the record, the links between the segments decide; where these cannot tell, the next
/// backup still is exact.
fn a_segment_of_another_database_after_a_rebuild(generation: EngineGeneration) {
    let mut world = world(generation);
    two_databases(&mut world);
    swap_the_last_increment(&world);
    let repository = world.repository(REPO);
    world.change(REPO);
    let rebuilt = world
        .command()
        .run(["rebuild".as_ref(), repository.as_os_str()]);
    done(&rebuilt);
    world.run(DB, "INSERT (:R {i:6, v:'x'})");
    done(&world.back_up(DB, REPO));
}
