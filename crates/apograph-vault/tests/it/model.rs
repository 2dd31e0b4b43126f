//! Any changes of several writers, compared with lists of numbers.

use apograph_format::UnixMillis;
use apograph_manifest::Level;
use apograph_vault::{Catalog, CatalogChange, Check, Committed};
use proptest::prelude::*;

use crate::{add, age, contents, created, file, left, live, looked, opened, path, segment, store};

#[derive(Debug, Clone)]
enum Step {
    Add(usize),
    /// Some neighbours become one.
    Merge(usize, usize),
    Remove(usize),
    /// What was removed is there again, but for some.
    BringBack(usize),
    /// What has left is gone, but for some.
    Gone(usize),
    Verify(usize),
    Look,
    /// Versions become old, and those that nobody needs are removed.
    Clean,
    /// A writer opens the catalog again.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..4).prop_map(Step::Add),
        2 => (any::<usize>(), 2_usize..5).prop_map(|(at, count)| Step::Merge(at, count)),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => (0_usize..3).prop_map(Step::BringBack),
        1 => (0_usize..3).prop_map(Step::Gone),
        1 => any::<usize>().prop_map(Step::Verify),
        2 => Just(Step::Look),
        1 => Just(Step::Clean),
        1 => Just(Step::Reopen),
    ]
}

/// What there should be.
#[derive(Debug, Default)]
struct Model {
    /// Every segment that there ever was, in the order of the chain.
    stream: Vec<(u64, Is)>,
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Live,
    Merged,
    MergedAndGone,
    Removed,
    RemovedAndGone,
}

impl Model {
    fn numbers(&self, is: impl Fn(Is) -> bool) -> Vec<u64> {
        let those = self.stream.iter().filter(|(_, it)| is(*it));
        those.map(|(number, _)| *number).collect()
    }

    fn live(&self) -> Vec<u64> {
        self.numbers(|it| it == Is::Live)
    }

    fn left(&self) -> Vec<u64> {
        let mut left = self.numbers(|it| matches!(it, Is::Merged | Is::Removed));
        left.sort_unstable();
        left
    }

    /// Those in the chain before which something was removed.
    fn after_removed(&self) -> Vec<u64> {
        let (mut after, mut is_removed) = (Vec::new(), false);
        for (number, is) in &self.stream {
            match is {
                Is::Live => {
                    after.extend(is_removed.then_some(*number));
                    is_removed = false;
                }
                Is::Removed | Is::RemovedAndGone => is_removed = true,
                Is::Merged | Is::MergedAndGone => {}
            }
        }
        after
    }

    fn set(&mut self, numbers: &[u64], from: Is, to: Is) {
        for (number, is) in &mut self.stream {
            if numbers.contains(number) && *is == from {
                *is = to;
            }
        }
    }

    /// The changes of a step, which it makes too; none where there is nothing to do.
    fn apply(&mut self, step: &Step) -> Option<CatalogChange> {
        let live = self.live();
        let files = |numbers: &[u64]| numbers.iter().copied().map(file).collect::<Vec<_>>();
        match *step {
            Step::Add(count) => {
                let numbers: Vec<_> = (0..count as u64).map(|it| self.next + it).collect();
                self.next += count as u64;
                self.stream.extend(numbers.iter().map(|it| (*it, Is::Live)));
                Some(CatalogChange::Added {
                    segments: numbers.into_iter().map(segment).collect(),
                    evidence: None,
                })
            }
            Step::Merge(at, many) if live.len() >= many => {
                let at = at % (live.len() - many + 1);
                let of = &live[at..at + many];
                // Where something was removed in between the log does not go on.
                let after = self.after_removed();
                if of[1..].iter().any(|it| after.contains(it)) {
                    return None;
                }
                let first = self.stream.iter().position(|(it, _)| *it == of[0]);
                self.set(of, Is::Live, Is::Merged);
                let into = self.next;
                self.next += 1;
                self.stream
                    .insert(first.expect("it is there"), (into, Is::Live));
                Some(CatalogChange::Merged {
                    into: Box::new(segment(into)),
                    of: files(of),
                })
            }
            // The last one stays: what comes next goes on from it.
            Step::Remove(at) if live.len() > 1 => {
                let last = live.len() - 1;
                let at = at % last;
                let of = &live[at..(at + 2).min(last)];
                self.set(of, Is::Live, Is::Removed);
                Some(CatalogChange::Removed {
                    segments: files(of),
                    until: Some(UnixMillis::new(at as u64)),
                })
            }
            Step::BringBack(skip) => {
                let removed = self.numbers(|it| it == Is::Removed);
                let of = removed.get(skip..).filter(|of| !of.is_empty())?;
                self.set(of, Is::Removed, Is::Live);
                Some(CatalogChange::BroughtBack {
                    segments: files(of),
                })
            }
            Step::Gone(keep) if self.left().len() > keep => {
                let gone = self.left().split_off(keep);
                self.set(&gone, Is::Merged, Is::MergedAndGone);
                self.set(&gone, Is::Removed, Is::RemovedAndGone);
                Some(CatalogChange::Gone {
                    segments: files(&gone),
                })
            }
            Step::Verify(at) if !live.is_empty() => {
                let check = Check::sound(UnixMillis::new(1), Level::Files);
                Some(CatalogChange::Verified {
                    checks: vec![(file(live[at % live.len()]), check)],
                })
            }
            Step::Look => Some(looked(self.next)),
            _ => None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_catalog_is_what_its_changes_make_of_it(
        steps in prop::collection::vec((step(), any::<bool>()), 0..120),
    ) {
        let (folder, store) = store();
        let mut writers = [created(&store), opened(&store)];
        let mut model = Model { next: 1, ..Model::default() };
        let is_any_back = steps.iter().any(|(step, _)| matches!(step, Step::BringBack(_)));
        for (step, by_other) in steps {
            let writer = &mut writers[usize::from(by_other)];
            match step {
                Step::Clean => {
                    for number in 1..=opened(&store).version() {
                        if path(folder.path(), number).exists() {
                            age(&path(folder.path(), number));
                        }
                    }
                    *writer = opened(&store);
                    writer.clean().expect("cleaned");
                }
                Step::Reopen => *writer = opened(&store),
                _ => {
                    if let Some(change) = model.apply(&step) {
                        committed(&store, writer, &change);
                    }
                }
            }
            let again = opened(&store);
            prop_assert_eq!(live(&again), model.live());
            prop_assert_eq!(left(&again), model.left());
            let (segments, ..) = contents(&again);
            let after = segments.iter().filter(|it| it.is_after_removed);
            let after: Vec<u64> = after.map(|it| it.record.segment.end_epoch.get()).collect();
            let expected = model.after_removed();
            prop_assert!(expected.iter().all(|it| after.contains(it)));
            // Of what was brought back it is said still.
            prop_assert!(is_any_back || after == expected);
        }
    }
}

/// A writer that was overtaken opens the catalog again.
fn committed<'s>(
    store: &'s dyn apograph_store::Store,
    writer: &mut Catalog<'s>,
    change: &CatalogChange,
) {
    let changes = || vec![change.clone()];
    let mut again = |_: &[CatalogChange]| Some(changes());
    for _ in 0..20 {
        match writer.commit(changes(), &mut again) {
            Ok(end) => {
                assert!(matches!(end, Committed::Version(_)));
                return;
            }
            Err(_) => *writer = opened(store),
        }
    }
    panic!("{change:?} was not committed");
}

/// The writer itself knows what it committed, across whole versions too.
#[test]
fn a_writer_goes_on_from_what_it_committed() {
    let (_folder, store) = store();
    let mut catalog = created(&store);
    for number in 1..150 {
        crate::commit(&mut catalog, add(number));
        if number % 10 == 0 {
            assert_eq!(live(&catalog), live(&opened(&store)));
        }
    }
}
