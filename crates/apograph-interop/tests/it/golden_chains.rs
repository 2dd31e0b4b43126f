//! Chains that the engine wrote: every state that they can hold comes back exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use apograph_interop::EngineGeneration;
use apograph_testing::truth::{Truth, TruthState};
use serde_json::Value;

use crate::command::{apograph, restorable, restore, text};
use crate::fixtures;
use crate::judge::{judge, restored};

for_each_generation!(
    every_state_that_the_chain_holds_is_exact,
    every_commit_without_an_epoch_has_a_name_that_restores_it,
    a_state_that_the_chain_does_not_hold_is_refused_with_its_neighbours,
    every_chain_verifies_and_rebuilds_to_itself,
    every_chain_is_exact_out_of_a_vault_for_the_engine_too,
);

/// How many states the chains of the fixtures hold.
const EXACT_IN_GENERATION_1: usize = 606;
const EXACT_IN_GENERATION_2: usize = 362;

/// States that a chain of the engine does not hold, as life and epoch: what came before its first
/// full backup, and what the engine left between two segments.
fn not_in_chain(truth: &Truth) -> BTreeSet<(u64, u64)> {
    let first_full = truth
        .backups
        .iter()
        .find(|backup| backup.error.is_none())
        .unwrap();
    let before = first_full.end_epoch.unwrap();
    let mut missing: BTreeSet<_> = (0..before).map(|epoch| (0, epoch)).collect();
    missing.extend(match (truth.generation.into(), truth.fixture.as_str()) {
        // Between the last increment and the second full backup.
        (_, "03_two_fulls") => vec![(0, 10)],
        // Between the last increment and the close; the second life begins at its full backup.
        (EngineGeneration::One, "13_close_in_chain") => vec![(0, 5), (1, 0)],
        (EngineGeneration::One, "19_mixed_lives") => vec![(1, 0)],
        // After the last increment.
        (_, "11_checkpoints_cursor") => vec![(0, 6), (0, 7), (0, 8)],
        (EngineGeneration::Two, "18_sync_markers") => vec![(0, 6)],
        _ => vec![],
    });
    missing
}

fn chains(generation: EngineGeneration) -> impl Iterator<Item = (PathBuf, Truth)> {
    let with_chain = |dir: &PathBuf| dir.join("backup/backup_manifest.json").exists();
    fixtures::all(generation)
        .into_iter()
        .filter(with_chain)
        .map(|dir| {
            let truth = fixtures::truth(&dir);
            (dir.join("backup"), truth)
        })
}

fn every_state_that_the_chain_holds_is_exact(generation: EngineGeneration) {
    let (mut exact, mut refused) = (0, 0);
    for (repository, truth) in chains(generation) {
        let missing = not_in_chain(&truth);
        let expected: BTreeSet<_> = truth
            .lasting_points()
            .into_iter()
            .filter(|point| !missing.contains(point))
            .collect();
        let verdict = judge(&repository, &truth);
        assert_eq!(verdict.exact, expected, "{}", truth.fixture);
        exact += expected.len();
        refused += missing.len();
    }
    println!("{exact} states exact, {refused} not in their chains");
    let expected = match generation {
        EngineGeneration::One => EXACT_IN_GENERATION_1,
        EngineGeneration::Two => EXACT_IN_GENERATION_2,
    };
    assert_eq!(exact, expected);
}

/// Of an epoch to which more commits belong each is a state of its own: restored one after the other
/// by their names they are what the live database was, one state after the other.
fn every_commit_without_an_epoch_has_a_name_that_restores_it(generation: EngineGeneration) {
    let mut engine = fixtures::engine(generation);
    let mut exact = 0;
    for (repository, truth) in chains(generation) {
        let scratch = tempfile::tempdir().unwrap();
        for (point, names) in names_by_point(&repository) {
            if names.len() == 1 {
                continue;
            }
            let states = names.iter().map(|name| {
                let output = scratch
                    .path()
                    .join(format!("{}.grafeo", name.replace(':', "-")));
                restored(&mut engine, &repository, &output, name)
            });
            let states: Vec<_> = states.collect();
            let (_, epoch) = point.split_once(':').unwrap();
            let epoch: u64 = epoch.parse().unwrap();
            let was_so = (0..=truth.last_state().life).any(|life| {
                let was = truth.states.iter();
                let was = was.filter(|state| (state.life, state.epoch) == (life, epoch));
                is_course(&states, was)
            });
            assert!(was_so, "{}: {names:?}: {states:#?}", truth.fixture);
            exact += states.len();
        }
    }
    println!("{exact} states restored by the names of their commits");
    assert!(exact >= 20, "{exact}");
}

/// The names that `log` prints, by the point that they begin with.
fn names_by_point(repository: &Path) -> BTreeMap<String, Vec<String>> {
    let log = apograph(["log", text(repository)]).ok();
    let mut names: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for commit in log["commits"].as_array().unwrap() {
        let name = commit["point"].as_str().expect("a name");
        let (point, _) = name.split_once('+').unwrap();
        names
            .entry(point.to_owned())
            .or_default()
            .push(name.to_owned());
    }
    names
}

/// Whether a database went through these contents: all that it was seen to be from the first of them
/// on comes in this order, and the last comes last. A statement of two commits is seen after both.
fn is_course<'a>(contents: &[Value], was: impl Iterator<Item = &'a TruthState>) -> bool {
    let (first, last) = (contents.first(), contents.last());
    let is = |state: &TruthState, content: Option<&Value>| {
        content.is_some_and(|content| state.diff(content).is_none())
    };
    let mut was: Vec<_> = was.skip_while(|state| !is(state, first)).collect();
    was.dedup_by(|state, before| state.content == before.content);
    let mut rest = contents.iter();
    let is_there = was
        .iter()
        .all(|state| rest.any(|content| is(state, Some(content))));
    is_there && was.last().is_some_and(|state| is(state, last))
}

fn a_state_that_the_chain_does_not_hold_is_refused_with_its_neighbours(
    generation: EngineGeneration,
) {
    let mut refused = 0;
    for (repository, truth) in chains(generation) {
        let scratch = tempfile::tempdir().unwrap();
        let output = scratch.path().join("out.grafeo");
        let points = restorable(&repository);
        let highest = points.iter().map(|(_, epoch)| *epoch).max().unwrap();
        let uncovered =
            (0..=highest + 1).filter(|epoch| points.iter().all(|(_, covered)| covered != epoch));
        for epoch in uncovered {
            let outcome = restore(&repository, &output, &["--epoch", &epoch.to_string()]);
            assert_eq!(
                outcome.code(),
                "target-not-covered",
                "{}: {epoch}",
                truth.fixture
            );
            let side = |side: &str| outcome.json["nearest"][side].as_u64();
            let below = points
                .iter()
                .map(|(_, it)| *it)
                .filter(|it| *it < epoch)
                .max();
            let above = points
                .iter()
                .map(|(_, it)| *it)
                .filter(|it| *it > epoch)
                .min();
            assert_eq!(
                (side("below"), side("above")),
                (below, above),
                "{}",
                outcome.json
            );
            refused += 1;
        }
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
    println!("{refused} targets refused");
    assert!(refused > 0);
}

/// Of the states of a chain that came out of a vault, the engine itself restores one in so many.
const ENGINE_RESTORES_EACH: usize = 4;
/// The copies of chains with more points are not restored here.
const JUDGED_POINTS_MAX: usize = 10;

/// The engine restores of the copy what it restores of its own chain. Where an epoch is in several
/// timelines that is no state of ours.
fn every_chain_is_exact_out_of_a_vault_for_the_engine_too(generation: EngineGeneration) {
    let mut engine = fixtures::engine(generation);
    let (mut copies, mut alike) = (0, 0);
    for (repository, truth) in chains(generation) {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        let (vault, back) = (path("vault"), path("back"));
        apograph(["init", text(&vault), "--vault"]).ok();
        apograph(["copy", text(&repository), text(&vault)]).ok();
        let copy = apograph(["copy", text(&vault), text(&back)]).ok();
        assert!(copy["segments"].as_u64() > Some(0), "{copy}");
        let points = restorable(&repository);
        assert_eq!(restorable(&back), points, "{}", truth.fixture);
        // With the same bytes in the same order the states are those of the chain.
        assert_eq!(segments(&back), segments(&repository), "{}", truth.fixture);
        if points.len() <= JUDGED_POINTS_MAX {
            let [of_copy, of_chain] = [&back, &repository].map(|chain| judge(chain, &truth).exact);
            assert_eq!(of_copy, of_chain, "{}", truth.fixture);
        }
        copies += 1;
        for (timeline, epoch) in points.into_iter().step_by(ENGINE_RESTORES_EACH) {
            let [of_copy, of_chain] = [&back, &repository].map(|chain| {
                let output = path("theirs.grafeo");
                let restored = engine.restore(chain, epoch, &output);
                let dump = restored.and_then(|()| engine.dump(&output));
                // Restored, it has a log folder beside it.
                let _ = std::fs::remove_file(&output);
                let _ = std::fs::remove_dir_all(path("theirs.grafeo.wal"));
                dump.map(|dump| dump.content).ok()
            });
            assert_eq!(of_copy, of_chain, "{}, {timeline}:{epoch}", truth.fixture);
            alike += usize::from(of_copy.is_some());
        }
    }
    println!("{copies} chains, {alike} states restored by the engine");
    assert!(copies > 10 && alike > 4 * copies, "{alike} of {copies}");
}

/// The segments of a repository, in the order of its chain.
fn segments(repository: &Path) -> Vec<Vec<u8>> {
    let list = apograph(["list", text(repository)]).ok();
    let segments = list["segments"].as_array().unwrap().iter();
    let files = segments.map(|segment| repository.join(segment["file"].as_str().unwrap()));
    files.map(|file| std::fs::read(file).unwrap()).collect()
}

fn every_chain_verifies_and_rebuilds_to_itself(generation: EngineGeneration) {
    for (repository, truth) in chains(generation) {
        let verified = apograph(["verify", text(&repository)]).ok();
        assert_eq!(verified["ok"], true, "{}: {verified}", truth.fixture);
        let rebuilt = apograph(["rebuild", text(&repository), "--dry-run"]).ok();
        assert_eq!(
            rebuilt["skipped"].as_array().map(Vec::len),
            Some(0),
            "{rebuilt}"
        );
    }
}

#[test]
fn an_epoch_of_two_timelines_needs_its_timeline() {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/v1/14_torn_in_chain/backup");
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("out.grafeo");
    let outcome = restore(&repository, &output, &["--epoch", "1"]);
    assert_eq!(outcome.code(), "ambiguous-target");
    assert_eq!(outcome.json["hint"], "name one of 1:1, 2:1");
    assert!(!output.exists());
    restore(&repository, &output, &["--epoch", "2:1"]).ok();
}
