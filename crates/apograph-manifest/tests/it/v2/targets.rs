//! Which segments a target needs, and where the restore stops.

use apograph_format::{Lsn, UnixMillis};
use apograph_manifest::{ChainError, Cut, Target};

use super::words::chain;

fn target(text: &str) -> Target {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match text.split_once(' ') {
        None => Target::Latest,
        Some(("epoch", name)) => Target::Point(name.parse().expect("a point")),
        Some(("before", name)) => Target::Before(name.parse().expect("a point")),
        Some(("time", ms)) => Target::Time(UnixMillis::new(number(ms))),
        Some((_, lsn)) => Target::Lsn(Lsn::new(number(lsn))),
    }
}

/// The plan for a target as a line of text, or the code of the error.
fn plan(text: &str, wanted: &str) -> String {
    let plan = match chain(text).plan(&target(wanted)) {
        Ok(plan) => plan,
        Err(error) => return error.code().to_string(),
    };
    let increments: Vec<String> = plan.increments.iter().map(ToString::to_string).collect();
    let cut = match plan.cut {
        Cut::At {
            point,
            further: None,
        } => format!("at {point}"),
        Cut::At {
            point,
            further: Some(further),
        } => format!("at {point}+{further}"),
        Cut::End => "to its end".to_owned(),
        Cut::Captured(end) => format!("after {end}"),
        Cut::Until(time) => format!("until {time}"),
        Cut::Through(lsn) => format!("through {lsn}"),
    };
    assert_eq!(plan.complete_from, None, "positions prove it");
    let is_in_time = matches!(plan.cut, Cut::Until(_));
    assert_eq!(plan.interval.is_some(), is_in_time, "{:?}", plan.interval);
    let point = plan
        .point
        .map_or_else(String::new, |point| format!(", {point}"));
    format!("{}+{} {cut}{point}", plan.full, increments.join(","))
}

#[track_caller]
fn check(text: &str, rows: &[(&str, &str)]) {
    for (wanted, expected) in rows {
        assert_eq!(plan(text, wanted), *expected, "{text}: {wanted}");
    }
}

#[test]
fn points() {
    check(
        "F7@100 I8-9@100-200 I12@200-300",
        &[
            ("latest", "0+1,2 to its end, 1:12"),
            ("epoch 7", "0+1 at 1:7, 1:7"),
            ("epoch 8", "0+1 at 1:8, 1:8"),
            // A schema change that carries epoch 9 can lie in the next segment.
            ("epoch 9", "0+1,2 at 1:9, 1:9"),
            // Epochs that no commit has are the state of the commit before.
            ("epoch 10", "0+1,2 at 1:10, 1:10"),
            ("epoch 12", "0+1,2 at 1:12, 1:12"),
            ("before 12", "0+1,2 at 1:11, 1:11"),
            ("before 8", "0+1 at 1:7, 1:7"),
            ("epoch 13", "target-not-covered"),
            ("epoch 6", "target-not-covered"),
            ("before 7", "target-not-covered"),
        ],
    );
    check(
        "F7@100 I8@100-200 I9@201-300",
        &[
            ("epoch 8", "0+1 at 1:8, 1:8"),
            ("epoch 9", "chain-broken"),
            ("latest", "chain-broken"),
        ],
    );
    check(
        "F7@100 I8@100-200 I9@150-300d",
        &[("epoch 9", "chain-broken"), ("latest", "chain-broken")],
    );
    check("I8@100-200", &[("latest", "no-full-backup")]);
}

#[test]
fn times() {
    check(
        "F7@100t1000 I8-9@100-200t2000-3000 I10@200-300t4000-5000",
        &[
            ("time 0", "target-not-covered"),
            ("time 999", "target-not-covered"),
            ("time 1000", "0+ until 1000"),
            ("time 1999", "0+ until 1999"),
            ("time 2000", "0+1 until 2000"),
            ("time 2999", "0+1 until 2999"),
            ("time 3000", "0+1 until 3000"),
            ("time 3999", "0+1 until 3999"),
            ("time 4000", "0+1,2 until 4000"),
            ("time 5000", "0+1,2 until 5000"),
            ("time 9999", "0+1,2 until 9999"),
        ],
    );
    // The second full backup serves from the moment on that its image was written.
    check(
        "F7@100t1000 I8@100-200t2000-2100 F8@200t3000+ I9@200-300t4000-4000",
        &[
            ("time 2500", "0+1 until 2500"),
            ("time 2999", "0+1 until 2999"),
            ("time 3000", "2+ until 3000"),
            ("time 4000", "2+3 until 4000"),
        ],
    );
}

#[test]
fn times_of_a_clock_that_went_back() {
    check(
        "F7@100t1000 I8-9@100-200t2000-9000 I10@200-300t3000-3500",
        &[
            ("time 2000", "0+1 until 2000"),
            ("time 3200", "0+1 until 3200"),
            ("time 8999", "0+1 until 8999"),
            ("time 9000", "0+1,2 until 9000"),
        ],
    );
    // An image after a commit that claims a later time holds that commit.
    check(
        "F7@100t1000 I8@100-200t2000-3000 F8@200t2500+ I9@200-300t2600-4000",
        &[
            ("time 2500", "0+1 until 2500"),
            ("time 2999", "0+1 until 2999"),
            ("time 3000", "2+3 until 3000"),
        ],
    );
}

#[test]
fn times_that_lost_commits_may_have() {
    check(
        "F7@100t1000 I8@100-200t2000-3000 I9@200-300t4000-5000!",
        &[
            ("time 2000", "0+1 until 2000"),
            ("time 3000", "0+1 until 3000"),
            ("time 3999", "0+1 until 3999"),
            ("time 4000", "chain-broken"),
            ("time 9999", "chain-broken"),
        ],
    );
    // Of a lost increment of which nothing is known, any commit may be meant.
    check(
        "F7@100t1000 I8@100-200t2000-3000 I9@200-300x",
        &[
            ("time 2999", "0+1 until 2999"),
            ("time 3000", "chain-broken"),
            ("time 3001", "chain-broken"),
        ],
    );
    check(
        "F7@100t1000 I8@100-200t2000-3000 I9@201-300t4000-5000",
        &[
            ("time 3999", "0+1 until 3999"),
            ("time 4000", "chain-broken"),
        ],
    );
    // A full backup begins anew.
    check(
        "F7@100t1000 I8@100-200t2000-3000? F9@300t6000 I10@300-400t7000-7000",
        &[
            ("time 1999", "0+ until 1999"),
            ("time 2000", "corrupt-segment"),
            ("time 5999", "corrupt-segment"),
            ("time 6000", "2+ until 6000"),
            ("time 7000", "2+3 until 7000"),
        ],
    );
    // What a lost increment repeats is there, unless the restore would begin in front of it.
    check(
        "F7@100t1000 I8-9@100-200t2000-3000 F8@150t2500+ I9@150-200t2800-3000r!",
        &[("time 3500", "0+1 until 3500")],
    );
    check(
        "F7@100! I8-9@100-200t2000-3000 F8@150t2500+ I9@150-200t2800-3000r!",
        &[("time 3500", "chain-broken")],
    );
    // One that cannot be used is none, and the state before it is an older one.
    check(
        "F7@100t1000 I8@100-200t2000-3000 F9@300t6000? I10@300-400t7000-7000",
        &[
            ("time 5999", "0+1 until 5999"),
            ("time 6000", "corrupt-segment"),
            ("time 7000", "corrupt-segment"),
        ],
    );
    // Nor does one lead on that lost its own increment, and still no older one serves.
    check(
        "F7@100t1000 I8@100-200t2000-3000 F9@300t6000 I10@300-400t7000-7000!",
        &[
            ("time 6999", "2+ until 6999"),
            ("time 7000", "chain-broken"),
        ],
    );
    // What the manifest lacks may have any commit.
    check(
        "F7@100t1000 I8@100-200t2000-3000 - I10@300-400t7000-7000",
        &[
            ("time 2999", "0+1 until 2999"),
            ("time 3000", "chain-broken"),
        ],
    );
    check(
        "F7@100t1000 I8@100-200t2000-3000 F8@100t1000+ - I9@200-300t4000-4000",
        &[("time 2500", "0+1 until 2500")],
    );
    // A full backup that is lost itself is no new beginning.
    check(
        "F7@100t1000 I8@100-200t2000-3000 F8@200t3000+! I9@200-300t4000-5000!",
        &[
            ("time 3999", "0+1 until 3999"),
            ("time 6000", "chain-broken"),
        ],
    );
}

#[test]
fn the_log_after_an_image_begins_where_the_image_says() {
    // Where the log before it ended is not known: of nothing before it, or of what the manifest
    // lacks.
    for before in ["F7@100x", "F7@100 I8@100-150 -"] {
        check(
            &format!("{before} F8@200+ I9@200-300"),
            &[(
                "lsn 300",
                if before.len() < 9 {
                    "1+2 through 300"
                } else {
                    "2+3 through 300"
                },
            )],
        );
        check(
            &format!("{before} F8@200+ I9@201-300"),
            &[("latest", "chain-broken")],
        );
    }
}

#[test]
fn positions() {
    check(
        "F7@100 I8-9@100-200 I10@200-300",
        &[
            ("lsn 0", "target-not-covered"),
            ("lsn 99", "target-not-covered"),
            ("lsn 100", "0+ through 100"),
            ("lsn 101", "0+1 through 101"),
            ("lsn 200", "0+1 through 200"),
            ("lsn 201", "0+1,2 through 201"),
            ("lsn 300", "0+1,2 through 300"),
            ("lsn 301", "target-not-covered"),
        ],
    );
    check(
        "F7@100 I8@100-200 F8@200+ I9@200-300",
        &[
            ("lsn 150", "0+1 through 150"),
            ("lsn 200", "2+ through 200"),
            ("lsn 250", "2+3 through 250"),
        ],
    );
    // Two databases with one past: they count on from the same position.
    check(
        "F7@100 I8@100-200 F2:7@100 I2:8@100-190",
        &[
            ("lsn 100", "ambiguous-target"),
            ("lsn 190", "ambiguous-target"),
            ("lsn 191", "0+1 through 191"),
            ("epoch 8", "ambiguous-target"),
            ("epoch 2:8", "2+3 at 2:8, 2:8"),
        ],
    );
    check(
        "F7@100 I8@100-200 I9@250-300 F10@400",
        &[
            ("lsn 200", "0+1 through 200"),
            ("lsn 260", "target-not-covered"),
            ("lsn 400", "3+ through 400"),
        ],
    );
    // A full backup whose own increment is lost serves at its position, and no further.
    check(
        "F7@100! I8-9@100-200 F8@150+ I9@150-200r! I10@200-300",
        &[
            ("lsn 149", "target-not-covered"),
            ("lsn 150", "2+ through 150"),
            ("lsn 200", "target-not-covered"),
            ("lsn 300", "target-not-covered"),
        ],
    );
    check(
        "F7@100 F9@200+ I8-10@100-300r!",
        &[
            ("lsn 100", "0+ through 100"),
            ("lsn 150", "target-not-covered"),
            ("lsn 200", "1+ through 200"),
            ("lsn 300", "target-not-covered"),
        ],
    );
}

#[test]
fn encrypted_commits_have_positions_only() {
    check(
        "F7@100k I@100-200k I@200-300k",
        &[
            ("latest", "0+1,2 to its end"),
            ("lsn 100", "0+ through 100"),
            ("lsn 250", "0+1,2 through 250"),
            ("epoch 8", "encrypted"),
            ("before 8", "encrypted"),
            ("time 99999", "encrypted"),
            ("time 1", "target-not-covered"),
        ],
    );
    // A full backup without commits after it is at its point.
    check(
        "F7@100k",
        &[
            ("latest", "0+ to its end, 1:7"),
            ("epoch 7", "0+ at 1:7, 1:7"),
            ("lsn 100", "0+ through 100"),
        ],
    );
}

#[test]
fn errors_name_what_there_is_around() {
    let text = "F7@100t1000 I8-9@100-200t2000-3000 I10@300-400t4000-4000";
    let error = |wanted: &str| chain(text).plan(&target(wanted)).expect_err(wanted);
    assert_eq!(
        error("lsn 250"),
        ChainError::NotABoundary {
            lsn: Lsn::new(250),
            below: Some(Lsn::new(200)),
            above: None,
        }
    );
    let ChainError::NotABoundary { below, above, .. } = error("lsn 5") else {
        panic!("no such position");
    };
    assert_eq!((below, above), (None, Some(Lsn::new(100))));
    let lost = "F7@100! I8-9@100-200 F8@150+ I9@150-200r! I10@200-300";
    let between = chain(lost).plan(&target("lsn 300"));
    let Err(ChainError::NotABoundary { below, above, .. }) = between else {
        panic!("nothing leads there");
    };
    assert_eq!((below, above), (Some(Lsn::new(150)), None));

    let ChainError::TimeNotCovered { from, nearest, .. } = error("time 999") else {
        panic!("before the first backup");
    };
    assert_eq!(from, Some(UnixMillis::new(1000)));
    assert_eq!(nearest.below, None);
    assert_eq!(nearest.above.expect("the first backup").to_string(), "7");

    let ChainError::Unreachable { cause, nearest, .. } = error("time 4000") else {
        panic!("after a gap");
    };
    assert!(cause.to_string().contains("begins at log position lsn 300"));
    assert_eq!(nearest.below.expect("before the gap").to_string(), "9");

    let sealed = chain("F7@100k I@100-200k").plan(&target("epoch 8"));
    assert_eq!(
        sealed,
        Err(ChainError::Encrypted {
            target: "epoch 8".to_owned(),
            from: Some(Lsn::new(100)),
            to: Some(Lsn::new(200)),
        })
    );
}

/// Nothing that was committed after an instant is in the answer, whatever the clocks did.
#[test]
fn an_instant_counts_by_the_times_of_commits() {
    // Words are captured at 1,000,000. The engine's clock was ahead at the first backup: no image
    // was written by then, and the times of captures say nothing of commits.
    check(
        "F7@100t2000000 I8-9@100-200t2000000-2100000",
        &[
            ("time 1000000", "target-not-covered"),
            ("time 1999999", "target-not-covered"),
            // Where a later commit was captured, everything before it was.
            ("time 2000000", "0+1 until 2000000"),
            ("time 2100000", "target-not-covered"),
        ],
    );
    // It was set back, and the next image is of the same log, though nothing proves that it goes
    // on.
    check(
        "F7@100t1000 I8-9@100-200t2000-9000 F12@300t3000",
        &[
            ("time 3000", "0+1 until 3000"),
            ("time 8999", "0+1 until 8999"),
            ("time 9000", "2+ until 9000"),
        ],
    );
    // What was logged after an image is not in it.
    check(
        "F7@100t1000 I8-9@400-500t2000-9000 F12@300t3000",
        &[("time 3000", "2+ until 3000")],
    );
    check(
        "F7@100t1000 I8-9@100-200t2000-3000",
        &[
            ("time 1000000", "0+1 until 1000000"),
            ("time 1000001", "target-not-covered"),
        ],
    );
}

#[test]
fn times_tell_the_interval() {
    // From when the image was written to when the first commit was that is left out whole.
    let rows = [
        ("time 1500", 1000, Some(2000)),
        ("time 2500", 1000, Some(4000)),
        ("time 3999", 1000, Some(4000)),
        ("time 4000", 1000, None),
        ("time 9999", 1000, None),
    ];
    let chain = chain("F7@100t1000 I8-9@100-200t2000-3000 I10@200-300t4000-5000");
    for (wanted, from, to) in rows {
        let plan = chain.plan(&target(wanted)).expect(wanted);
        let expected = (UnixMillis::new(from), to.map(UnixMillis::new));
        assert_eq!(plan.interval, Some(expected), "{wanted}");
    }
}
