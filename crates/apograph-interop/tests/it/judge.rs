//! Restores every point of a repository and lets the engine say what came back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use apograph_interop::gaps::without_indexes;
use apograph_interop::{Engine, EngineGeneration};
use apograph_testing::truth::Truth;
use serde_json::Value;

use crate::command::{restorable, restore};
use crate::fixtures;

/// What a repository gave back.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// The points of the truth that were restored exactly, as life and epoch.
    pub(crate) exact: BTreeSet<(u64, u64)>,
}

/// How the last point of a timeline is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// With the last state that the live database had at that epoch.
    Exact,
    /// In a timeline that is not the last one, with any state at that epoch: its last capture may
    /// lie before a change without an epoch, which then no segment has.
    MayBreakOff,
}

/// Restores every restorable point and compares it with the last state that the live database had
/// there.
#[track_caller]
pub(crate) fn judge(repository: &Path, truth: &Truth) -> Verdict {
    compare(repository, truth, Ends::Exact)
}

/// The same for a database that may have been closed with changes that no backup saw.
#[track_caller]
pub(crate) fn judge_broken_off(repository: &Path, truth: &Truth) -> Verdict {
    compare(repository, truth, Ends::MayBreakOff)
}

/// The truth counts lives, a repository counts timelines: each timeline must agree with one life
/// at every one of its points. In generation 1 a timeline is of one life, and later timelines agree
/// with no earlier life. In generation 2 it may go on over many, so it is the last life that it
/// agrees with which counts, and earlier timelines agree with no later one.
#[track_caller]
fn compare(repository: &Path, truth: &Truth, ends: Ends) -> Verdict {
    let generation = EngineGeneration::from(truth.generation);
    let mut timelines: Vec<_> = contents(repository, generation).into_iter().collect();
    let mut lives: Vec<_> = (0..=truth.last_state().life).collect();
    let last_timeline = timelines.last().map(|(timeline, _)| *timeline);
    if generation == EngineGeneration::Two {
        timelines.reverse();
        lives.reverse();
    }
    let mut verdict = Verdict::default();
    for (timeline, points) in timelines {
        let last = points.last().map_or(0, |(epoch, _)| *epoch);
        let may_break_off = ends == Ends::MayBreakOff && Some(timeline) != last_timeline;
        let disagreement = |life: &u64| {
            points.iter().find_map(|(epoch, content)| {
                let diff = truth.diff(*life, *epoch, content)?;
                let was_so =
                    may_break_off && *epoch == last && was_ever(truth, *life, last, content);
                (!was_so).then(|| format!("{timeline}:{epoch}: {diff}"))
            })
        };
        let Some(agrees) = lives.iter().position(|life| disagreement(life).is_none()) else {
            let lives: Vec<_> = lives.iter().filter_map(disagreement).collect();
            panic!("{}: no life agrees: {lives:#?}", truth.fixture)
        };
        lives.drain(..agrees);
        let life = lives[0];
        verdict.exact.extend(points.iter().map(|(epoch, _)| {
            let state = truth.last_state_of(life, *epoch);
            (state.map_or(life, |state| state.life), *epoch)
        }));
    }
    verdict
}

/// What every restorable point comes back as, by timeline.
#[track_caller]
fn contents(repository: &Path, generation: EngineGeneration) -> BTreeMap<u64, Vec<(u64, Value)>> {
    let scratch = tempfile::tempdir().unwrap();
    let mut engine = fixtures::engine(generation);
    let mut contents: BTreeMap<u64, Vec<(u64, Value)>> = BTreeMap::new();
    for (timeline, epoch) in restorable(repository) {
        let output = scratch.path().join(format!("{timeline}-{epoch}.grafeo"));
        let point = format!("{timeline}:{epoch}");
        let content = restored(&mut engine, repository, &output, &point);
        contents.entry(timeline).or_default().push((epoch, content));
    }
    contents
}

/// Whether a life had this content at an epoch at all.
fn was_ever(truth: &Truth, life: u64, epoch: u64, content: &Value) -> bool {
    let at_point = truth
        .states
        .iter()
        .filter(|it| (it.life, it.epoch) == (life, epoch));
    at_point
        .into_iter()
        .any(|state| state.diff(content).is_none())
}

/// Restores a point, runs the statements that the restore asks for, and dumps what there is.
#[track_caller]
pub(crate) fn restored(
    engine: &mut Engine,
    repository: &Path,
    output: &Path,
    point: &str,
) -> Value {
    let outcome = restore(repository, output, &["--epoch", point]);
    // What is lost right behind a point may belong to it: the error names what is there.
    let nearest = outcome.json["nearest"]["below"].as_str();
    let left = nearest.filter(|name| name.starts_with(&format!("{point}+")));
    let report = match left {
        Some(name) => restore(repository, output, &["--epoch", name]).ok(),
        None => outcome.ok(),
    };
    let statements = report["statements_to_run"].as_array().unwrap();
    if engine.version().unwrap().generation == EngineGeneration::Two {
        assert!(statements.is_empty(), "{report}");
    }
    if statements.is_empty() {
        return engine.dump(output).unwrap().content;
    }
    let dump = |engine: &mut Engine| engine.content().unwrap();
    engine.open(output).unwrap();
    let before = dump(engine);
    for statement in statements {
        engine.run(statement.as_str().unwrap()).unwrap();
    }
    let after = dump(engine);
    engine.close().unwrap();
    assert_eq!(without_indexes(after.clone()), without_indexes(before));
    after
}
