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
            few.advance(step);
        }
        few.tell();
        let mut told = told.0.into_inner().expect("what was told");
        told.retain(|&bytes| bytes > 0);
        assert_eq!(told, expected, "{steps:?}");
    }
}
