//! Which segments a target needs.

use apograph_format::UnixMillis;
use apograph_manifest::{Chain, ChainError, SegmentContent, Target};

use super::words::{chain, point};

fn target(text: &str) -> Target {
    match text.split_once(' ') {
        None => Target::Latest,
        Some(("epoch", name)) => Target::Point(name.parse().unwrap()),
        Some(("before", name)) => Target::Before(name.parse().unwrap()),
        Some((_, seconds)) => Target::Time(UnixMillis::new(seconds.parse::<u64>().unwrap() * 1000)),
    }
}

fn plan(text: &str, wanted: &str) -> String {
    match chain(text).plan(&target(wanted)) {
        Ok(plan) => {
            let increments: Vec<String> = plan.increments.iter().map(ToString::to_string).collect();
            let point = plan.point.map_or("?".to_owned(), |point| point.to_string());
            format!("{point} from {} with {}", plan.full, increments.join(","))
        }
        Err(error) => error.code().to_string(),
    }
}

#[test]
fn which_segments_a_target_needs() {
    let one = "F7 I8-18 I19-29 I30-40";
    let two = "F3 I4-6 I7,2:1-2 I2:3-4";
    let fulls = "F3 I4-6 F5+ I6rc I7-8";
    let closed = "F3 I4-5 F2:1 I2:2-4";
    let rows = [
        (one, "latest", "1:40 from 0 with 1,2,3"),
        (one, "epoch 7", "1:7 from 0 with 1"),
        (one, "epoch 8", "1:8 from 0 with 1"),
        // A change without an epoch, after epoch 18, can lie in the next segment.
        (one, "epoch 18", "1:18 from 0 with 1,2"),
        (one, "epoch 40", "1:40 from 0 with 1,2,3"),
        (one, "epoch 41", "target-not-covered"),
        (one, "epoch 6", "target-not-covered"),
        (one, "epoch 2:8", "target-not-covered"),
        (one, "before 8", "1:7 from 0 with 1"),
        (one, "before 7", "target-not-covered"),
        (one, "before 41", "target-not-covered"),
        (one, "time 0", "target-not-covered"),
        (one, "time 1", "1:7 from 0 with "),
        (one, "time 3", "1:29 from 0 with 1,2"),
        (one, "time 4", "1:40 from 0 with 1,2,3"),
        // What was committed after the last capture is in no segment.
        (one, "time 5", "target-not-covered"),
        (one, "time 99", "target-not-covered"),
        (two, "epoch 2:0", "2:0 from 0 with 1,2"),
        (two, "epoch 7", "1:7 from 0 with 1,2"),
        (two, "epoch 4", "ambiguous-target"),
        (two, "epoch 2:4", "2:4 from 0 with 1,2,3"),
        (two, "before 2:1", "2:0 from 0 with 1,2"),
        (fulls, "epoch 5", "1:5 from 0 with 1"),
        (fulls, "epoch 6", "1:6 from 2 with 3,4"),
        (fulls, "latest", "1:8 from 2 with 3,4"),
        (fulls, "time 3", "1:6 from 0 with 1"),
        ("F3 I4-6 F5+ I6r! I7-8", "latest", "1:8 from 0 with 1,4"),
        ("F3 I4-6 F5+ I6r! I7-8", "epoch 5", "1:5 from 0 with 1"),
        ("F3 I4-6 F5+ I6rc? I7-8", "latest", "1:8 from 0 with 1,4"),
        ("F3! I4-6 F5+ I6r! I7-8", "epoch 5", "1:5 from 2 with "),
        ("F3! I4-6 F5+ I6r! I7-8", "latest", "chain-broken"),
        (closed, "latest", "2:4 from 2 with 3"),
        (closed, "epoch 3", "ambiguous-target"),
        (closed, "epoch 1:5", "1:5 from 0 with 1"),
        ("F3 I4-6! I7-9", "latest", "chain-broken"),
        ("F3 I4-6! I7-9", "epoch 5", "chain-broken"),
        ("F3 I4-6? I7-9", "epoch 8", "corrupt-segment"),
        // What stands before it is in the way, and not what stands after.
        ("F3 I4-6? I7-9 - I11-12", "epoch 8", "corrupt-segment"),
        ("F3? I4-6", "latest", "corrupt-segment"),
        ("F3 I4-6x F2:1 I2:2-3", "latest", "? from 2 with 3"),
        ("F3 I4-6x F2:1 I2:2-3", "time 3", "? from 2 with "),
        ("F3 I4-6x F2:1 I2:2-3", "epoch 2:2", "chain-broken"),
        ("F3 I4-6x F2:1 I2:2-3", "before 2:3", "chain-broken"),
        ("F3 I4-6x F2:1 I2:2-3", "epoch 3", "ambiguous-target"),
        ("F3 I4-6 F2:6u I2:7x", "latest", "chain-broken"),
        // What is lost may have caught up with the image.
        ("F3 I4-6 F2:6u I2:7x", "time 3", "1:6 from 0 with 1"),
        ("F3 I4-6 F2:6u I2:7x", "epoch 2:6", "chain-broken"),
        ("F3u I4-6x", "epoch 3", "chain-broken"),
        ("F3u I4-6x", "time 1", "chain-broken"),
        // An increment is a state, whatever is left of the full backup after it.
        ("F3 I4-6 - I7-9rc", "time 2", "1:6 from 0 with 1"),
        ("F3u - I7-9", "epoch 3", "chain-broken"),
        ("F3u - I7-9", "time 1", "chain-broken"),
        ("F3 I4-6 - I9-9", "epoch 9", "chain-broken"),
        ("I4-6", "latest", "no-full-backup"),
        // A commit that is logged late is still to come, where the log is known to be whole.
        ("F3 I4-6p I8-90p", "latest", "1:90 from 0 with 1,2"),
        ("F3 I4-6 I8-90", "latest", "chain-broken"),
        // And it may be needed where it was logged, whatever was logged before it.
        ("F3 I4,6-9 I5 I10", "epoch 5", "1:5 from 0 with 1,2"),
        ("F3 I4,6-9 I5 I10", "epoch 6", "1:6 from 0 with 1,2"),
        ("F3 I4-9 I5", "latest", "1:9 from 0 with 1,2"),
        // A full backup leads no further than itself where nothing follows it.
        ("F3 I4-9 F5+", "epoch 7", "1:7 from 0 with 1"),
        // A gap is one in whichever timeline it is.
        ("F3 I4-6 I2:1,2:200-300", "latest", "chain-broken"),
        ("F3 I4-6v I7-9", "epoch 8", "unsupported-version"),
    ];
    for (text, target, expected) in rows {
        assert_eq!(plan(text, target), expected, "{text}: {target}");
    }
}

#[test]
fn an_image_that_may_be_ahead_is_why_a_point_cannot_be_restored() {
    // The chain, the target, whether it is behind an image, and from where on the full backups of the
    // chain can be restored alone.
    let rows = [
        ("F1 I2-3c", "epoch 1", true, "1:3"),
        ("F1 I2-3c", "epoch 2", true, "1:3"),
        ("F1 I2-3c", "before 3", true, "1:3"),
        ("F1 I2-3c", "epoch 4", false, "1:3"),
        ("F1 I2-3c I4", "epoch 0", false, "1:3"),
        ("F3 I4-6 F5+ I6rc I7-8", "epoch 2", false, ""),
        ("F3! I4-6 F5+ I6rc I7-8", "epoch 9", false, "1:6"),
        ("F1 I2-3", "epoch 4", false, ""),
    ];
    for (text, wanted, is_behind, expected) in rows {
        let chain = chain(text);
        let error = chain.plan(&target(wanted)).unwrap_err();
        assert_eq!(error.code().as_str(), "target-not-covered");
        let found = matches!(error, ChainError::BehindImage { .. });
        assert_eq!(found, is_behind, "{text} {wanted}: {error}");
        let firsts = (0..chain.entries().len()).filter_map(|full| chain.first_despite_image(full));
        let firsts: Vec<String> = firsts.map(|first| first.to_string()).collect();
        assert_eq!(firsts.join(" "), expected, "{text}");
    }
}

#[test]
fn an_instant_is_covered_up_to_the_last_look_at_the_database() {
    let time = |millis| Target::Time(UnixMillis::new(millis));
    let chain = chain("F7 I8-18");
    assert_eq!(chain.covered_until(), Some(UnixMillis::new(2000)));
    let looked = chain.clone().looked_until(Some(UnixMillis::new(5000)));
    assert_eq!(looked.covered_until(), Some(UnixMillis::new(5000)));
    assert!(
        looked
            .plan(&time(5000))
            .is_ok_and(|plan| plan.increments == [1])
    );
    assert!(
        chain
            .plan(&time(2000))
            .is_ok_and(|plan| plan.increments == [1])
    );
    for (chain, until, instant) in [(&chain, 2000, 2001), (&looked, 5000, 5001)] {
        let Err(ChainError::TimeNotCovered {
            until: found,
            nearest,
            ..
        }) = chain.plan(&time(instant))
        else {
            panic!("{instant}");
        };
        assert_eq!(found, Some(UnixMillis::new(until)));
        assert_eq!(
            nearest.below.map(|it| it.to_string()).as_deref(),
            Some("18")
        );
    }
    // A note that is older than the last segment is that of an earlier backup.
    let older = chain.clone().looked_until(Some(UnixMillis::new(7)));
    assert_eq!(older.covered_until(), Some(UnixMillis::new(2000)));
    let Err(ChainError::TimeNotCovered { from, nearest, .. }) = chain.plan(&time(999)) else {
        panic!("before the first backup");
    };
    assert_eq!(from, Some(UnixMillis::new(1000)));
    assert_eq!(nearest.above.map(|it| it.to_string()).as_deref(), Some("7"));
}

#[test]
fn so_many_commits_after_a_gap_it_is_one() {
    // Chain, and whether its latest state can be restored.
    let rows = [
        ("F3 I4 I6-68", true),
        ("F3 I4 I6-69", false),
        ("F3 I4p I6-4100p", true),
        ("F3 I4p I6-4101p", false),
    ];
    for (text, is_out_of_order) in rows {
        let expected = if is_out_of_order {
            let last = text.rsplit('-').next().unwrap().trim_end_matches('p');
            format!("1:{last} from 0 with 1,2")
        } else {
            "chain-broken".to_owned()
        };
        assert_eq!(plan(text, "latest"), expected, "{text}");
    }
}

#[test]
fn a_plan_says_from_where_on_every_epoch_is_there() {
    let rows = [
        ("F7 I8-18 I19-29", "epoch 20", Some("1:7")),
        ("F3 I4-9c I10-11", "epoch 10", Some("1:9")),
        ("F3 I4-6 F5+ I6rc I7-8", "epoch 7", Some("1:6")),
        ("F3 I4-6 I7,2:1-2 I2:3", "epoch 2:2", Some("2:0")),
        // To the end of the chain nobody counts.
        ("F7 I8-18 I19-29", "latest", None),
    ];
    for (text, wanted, expected) in rows {
        let plan = chain(text).plan(&target(wanted)).expect(wanted);
        assert_eq!(plan.complete_from, expected.map(point), "{text}: {wanted}");
    }
}

/// An image that no checkpoint has written is empty: where what comes after the newest is lost, an older
/// one leads to more.
#[test]
fn an_empty_image_alone_leads_less_far_than_an_older_one() {
    let of = |text: &str, is_empty: bool| {
        let mut entries = chain(text).entries().to_vec();
        for entry in &mut entries {
            if let Some(SegmentContent::Full(full)) = &mut entry.content {
                full.image.iteration = u64::from(!is_empty);
            }
        }
        let chain = Chain::new(entries);
        let furthest = chain.plan_furthest().unwrap();
        let earlier = chain.plan_before_nothing(&furthest);
        (furthest.through, earlier.map(|it| it.through))
    };
    let rows = [
        ("F0 I1-3 F2:0 I2:1-3!", 2, Some(1)),
        ("F0 I1-3 F2:0 I2:1-3! I2:4!", 2, Some(1)),
        ("F0 I1-3 F2:0 I2:1-3 I2:4!", 3, None),
        ("F0 F2:0 I2:1-3!", 1, None),
    ];
    for (text, through, earlier) in rows {
        assert_eq!(of(text, true), (through, earlier), "{text}");
        assert_eq!(of(text, false), (through, None), "{text}");
    }
}
