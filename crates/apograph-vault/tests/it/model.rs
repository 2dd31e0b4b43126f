//! Any changes of several writers, compared with lists of numbers.

use apograph_format::UnixMillis;
use apograph_manifest::Level;
use apograph_vault::{Catalog, CatalogChange, Check, Committed};
use proptest::prelude::*;

use crate::{add, age, created, file, left, live, looked, opened, path, segment, store};

#[derive(Debug, Clone)]
enum Step {
    Add(usize),
    /// Some neighbours become one.
    Merge(usize, usize),
    Remove(usize),
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
        1 => any::<usize>().prop_map(Step::Remove),
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
    live: Vec<u64>,
    left: Vec<u64>,
    next: u64,
}

impl Model {
    /// The changes of a step, which it makes too; none where there is nothing to do.
    fn apply(&mut self, step: &Step) -> Option<CatalogChange> {
        let count = self.live.len();
        match *step {
            Step::Add(count) => {
                let numbers: Vec<_> = (0..count as u64).map(|it| self.next + it).collect();
                self.next += count as u64;
                self.live.extend(&numbers);
                Some(CatalogChange::Added {
                    segments: numbers.into_iter().map(segment).collect(),
                    evidence: None,
                })
            }
            Step::Merge(at, many) if count >= many => {
                let at = at % (count - many + 1);
                let of: Vec<_> = self.live.splice(at..at + many, [self.next]).collect();
                self.left.extend(&of);
                self.next += 1;
                Some(CatalogChange::Merged {
                    into: Box::new(segment(self.next - 1)),
                    of: of.into_iter().map(file).collect(),
                })
            }
            Step::Remove(at) if count > 0 => {
                let number = self.live.remove(at % count);
                self.left.push(number);
                Some(CatalogChange::Removed {
                    segments: vec![file(number)],
                })
            }
            Step::Gone(keep) if self.left.len() > keep => {
                let gone = self.left.split_off(keep);
                Some(CatalogChange::Gone {
                    segments: gone.into_iter().map(file).collect(),
                })
            }
            Step::Verify(at) if count > 0 => {
                let check = Check::sound(UnixMillis::new(1), Level::Files);
                Some(CatalogChange::Verified {
                    checks: vec![(file(self.live[at % count]), check)],
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
            prop_assert_eq!(live(&again), &model.live[..]);
            model.left.sort_unstable();
            prop_assert_eq!(left(&again), &model.left[..]);
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
