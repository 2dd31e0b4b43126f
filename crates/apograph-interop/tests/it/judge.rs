//! Restores every point of a repository and lets the engine say what came back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use apograph_interop::gaps::without_indexes;
use apograph_interop::{Engine, Truth};
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
/// at every one of its points, and later timelines with no earlier life.
#[track_caller]
fn compare(repository: &Path, truth: &Truth, ends: Ends) -> Verdict {
    let scratch = tempfile::tempdir().unwrap();
    let mut engine = fixtures::engine();
    let mut contents: BTreeMap<u64, Vec<(u64, Value)>> = BTreeMap::new();
    for (timeline, epoch) in restorable(repository) {
        let output = scratch.path().join(format!("{timeline}-{epoch}.grafeo"));
        let content = restored(
            &mut engine,
            repository,
            &output,
            &format!("{timeline}:{epoch}"),
        );
        contents.entry(timeline).or_default().push((epoch, content));
    }
    let mut verdict = Verdict::default();
    let mut life = 0;
    let last_life = truth.last_state().life;
    let last_timeline = contents.keys().next_back().copied();
    for (timeline, points) in contents {
        let last = points.last().map_or(0, |(epoch, _)| *epoch);
        let may_break_off = ends == Ends::MayBreakOff && Some(timeline) != last_timeline;
        let disagreement = |life: u64| {
            points.iter().find_map(|(epoch, content)| {
                let diff = truth.diff(life, *epoch, content)?;
                let was_so =
                    may_break_off && *epoch == last && was_ever(truth, life, last, content);
                (!was_so).then(|| format!("{timeline}:{epoch}: {diff}"))
            })
        };
        let agrees = (life..=last_life).find(|life| disagreement(*life).is_none());
        life = agrees.unwrap_or_else(|| {
            let lives: Vec<_> = (life..=last_life).filter_map(disagreement).collect();
            panic!("{}: no life agrees: {lives:#?}", truth.fixture)
        });
        verdict
            .exact
            .extend(points.iter().map(|(epoch, _)| (life, *epoch)));
    }
    verdict
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
    let report = restore(repository, output, &["--epoch", point]).ok();
    let statements = report["statements_to_run"].as_array().unwrap();
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
