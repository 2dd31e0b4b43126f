//! Damage is complete, and is undone.

use std::collections::BTreeSet;

use apograph_testing::damage;

#[test]
fn every_damage_is_done_once() {
    let bytes = b"abc";
    let mut cuts = Vec::new();
    damage::every_cut(bytes, |cut| cuts.push(cut.to_vec()));
    assert_eq!(cuts, [&b""[..], b"a", b"ab"]);

    let mut seen = BTreeSet::new();
    damage::every_bit(bytes, |offset, changed| {
        let bits: u32 = bytes
            .iter()
            .zip(changed)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum();
        assert!(bits == 1 && bytes[offset] != changed[offset]);
        assert!(seen.insert(changed.to_vec()));
    });
    assert_eq!(seen.len(), 3 * 8);

    seen.clear();
    damage::every_value(bytes, |_, changed| assert!(seen.insert(changed.to_vec())));
    assert_eq!(seen.len(), 3 * 255);

    let mut offsets = Vec::new();
    damage::one_bit_each(bytes, 1..3, |offset, changed| {
        assert_eq!((bytes[offset] ^ changed[offset]).count_ones(), 1);
        offsets.push(offset);
    });
    assert_eq!(offsets, [1, 2]);
}

/// A part of a sweep leaves no byte out, and none of the ends.
#[test]
fn a_part_of_a_sweep_is_spread_over_all_bytes() {
    let bytes = [0; 600];
    let mut bits = vec![BTreeSet::new(); bytes.len()];
    damage::bits(&bytes, |offset, changed| {
        assert!(bits[offset].insert(changed[offset]));
    });
    assert!(
        bits.iter()
            .all(|found| found.len() == 8 || found.len() == 1)
    );
    let ends = [&bits[..32], &bits[600 - 32..]].concat();
    assert!(ends.iter().all(|found| found.len() == 8));
    let all: BTreeSet<u8> = bits.iter().flatten().copied().collect();
    assert_eq!(all.len(), 8);
    let mut values = vec![BTreeSet::new(); bytes.len()];
    damage::values(&bytes, |offset, changed| {
        assert!(values[offset].insert(changed[offset]));
    });
    assert!(
        values
            .iter()
            .all(|found| found.is_superset(&bits[0]) && found.contains(&255))
    );
    let all: BTreeSet<u8> = values.iter().flatten().copied().collect();
    assert_eq!(all.len(), 255);
}
