//! How points are named, and which are the nearest.

use apograph_format::{ExactPoint, PointName};
use apograph_manifest::{ChainError, GapCause, Target};
use apograph_testing::errors::told;

use super::words::{chain, point};

#[test]
fn a_guessed_number_is_not_told() {
    // After what is lost both timelines are guesses, and the second has the number of a known one.
    let chain = chain("F3 I4-6 I2:1-3 I2:4x F2:1 I2:3");
    let failed = |name: &str| {
        let planned = chain.plan(&Target::Point(name.parse().unwrap()));
        planned.expect_err(name)
    };
    let ambiguous = failed("3");
    let expected = "epoch 3 is in several timelines, of which not all are counted";
    assert_eq!(ambiguous.to_string(), expected);
    let points = vec![point("1:3"), point("2:3")];
    let has_nameless = true;
    assert_eq!(
        ambiguous,
        ChainError::Ambiguous {
            points,
            has_nameless
        }
    );
    let planned = chain.plan(&Target::Point("2:3+0".parse().unwrap()));
    assert_eq!(planned.map(|plan| plan.full), Ok(0));
    // What is lost may hold changes that belong to it.
    assert_eq!(failed("2:3").code(), "chain-broken");
    // Where only a guess has it, the error is about what is lost.
    assert_eq!(failed("2:5").code(), "target-not-covered");
    let name = chain.name_of(point("2:3"));
    assert_eq!(name.to_string(), "2:3+0");

    let gaps: Vec<_> = chain.gaps().collect();
    let lacking: Vec<_> = gaps
        .iter()
        .filter(|gap| matches!(gap.cause, GapCause::EpochsMissing { .. }))
        .collect();
    let [gap] = lacking.as_slice() else {
        panic!("{gaps:?}");
    };
    assert_eq!(told(&gap.cause), "epoch 2 is in no segment");
    assert_eq!((gap.after, gap.before), (None, None));
}

#[test]
fn the_nearest_points_around_one_are_told() {
    let chain = chain("F7 I8-18 F2:3 I2:4-5 F3:4");
    let rows = [
        ("0", "- 3"),
        ("3", "- 3:4"),
        ("5", "3:4 7"),
        ("6", "5 7"),
        ("7", "5 8"),
        ("8", "7 9"),
        ("18", "17 -"),
        ("19", "18 -"),
        ("1:6", "- 1:7"),
        ("1:7", "- 1:8"),
        ("1:18", "1:17 -"),
        ("1:99", "1:18 -"),
        ("2:4", "2:3 2:5"),
        ("2:7", "2:5 -"),
        ("4:1", "- -"),
    ];
    let told = |name: Option<PointName>| name.map_or_else(|| "-".into(), |it| it.to_string());
    for (name, expected) in rows {
        let nearest = chain.nearest(name.parse().unwrap());
        let found = format!("{} {}", told(nearest.below), told(nearest.above));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_point_is_named_with_its_timeline_where_another_has_its_epoch() {
    let rows = [
        ("F3 I4-5 F2:1 I2:2-4", "1:5", "5"),
        ("F3 I4-5 F2:1 I2:2-4", "1:4", "1:4"),
        ("F3 I4-5 F2:1 I2:2-4", "2:4", "2:4"),
        ("F3 I4-5 F2:1 I2:2-4", "2:1", "1"),
        // One of a timeline that is not counted is another.
        ("F3 I4-6x F2:1 I2:2-3", "1:3", "1:3+0"),
    ];
    for (text, of, expected) in rows {
        assert_eq!(
            chain(text).name_of(point(of)).to_string(),
            expected,
            "{text}"
        );
    }
}

/// A segment that is lost right behind a point may hold further commits of it, unless its record says
/// that it has none.
#[test]
fn a_point_of_which_something_is_lost_is_named_by_what_is_there() {
    // Chain, point, the name that lasts, and whether the one without a number is refused.
    let rows = [
        ("F7 I8 I*8^1! I9", "1:8", "1:8+0", true),
        ("F7 I8^1 I*8^2? I9", "1:8", "1:8+1", true),
        ("F7 I*7^1! I8", "1:7", "1:7+0", true),
        ("F7 I8 I9x", "1:8", "1:8+0", true),
        ("F7 I8 - I9", "1:8", "1:8+0", true),
        ("F7 I8 I9!", "1:8", "1:8+0", false),
        ("F7 I8 I9! I10", "1:8", "1:8", false),
        ("F7 I8 I! I*8^1! I9", "1:8", "1:8+0", true),
        ("F7 I8 I! I9! I10", "1:8", "1:8", false),
        // Nothing was captured in between that is not there.
        ("F7 I8 F2:1 I2:2", "1:8", "1:8", false),
        // A later full backup has all of it.
        ("F7 I8 I*8^1! F8^1+ I9", "1:8", "1:8", false),
    ];
    for (text, of, lasting, is_refused) in rows {
        let chain = chain(text);
        let name = chain.lasting_name(point(of));
        assert_eq!(name.to_string(), lasting, "{text}");
        assert!(chain.plan(&Target::Point(name)).is_ok(), "{text}: {name}");
        let bare = chain.plan(&Target::Point(of.parse().unwrap()));
        assert_eq!(bare.is_err(), is_refused, "{text}: {bare:?}");
    }
}

#[test]
fn a_further_commit_is_found_where_the_records_have_it() {
    // Chain, target, and the plan: the full backup and its increments, or the code of an error.
    let rows = [
        ("F7 I8^2 I9", "8+0", "0+1"),
        ("F7 I8^2 I9", "8+2", "0+1"),
        ("F7 I8^2 I9", "8+3", "target-not-covered"),
        ("F7 I8^1 I*8^3 I9", "8+1", "0+1"),
        ("F7 I8^1 I*8^3 I9", "8+2", "0+1,2"),
        ("F7 I8^1 I*8^3 I9", "8", "0+1,2,3"),
        ("F7 I8^1 I*8^3 I9", "9+0", "0+1,2,3"),
        ("F7 I7^1 I8", "7+0", "0+1"),
        ("F7 I7^1 I8", "7+1", "0+1"),
        // What an image holds of its epoch it cannot leave out.
        ("F7 I8^2 F8^1+ I8^2rp I9", "8+0", "0+1"),
        ("F7 I8^2 F8^1+ I8^2rp I9", "8+1", "2+3"),
        ("F7 I8^2 F8^-+ I8^-rp I9", "8+1", "0+1"),
        ("F8^-+ I8^-rp I9", "8+0", "target-not-covered"),
        ("F8^-+ I8^-rp I9", "8", "0+1,2"),
        ("F8^-+ I8^-rp I9", "9+0", "0+1,2"),
        ("F8^2+ I8^3rp I9", "8+1", "target-not-covered"),
        ("F8^2+ I8^3rp I9", "8+3", "0+1"),
        // Nor an increment that it needs to be a state.
        ("F7 I8c I9^1", "8+0", "0+1"),
        ("F7 I8^2c I9^1", "8+1", "target-not-covered"),
        ("F7 I8^2c I9^1", "8+2", "0+1"),
        ("F7 I8^2c I9^1", "9+0", "0+1,2"),
    ];
    for (text, name, expected) in rows {
        let found = match chain(text).plan(&Target::Point(name.parse().unwrap())) {
            Ok(plan) => {
                let increments: Vec<_> = plan.increments.iter().map(usize::to_string).collect();
                format!("{}+{}", plan.full, increments.join(","))
            }
            Err(error) => error.code().to_string(),
        };
        assert_eq!(found, expected, "{text}: {name}");
    }
}

#[test]
fn a_name_lasts_where_nothing_more_comes() {
    let rows = [
        ("F7 I8^2 I9", "1:8", "1:8"),
        ("F7 I8^2 I9", "1:9", "1:9+0"),
        ("F7 I8 I9 I*9^3", "1:9", "1:9+3"),
        ("F7 I8 I9^-", "1:9", "1:9"),
        ("F7 I8 I9 F2:4", "1:9", "1:9"),
        ("F7 I8 I9 F2:4^0", "2:4", "2:4+0"),
    ];
    for (text, name, expected) in rows {
        let found = chain(text).lasting_name(point(name));
        assert_eq!(found.to_string(), expected, "{text}: {name}");
    }
    let exact = |name, further| ExactPoint {
        point: point(name),
        further,
    };
    let chain = chain("F7 I8^2 I9 I10");
    for (name, further, expected) in [
        ("1:8", 0, "1:8+0"),
        ("1:8", 2, "1:8+2"),
        ("1:9", 0, "1:9"),
        ("1:10", 0, "1:10+0"),
    ] {
        let found = chain.commit_name(exact(name, further));
        assert_eq!(found.to_string(), expected, "{name}");
    }
}
