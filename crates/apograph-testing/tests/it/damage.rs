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
