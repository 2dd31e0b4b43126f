//! Sets of numbers that come mostly in a row: epochs, transaction ids.

use smallvec::SmallVec;

/// Mostly one range: that lies in the set itself.
type Ranges = SmallVec<[(u64, u64); 1]>;

/// A set of `u64` as sorted inclusive ranges that neither overlap nor touch.
///
/// Numbers that arrive in order, or nearly so, keep it at a few ranges whatever their count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Ranges", into = "Ranges"))]
pub struct RangeSet {
    ranges: Ranges,
}

impl RangeSet {
    /// The set without numbers.
    pub const fn new() -> Self {
        Self {
            ranges: Ranges::new_const(),
        }
    }

    /// Whether the set has no numbers.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The inclusive ranges, ascending.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The largest number.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(|&(_, end)| end)
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: u64) -> bool {
        self.range_of(number).is_some()
    }

    /// The range that holds the number.
    pub fn range_of(&self, number: u64) -> Option<(u64, u64)> {
        let index = self.ranges.partition_point(|&(_, end)| end < number);
        self.ranges
            .get(index)
            .copied()
            .filter(|&(start, _)| start <= number)
    }

    /// Adds a number.
    pub fn insert(&mut self, number: u64) {
        self.insert_range(number, number);
    }

    /// Adds every number from `start` to `end`, both included. Nothing where `start > end`.
    pub fn insert_range(&mut self, start: u64, end: u64) {
        if start > end {
            return;
        }
        let touches_from = start.saturating_sub(1);
        let touches_to = end.saturating_add(1);
        let first = self
            .ranges
            .partition_point(|&(_, stop)| stop < touches_from);
        let last = self
            .ranges
            .partition_point(|&(begin, _)| begin <= touches_to);
        let merged = self.ranges.get(first..last).unwrap_or_default();
        let begin = merged.first().map_or(start, |&(begin, _)| begin.min(start));
        let stop = merged.last().map_or(end, |&(_, stop)| stop.max(end));
        let count = merged.len();
        match self.ranges.get_mut(first).filter(|_| count > 0) {
            Some(range) => {
                *range = (begin, stop);
                self.ranges.drain(first.saturating_add(1)..last);
            }
            None => self.ranges.insert(first, (begin, stop)),
        }
    }

    /// Adds every number of another set.
    pub fn extend(&mut self, other: &Self) {
        for &(start, end) in &other.ranges {
            self.insert_range(start, end);
        }
    }

    /// The numbers from `start` to `end` that the set lacks, as ranges.
    pub fn missing_in(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut from = Some(start);
        let mut ranges = self
            .ranges
            .iter()
            .skip_while(move |&&(_, stop)| stop < start);
        std::iter::from_fn(move || {
            loop {
                let gap_start = from.filter(|&number| number <= end)?;
                match ranges.next() {
                    Some(&(begin, stop)) if begin <= gap_start => from = stop.checked_add(1),
                    Some(&(begin, stop)) if begin <= end => {
                        from = stop.checked_add(1);
                        return Some((gap_start, begin.saturating_sub(1)));
                    }
                    _ => {
                        from = None;
                        return Some((gap_start, end));
                    }
                }
            }
        })
    }
}

impl From<Vec<(u64, u64)>> for RangeSet {
    fn from(ranges: Vec<(u64, u64)>) -> Self {
        ranges.into_iter().collect()
    }
}

impl From<Ranges> for RangeSet {
    fn from(ranges: Ranges) -> Self {
        ranges.iter().copied().collect()
    }
}

impl From<RangeSet> for Ranges {
    fn from(set: RangeSet) -> Self {
        set.ranges
    }
}

impl FromIterator<(u64, u64)> for RangeSet {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(ranges: I) -> Self {
        let mut set = Self::new();
        for (start, end) in ranges {
            set.insert_range(start, end);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = &'static [(u64, u64)];

    #[test]
    fn a_range_is_all_of_its_numbers() {
        // What is in the set, the range that is added, and what is in it then.
        let rows: [(Rows, (u64, u64), Rows); 7] = [
            (&[], (3, 5), &[(3, 5)]),
            (&[], (5, 3), &[]),
            (&[(3, 5)], (7, 9), &[(3, 5), (7, 9)]),
            (&[(3, 5)], (6, 9), &[(3, 9)]),
            (&[(3, 5), (9, 9)], (5, 8), &[(3, 9)]),
            (&[(3, 5), (9, 11)], (1, 20), &[(1, 20)]),
            (&[(3, 5)], (1, 2), &[(1, 5)]),
        ];
        for (before, (start, end), expected) in rows {
            let mut set = RangeSet::from(before.to_vec());
            assert_eq!(set.is_empty(), before.is_empty());
            let mut other = set.clone();
            set.insert_range(start, end);
            assert_eq!(set.ranges(), expected, "{before:?}, {start} to {end}");
            other.extend(&[(start, end)].into_iter().collect());
            assert_eq!(
                *Ranges::from(other),
                *expected,
                "{before:?}, {start} to {end}"
            );
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_numbers() {
        let mut set = RangeSet::new();
        set.insert(u64::MAX);
        set.insert(0);
        assert_eq!(set.ranges(), [(0, 0), (u64::MAX, u64::MAX)]);
        assert_eq!(
            set.missing_in(0, u64::MAX).collect::<Vec<_>>(),
            [(1, u64::MAX - 1)]
        );
    }
}
