//! What `apograph diff` says, made of the content of the earlier state, is that of the later one.

use std::path::Path;

use apograph_interop::EngineGeneration;
use apograph_interop::difference::{applied, graphs};
use serde_json::{Value, json};

use crate::command::{apograph, restorable, restore};
use crate::fixtures;

for_each_generation!(what_differs_between_two_states_makes_one_of_the_other);

/// Pairs of each chain that do not lie side by side.
const RANDOM_PAIRS: usize = 25;

/// A state by its timeline, its epoch, and its last further commit where that is named.
type Name = (u64, u64, Option<u64>);

fn text_of((timeline, epoch, further): Name) -> String {
    let further = further.map_or(String::new(), |further| format!("+{further}"));
    format!("{timeline}:{epoch}{further}")
}

/// The state after each commit that the log has, in epochs of several.
fn commits(repository: &Path) -> Vec<Name> {
    let log = apograph(["log", repository.to_str().unwrap()]).ok();
    let commits = log["commits"].as_array().unwrap().iter();
    let names = commits.filter_map(|commit| {
        let (point, further) = commit["point"].as_str()?.split_once('+')?;
        let (timeline, epoch) = point.split_once(':')?;
        Some((
            timeline.parse().ok()?,
            epoch.parse().ok()?,
            further.parse().ok(),
        ))
    });
    let names: Vec<Name> = names.collect();
    // Where an epoch has one commit its state is that of the epoch.
    let has_further = |name: &Name| {
        let mut further = names.iter().filter(|it| it.2 > Some(0));
        further.any(|it| (it.0, it.1) == (name.0, name.1))
    };
    names.iter().copied().filter(has_further).collect()
}

/// The states of a chain, as the engine shows them, in their order.
fn states(repository: &Path, generation: EngineGeneration) -> Vec<(Name, Value)> {
    let scratch = tempfile::tempdir().unwrap();
    let mut engine = fixtures::engine(generation);
    let points = restorable(repository).into_iter();
    let points = points.map(|(timeline, epoch)| (timeline, epoch, None));
    // A commit in the epoch of a full backup that holds more of it is no state that can be restored.
    let mut names: Vec<Name> = points.chain(commits(repository)).collect();
    names
        .sort_by_key(|(timeline, epoch, further)| (*timeline, *epoch, further.unwrap_or(u64::MAX)));
    let states = names.into_iter().filter_map(|name| {
        let output = scratch.path().join(format!("{}.grafeo", text_of(name)));
        let outcome = restore(repository, &output, &["--epoch", &text_of(name)]);
        assert!(outcome.exit == 0 || name.2.is_some(), "{}", outcome.json);
        (outcome.exit == 0).then(|| (name, engine.dump(&output).unwrap().content))
    });
    states.collect()
}

fn what_differs_between_two_states_makes_one_of_the_other(generation: EngineGeneration) {
    let (mut pairs, mut unconnected, mut with_old) = (0, 0, 0);
    for dir in fixtures::all(generation) {
        let repository = dir.join("backup");
        if !repository.join("backup_manifest.json").exists() {
            continue;
        }
        let states = states(&repository, generation);
        let mut random = fastrand::Rng::with_seed(17);
        let mut chosen: Vec<_> = (1..states.len()).map(|later| [later - 1, later]).collect();
        for _ in 0..RANDOM_PAIRS.min(states.len() * states.len() / 2) {
            let mut pair = [random.usize(..states.len()), random.usize(..states.len())];
            pair.sort_unstable();
            chosen.push(pair);
        }
        for pair in chosen {
            let [(from, before), (to, after)] = pair.map(|index| &states[index]);
            let (from, to) = (text_of(*from), text_of(*to));
            let repo = repository.to_str().unwrap();
            let outcome = apograph(["diff", repo, &from, &to]);
            if outcome.exit != 0 {
                assert_eq!(outcome.code(), "target-not-covered", "{repo}");
                unconnected += 1;
                continue;
            }
            let diff = outcome.ok();
            assert_eq!(diff["complete"], json!(true), "{repo}: {diff}");
            let found = applied(before, &diff);
            let expected = Ok(graphs(after));
            assert_eq!(found, expected, "{repo} {from} {to}: {diff}");
            pairs += 1;
            with_old += usize::from(diff.to_string().contains("\"before\""));
        }
    }
    println!("{pairs} pairs, {with_old} with old values; {unconnected} are not connected");
    assert!(pairs > 500 && with_old > 0);
}
