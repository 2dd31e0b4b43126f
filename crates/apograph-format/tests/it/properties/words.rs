//! Numbers, ids and points are read as they are written, and nothing else is.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, ExactPoint, Lsn, ParseWordError, Point, PointName, Timeline,
};
use apograph_testing::strategies::{
    blake3, bytes, cases, crc32, database_id, digits, number, point, word,
};
use proptest::prelude::*;

/// What is written is read, and what is read is what was written.
fn check<T>(value: T, other: &str) -> Result<(), TestCaseError>
where
    T: Copy + Debug + Display + FromStr<Err = ParseWordError> + PartialEq,
{
    prop_assert_eq!(value.to_string().parse(), Ok(value));
    if let Ok(read) = other.parse::<T>() {
        prop_assert_eq!(read.to_string(), other);
    }
    Ok(())
}

/// A number of decimal digits, digit by digit.
fn naive(text: &str) -> Option<u64> {
    let digit = |so_far: Option<u64>, it: char| {
        let digit = it.is_ascii().then(|| it.to_digit(10)).flatten()?;
        so_far?.checked_mul(10)?.checked_add(digit.into())
    };
    let number = text.chars().fold(Some(0), digit);
    number.filter(|_| !text.is_empty())
}

fn point_name() -> impl Strategy<Value = PointName> {
    let bare = word(Epoch::new).prop_map(|epoch| PointName {
        timeline: None,
        epoch,
        further: None,
    });
    let exact = (point(), number()).prop_map(|(point, further)| ExactPoint { point, further });
    prop_oneof![
        bare,
        point().prop_map(PointName::from),
        exact.prop_map(PointName::from)
    ]
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn numbers_are_decimal_digits(number in number(), text in digits()) {
        let word = Epoch::new(number);
        prop_assert_eq!(word.to_string(), number.to_string());
        prop_assert_eq!(word.to_string().parse(), Ok(word));
        prop_assert_eq!(text.parse().ok(), naive(&text).map(Epoch::new));
        prop_assert_eq!(word.next().map(Epoch::get), number.checked_add(1));
        prop_assert_eq!(word.previous().map(Epoch::get), number.checked_sub(1));
    }

    #[test]
    fn points_are_read_as_they_are_written(
        point in point(),
        name in point_name(),
        text in prop_oneof![digits(), "[0-9]{0,3}:[0-9]{0,21}", "[0-9:]{0,7}"],
    ) {
        prop_assert_eq!(point.to_string(), PointName::from(point).to_string());
        prop_assert_eq!(name.to_string().parse(), Ok(name));
        let parts: Vec<_> = text.split(':').map(naive).collect();
        let expected = match parts[..] {
            [Some(epoch)] => Some((None, epoch)),
            [Some(timeline), Some(epoch)] => Some((Some(timeline), epoch)),
            _ => None,
        };
        let expected = expected.map(|(timeline, epoch)| PointName {
            timeline: timeline.map(Timeline::new),
            epoch: Epoch::new(epoch),
            further: None,
        });
        prop_assert_eq!(text.parse().ok(), expected);
    }

    #[test]
    fn points_are_in_the_order_of_their_timelines(one in point(), other in point()) {
        let place = |it: Point| (it.timeline.get(), it.epoch.get());
        prop_assert_eq!(one.cmp(&other), place(one).cmp(&place(other)));
    }

    #[test]
    fn ids_and_checksums_are_hex_digits(
        ids in (crc32(), database_id(), blake3()),
        text in prop_oneof![digits(), "[0-9a-f]{8}", "[0-9a-f]{32}", "[0-9a-f]{64}"],
    ) {
        check::<Crc32>(ids.0, &text)?;
        check::<DatabaseId>(ids.1, &text)?;
        check::<Blake3>(ids.2, &text)?;
    }

    #[test]
    fn a_checksum_goes_on_after_any_byte(bytes in bytes(200), at in any::<prop::sample::Index>()) {
        let (front, back) = bytes.split_at(at.index(bytes.len() + 1));
        prop_assert_eq!(Crc32::of(front).followed_by(back), Crc32::of(&bytes));
    }

    #[test]
    fn positions_are_counted_in_bytes(start in number(), bytes in number()) {
        let (lsn, end) = (Lsn::new(start), Lsn::new(start).plus(bytes));
        prop_assert_eq!(end.get(), start.saturating_add(bytes));
        prop_assert_eq!(end.distance_from(lsn), end.get() - start);
        prop_assert_eq!(lsn.distance_from(end), 0);
    }
}
