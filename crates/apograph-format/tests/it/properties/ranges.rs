//! Range sets are sets of numbers.

use std::collections::BTreeSet;

use apograph_format::RangeSet;
use apograph_testing::strategies::cases;
use proptest::collection::vec;
use proptest::prelude::*;

/// So many numbers are looked at, from the first on.
const NUMBERS: u64 = 100;

/// What is done to a set.
#[derive(Debug, Clone)]
enum Op {
    Insert(u64),
    InsertRange(u64, u64),
    Extend(Vec<(u64, u64)>),
}

fn op() -> impl Strategy<Value = Op> {
    let number = || 0..NUMBERS;
    prop_oneof![
        3 => number().prop_map(Op::Insert),
        2 => (number(), 0..12_u64).prop_map(|(start, more)| {
            Op::InsertRange(start, (start + more).min(NUMBERS - 1))
        }),
        1 => (number(), number()).prop_map(|(start, end)| Op::InsertRange(start, end)),
        1 => vec((number(), number()), 0..4).prop_map(Op::Extend),
    ]
}

fn gaps(numbers: &BTreeSet<u64>, start: u64, end: u64) -> Vec<u64> {
    (start..=end).filter(|it| !numbers.contains(it)).collect()
}

fn check(ops: &[Op], first: u64, from: u64, to: u64) -> Result<(), TestCaseError> {
    let place = |number: u64| first + number;
    let (mut set, mut naive) = (RangeSet::new(), BTreeSet::new());
    for op in ops {
        match op {
            Op::Insert(number) => {
                set.insert(place(*number));
                naive.insert(place(*number));
            }
            Op::InsertRange(start, end) => {
                set.insert_range(place(*start), place(*end));
                naive.extend(place(*start)..=place(*end));
            }
            Op::Extend(ranges) => {
                let ranges = ranges.iter();
                let ranges: Vec<_> = ranges.map(|(a, b)| (place(*a), place(*b))).collect();
                set.extend(&RangeSet::from(ranges.clone()));
                naive.extend(ranges.into_iter().flat_map(|(start, end)| start..=end));
            }
        }
        let told = set.ranges().iter().flat_map(|(start, end)| *start..=*end);
        prop_assert_eq!(
            told.collect::<Vec<_>>(),
            naive.iter().copied().collect::<Vec<_>>()
        );
        let mut pairs = set.ranges().windows(2);
        prop_assert!(pairs.all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", set);
        prop_assert_eq!(set.is_empty(), naive.is_empty());
        prop_assert_eq!(set.last(), naive.last().copied());
    }
    for number in (0..NUMBERS).map(place) {
        prop_assert_eq!(set.contains(number), naive.contains(&number));
        let range = set.range_of(number);
        let is_of_it = |it: &&(u64, u64)| (it.0..=it.1).contains(&number);
        prop_assert_eq!(range, set.ranges().iter().find(is_of_it).copied());
    }
    let (from, to) = (place(from), place(to));
    let missing: Vec<_> = set.missing_in(from, to).collect();
    let lacking: Vec<_> = missing
        .iter()
        .flat_map(|(start, end)| *start..=*end)
        .collect();
    prop_assert_eq!(lacking, gaps(&naive, from, to));
    prop_assert!(missing.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
    Ok(())
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn a_range_set_is_a_set_of_numbers(
        ops in vec(op(), 0..40),
        from in 0..NUMBERS,
        to in 0..NUMBERS,
    ) {
        // At both ends of the numbers.
        for first in [0, u64::MAX - NUMBERS + 1] {
            check(&ops, first, from, to)?;
        }
    }
}
