//! Which times a backup writes down: those of its clock.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::time::Duration;

use apograph_capture::{Captured, Kind};
use apograph_format::UnixMillis;
use apograph_io::{Clock, Context, Folder, Monitor};
use apograph_manifest::{Notes, read_notes};
use apograph_testing::clock::ManualClock;
use apograph_testing::context::every_core;
use apograph_testing::fixtures::{V1, V2};

use crate::captured::added;
use crate::live::Live;

const SOURCE: &str = "08_torn_tail/source";
const STEP: Duration = Duration::from_secs(1);

/// Lets time pass when a log is about to be read, and tells when that was.
struct Passing {
    clock: ManualClock,
    times: Mutex<Vec<UnixMillis>>,
}

impl Passing {
    fn by(clock: &ManualClock) -> Self {
        Self {
            clock: clock.clone(),
            times: Mutex::default(),
        }
    }

    /// Takes a backup by the clock.
    fn capture(&self, live: &Live, kind: Kind) -> apograph_capture::Result<Captured> {
        let context = Context {
            clock: &self.clock,
            monitor: self,
            ..every_core()
        };
        live.capture_by(kind, context)
    }
}

impl Monitor for Passing {
    fn phase(&self, name: &'static str, _: u64) {
        if name == "reading the log" {
            let mut times = self.times.lock().expect("a lock");
            times.push(self.clock.now());
            self.clock.pass(STEP);
            times.push(self.clock.now());
        }
    }
}

fn notes(live: &Live) -> Notes {
    let folder = Folder::open(&live.repository()).expect("a folder");
    read_notes(&folder).expect("sound notes").expect("notes")
}

fn looked_until(live: &Live) -> UnixMillis {
    notes(live).looked_until.expect("an instant")
}

/// Nothing in a segment was committed after its stamp, and everything before the noted instant is
/// captured.
#[test]
fn a_segment_is_stamped_after_the_reading_and_the_look_before_it() {
    for fixtures in [V1, V2] {
        let (live, clock) = (Live::of(fixtures, SOURCE), ManualClock::default());
        let rest = live.hold_back(2);
        for kind in [Kind::Auto, Kind::Incremental, Kind::Full] {
            let passing = Passing::by(&clock);
            let begun = clock.now();
            let captured = passing.capture(&live, kind);
            let times = passing.times.into_inner().expect("a lock");
            let (first, last) = (times[0], times[times.len() - 1]);
            for record in added(captured) {
                assert!(record.segment.created_at >= last, "{kind:?}");
            }
            let until = looked_until(&live);
            assert!(
                begun <= until && until <= first,
                "{kind:?}: {begun} {until} {first}"
            );
            if kind == Kind::Auto {
                live.append(&rest);
            }
        }
        let (id, before) = (notes(&live).id, looked_until(&live));
        clock.pass(STEP);
        let again = Passing::by(&clock).capture(&live, Kind::Auto);
        let again = again.expect("an answer");
        assert!(matches!(again, Captured::UpToDate { .. }));
        assert!(notes(&live).id == id && looked_until(&live) > before);
    }
}

/// Every time that a repository and its log folder say.
fn written(live: &Live) -> Vec<UnixMillis> {
    let segments = live.manifest().segments.into_iter();
    let mut times: Vec<_> = segments.map(|segment| segment.created_at).collect();
    let records = live.history().records.into_iter();
    times.extend(records.map(|record| record.segment.created_at));
    times.push(looked_until(live));
    times.extend(live.cursor().map(|cursor| cursor.written_at));
    let slots = live.marker().slots.into_iter().flatten();
    times.extend(slots.map(|slot| slot.written_at));
    times
}

/// A clock of another year: no time is that of the system's.
#[test]
fn every_time_that_is_written_down_is_of_the_clock() {
    for fixtures in [V1, V2] {
        let (live, clock) = (Live::of(fixtures, SOURCE), ManualClock::default());
        let rest = live.hold_back(2);
        let begun = clock.now();
        let is_of = |range: &RangeInclusive<UnixMillis>, count: usize| {
            let times = written(&live);
            assert!(times.len() >= count, "{times:?}");
            assert!(times.iter().all(|time| range.contains(time)), "{times:?}");
            times.contains(range.end())
        };
        for kind in [Kind::Auto, Kind::Incremental, Kind::Full] {
            let captured = Passing::by(&clock).capture(&live, kind);
            added(captured);
            assert!(is_of(&(begun..=clock.now()), 5), "{kind:?}");
            if kind == Kind::Auto {
                live.append(&rest);
            }
            clock.pass(STEP);
        }
    }
}
