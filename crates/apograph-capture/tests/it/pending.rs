//! What is in no backup yet is what the next one captures.

use std::fs;

use apograph_capture::{Captured, Kind, Pending, PendingOf, pending};
use apograph_io::Context;
use apograph_repository::Repository;
use apograph_testing::fixtures::{V1, V2};

use crate::captured::{added, increment};
use crate::live::Live;

const SOURCE: &str = "08_torn_tail/source";

fn look(live: &Live) -> Pending {
    let repository = Repository::open(live.repository(), Context::default()).expect("opened");
    pending(&live.database(), &repository, Context::default()).expect("a look")
}

#[test]
fn what_is_pending_is_captured_next() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let rest = live.hold_back(3);
        added(live.capture(Kind::Auto));
        assert_eq!(look(&live).of, PendingOf::Nothing);
        live.append(&rest);
        let before = fs::read(live.marker_path()).expect("a marker");
        let found = look(&live);
        assert!(found.log_bytes >= rest.len() as u64);
        assert_eq!(fs::read(live.marker_path()).expect("a marker"), before);
        let segments = added(live.capture(Kind::Incremental));
        let [segment] = &segments[..] else {
            panic!("{segments:?}");
        };
        let content = increment(segment);
        let PendingOf::Commits {
            commits,
            bytes,
            since,
        } = found.of
        else {
            panic!("{found:?}");
        };
        assert_eq!(commits, content.commits);
        assert!(commits > 0);
        assert_eq!(since, content.committed().map(|span| span.first));
        assert!(bytes <= segment.segment.size_bytes && bytes > 0);
        assert!(found.looked_at <= segment.segment.created_at);
        assert_eq!(look(&live).of, PendingOf::Nothing);
        let again = live.capture(Kind::Auto).expect("a capture");
        assert!(matches!(again, Captured::UpToDate { .. }));
    }
}

/// Where the chain cannot go on, nobody knows how much is in no backup.
#[test]
fn without_a_proof_nothing_is_said_of_how_much_it_is() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let rest = live.hold_back(3);
        added(live.capture(Kind::Auto));
        live.remove_marker();
        live.append(&rest);
        let found = look(&live);
        let why = match (&found.of, fixtures.generation().number()) {
            // In generation 2 the bytes of the last segment prove it too.
            (PendingOf::Commits { .. }, 2) => continue,
            (PendingOf::Unknown { why }, _) => why.clone(),
            other => panic!("{other:?}"),
        };
        let captured = live.capture(Kind::Auto);
        assert_eq!(crate::captured::why(captured), why);
    }
}

#[test]
fn of_another_database_it_is_an_error() {
    let live = Live::of(V1, SOURCE);
    added(live.capture(Kind::Auto));
    let other = Live::of(V1, "05_schema/source");
    let repository = Repository::open(live.repository(), Context::default()).expect("opened");
    let error = pending(&other.database(), &repository, Context::default()).expect_err("foreign");
    assert_eq!(error.code().as_str(), "foreign-database");
}

/// Commits that stand behind damage are in no backup, and no backup takes them: that is told.
#[test]
fn commits_behind_damage_are_told() {
    for fixtures in [V1, V2] {
        let live = Live::of(fixtures, SOURCE);
        let mut rest = live.hold_back(2);
        added(live.capture(Kind::Auto));
        rest[9] ^= 1;
        live.append(&rest);
        let repository = Repository::open(live.repository(), Context::default()).expect("opened");
        let error = pending(&live.database(), &repository, Context::default());
        let error = error.expect_err("damage");
        assert_eq!(error.code().as_str(), "wal-damaged");
    }
}
