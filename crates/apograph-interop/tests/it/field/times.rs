//! Instants: nothing that was committed after one is in its state, and what was not looked at is
//! not known.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

use apograph_interop::lives::World;
use apograph_interop::{EngineGeneration, Outcome};
use jiff::Timestamp;
use serde_json::Value;

use super::{DB, REPO, all_is_exact, done, refused, world};

for_each_generation!(
    an_instant_after_the_last_capture_is_not_covered,
    a_backup_that_finds_nothing_new_covers,
    times_of_files_are_not_times_of_captures,
    a_slow_backup_is_of_its_end,
);

/// Instants of commits and captures are told apart by milliseconds.
const A_MOMENT: Duration = Duration::from_millis(5);

fn now() -> Timestamp {
    thread::sleep(A_MOMENT);
    let now = Timestamp::now();
    thread::sleep(A_MOMENT);
    now
}

fn at(world: &mut World, instant: Timestamp) -> Outcome {
    let (repository, output) = (world.repository(REPO), world.path("at.grafeo"));
    let _ = fs::remove_file(&output);
    let _ = fs::remove_dir_all(world.path("at.grafeo.wal"));
    let target = ["--time", &instant.to_string()];
    world.command().restore(&repository, &output, &target)
}

fn numbers(world: &World) -> Vec<u64> {
    let mut engine = crate::fixtures::engine(world.generation());
    let content = engine.dump(&world.path("at.grafeo")).unwrap().content;
    let number = |node: &Value| node["props"]["i"].as_u64().unwrap();
    content["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(number)
        .collect()
}

/// Row 12.
fn an_instant_after_the_last_capture_is_not_covered(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    let captured = Timestamp::now();
    world.insert(DB, 2..4);
    let later = now();
    let outcome = at(&mut world, later);
    refused(&outcome, "target-not-covered");
    assert!(
        outcome.json["nearest"]["below"].is_number(),
        "{}",
        outcome.json
    );
    assert!(
        outcome.json["hint"].as_str().unwrap().contains("--latest"),
        "{}",
        outcome.json
    );
    // It is covered once somebody looked.
    done(&world.back_up(DB, REPO));
    done(&at(&mut world, later));
    let expected: &[u64] = match generation {
        // Its commits have no times: the state is the one of the last capture before.
        EngineGeneration::One => &[0, 1],
        EngineGeneration::Two => &[0, 1, 2, 3],
    };
    assert_eq!(numbers(&world), expected);
    assert!(captured < later);
    all_is_exact(world);
}

fn a_backup_that_finds_nothing_new_covers(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    let later = now();
    assert_eq!(world.back_up(DB, REPO).word(), "up-to-date");
    done(&at(&mut world, later));
    assert_eq!(numbers(&world), [0, 1]);
    world.insert(DB, 2..3);
    let outcome = at(&mut world, now());
    refused(&outcome, "target-not-covered");
    all_is_exact(world);
}

/// Row 11. Of a repository without its small files nothing says when it was captured.
fn times_of_files_are_not_times_of_captures(generation: EngineGeneration) {
    const A_DAY: Duration = Duration::from_hours(24);
    let mut world = world(generation);
    world.insert(DB, 0..2);
    done(&world.back_up(DB, REPO));
    world.insert(DB, 2..4);
    done(&world.back_up(DB, REPO));
    let repository = world.repository(REPO);
    for entry in fs::read_dir(&repository).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("backup_full") || name.starts_with("backup_incr") {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - A_DAY).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
    done(
        &world
            .command()
            .run(["rebuild".as_ref(), repository.as_os_str()]),
    );
    let outcome = at(&mut world, Timestamp::now() - A_DAY / 2);
    refused(&outcome, "target-not-covered");
    all_is_exact(world);
}

/// Row 11. Commits that are made while a backup is under way are captured by it.
fn a_slow_backup_is_of_its_end(generation: EngineGeneration) {
    let mut world = world(generation);
    world.insert(DB, 0..1);
    let value = "v".repeat(4 << 20);
    world.run(DB, &format!("INSERT (:Big {{i:1, v:'{value}'}})"));
    world.checkpoint(DB);
    let (database, repository) = (world.database(DB), world.repository(REPO));
    let command = world.command().clone();
    let words = ["--limit-rate".to_owned(), "1M".to_owned()];
    let backup = thread::spawn(move || {
        let fixed = ["backup".as_ref(), database.as_os_str(), "--repo".as_ref()];
        let words = words.iter().map(AsRef::as_ref);
        command.run(
            fixed
                .into_iter()
                .chain([repository.as_os_str()])
                .chain(words),
        )
    });
    let mut instants = Vec::new();
    for number in 2..8 {
        thread::sleep(Duration::from_millis(400));
        let before = now();
        world.insert(DB, number..number + 1);
        instants.push((before, number));
    }
    done(&backup.join().unwrap());
    done(&world.back_up(DB, REPO));
    let mut covered = 0;
    for (instant, number) in instants {
        let outcome = at(&mut world, instant);
        if outcome.exit == 0 {
            covered += 1;
            let numbers = numbers(&world);
            assert!(
                numbers.iter().all(|it| *it < number),
                "{number}: {numbers:?}"
            );
        } else {
            refused(&outcome, "target-not-covered");
        }
    }
    println!("{covered} instants are covered");
    all_is_exact(world);
}
