//! What is told of progress.

use std::sync::Mutex;

use apograph_io::{Monitor, Steps};

#[derive(Default)]
struct Told(Mutex<Vec<u64>>);

impl Monitor for Told {
    fn advance(&self, bytes: u64) {
        self.0.lock().expect("what was told").push(bytes);
    }
}

#[test]
fn many_small_steps_are_told_a_few_at_a_time_and_none_is_left_out() {
    const MIB: u64 = 1 << 20;
    let rows: [(&[u64], &[u64]); 5] = [
        (&[], &[]),
        (&[7, 8], &[15]),
        (&[MIB - 1, 1, 5], &[MIB, 5]),
        (&[3 * MIB, 1, MIB], &[3 * MIB, MIB + 1]),
        (&[MIB / 4; 9], &[MIB, MIB, MIB / 4]),
    ];
    for (steps, expected) in rows {
        let told = Told::default();
        let mut few = Steps::of(&told);
        for &step in steps {
            few.advance(step).expect("no end");
        }
        few.tell();
        let mut told = told.0.into_inner().expect("what was told");
        told.retain(|&bytes| bytes > 0);
        assert_eq!(told, expected, "{steps:?}");
    }
}

/// Many small steps ask as often as they tell, also where nothing is told.
#[test]
fn many_small_steps_end_when_they_are_interrupted() {
    struct Ended;
    impl Monitor for Ended {
        fn is_interrupted(&self) -> bool {
            true
        }
    }
    for mut steps in [Steps::of(&Ended), Steps::untold(&Ended)] {
        let mut taken = 0;
        while steps.advance(1 << 10).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 1023);
    }
    let told = Told::default();
    let mut steps = Steps::untold(&told);
    steps.advance(5 << 20).expect("no end");
    steps.tell();
    assert!(told.0.into_inner().expect("what was told").is_empty());
}
