//! Databases that are hardly ever open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use apograph_interop::EngineGeneration;

use super::{DB, REPO, done, world};

for_each_generation!(commands_that_open_the_database_for_a_moment,);

/// Row 28. Each opens it, commits, and closes it; backups fall where they may.
fn commands_that_open_the_database_for_a_moment(generation: EngineGeneration) {
    const BACKUPS: usize = 8;
    let mut world = world(generation);
    world.insert(DB, 0..2);
    world.close(DB);
    let (database, repository) = (world.database(DB), world.repository(REPO));
    let ends = AtomicBool::new(false);
    let command = world.command().clone();
    thread::scope(|scope| {
        let commands = scope.spawn(|| {
            let mut engine = crate::fixtures::engine(generation);
            let mut number = 2;
            while !ends.load(Ordering::Relaxed) {
                engine.open(&database).unwrap();
                engine.run(&format!("INSERT (:R {{i:{number}}})")).unwrap();
                engine.close().unwrap();
                number += 1;
            }
        });
        let outcomes: Vec<_> = (0..BACKUPS)
            .map(|_| command.backup(&database, &repository, None))
            .collect();
        ends.store(true, Ordering::Relaxed);
        commands.join().unwrap();
        for outcome in outcomes {
            done(&outcome);
        }
    });
    done(&world.back_up(DB, REPO));
    let findings = &world.report().findings;
    assert!(findings.is_empty(), "{findings:#?}");
}
