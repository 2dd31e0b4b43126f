//! The names of states, and that each keeps its state.
//!
//! A point that a backup made restorable is what somebody wrote down. Later backups may add to the
//! last epoch of a timeline what takes no epoch of its own, as that belongs to it, and damage may
//! take that away from the epoch of an image. Else the state under a name stays what it was, as
//! long as the repository is not made anew from its segments.

use std::collections::BTreeMap;

use apograph_format::{Epoch, Point, Timeline};

use crate::truth::{ModelState, ScenarioTruth};

/// The states that points are, by timeline and epoch.
pub(crate) type Timelines = BTreeMap<u64, Vec<(u64, ModelState)>>;

/// Which state each point was when it was first offered.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<Point, Named>);

#[derive(Debug)]
struct Named {
    state: ModelState,
    /// Whether nothing after it was offered in its timeline.
    is_last: bool,
}

impl Names {
    pub(crate) fn knows(&self, point: Point) -> bool {
        self.0.contains_key(&point)
    }

    /// Notes the state of a point, the first time.
    pub(crate) fn note(&mut self, point: Point, is_last: bool, state: &ModelState) {
        let state = || Named {
            state: state.clone(),
            is_last,
        };
        self.0.entry(point).or_insert_with(state);
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// Compares the states that points are now with those that they were.
    pub(crate) fn judge(
        &self,
        timelines: &Timelines,
        truth: &ScenarioTruth,
        is_damaged: bool,
    ) -> Result<(), String> {
        let is_more = |longer: &ModelState, shorter: &ModelState| {
            let added = longer.strip_prefix(&shorter[..]);
            added.is_some_and(|added| added.iter().all(|it| truth.takes_no_epoch(*it)))
        };
        for (timeline, states) in timelines {
            for (epoch, state) in states {
                let point = Point::new(Timeline::new(*timeline), Epoch::new(*epoch));
                let Some(named) = self.0.get(&point) else {
                    continue;
                };
                if *state != named.state
                    && !(named.is_last && is_more(state, &named.state))
                    && !(is_damaged && is_more(&named.state, state))
                {
                    let before = &named.state;
                    return Err(format!("{point} is {state:?}, and was {before:?} before"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state before and whether it was the last one, the state now, and whether it may be that:
    /// in a sound repository, and in a damaged one.
    type Row = (&'static [u32], bool, &'static [u32], bool, bool);

    #[test]
    fn a_name_keeps_its_state() {
        let mut truth = ScenarioTruth::new(true);
        for owns_epoch in [true, false] {
            let (number, _) = truth.make(|_| vec![vec![0]]);
            truth.commit(number, 1, owns_epoch);
        }
        let point = Point::new(Timeline::FIRST, Epoch::new(1));
        let rows: [Row; 6] = [
            (&[0], false, &[0], true, true),
            (&[0], false, &[0, 1], false, false),
            (&[0], true, &[0, 1], true, true),
            (&[0, 1], true, &[0], false, true),
            (&[], true, &[0], false, false),
            (&[0], true, &[], false, false),
        ];
        for (before, is_last, now, in_sound, in_damaged) in rows {
            let mut names = Names::default();
            names.note(point, is_last, &before.to_vec());
            let timelines = Timelines::from([(1, vec![(1, now.to_vec())])]);
            for (is_damaged, expected) in [(false, in_sound), (true, in_damaged)] {
                let judged = names.judge(&timelines, &truth, is_damaged);
                assert_eq!(judged.is_ok(), expected, "{before:?} {now:?}");
            }
        }
    }
}
