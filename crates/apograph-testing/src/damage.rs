//! Damage, exhaustively: every cut and every flipped bit of some bytes.

/// Calls `check` with every proper prefix of `bytes`, the empty one included.
pub fn every_cut(bytes: &[u8], mut check: impl FnMut(&[u8])) {
    (0..bytes.len()).for_each(|length| check(&bytes[..length]));
}

/// Calls `check` with every copy of `bytes` that has one bit flipped, and with the offset of the
/// byte that has it.
pub fn every_bit(bytes: &[u8], mut check: impl FnMut(usize, &[u8])) {
    let masks: Vec<u8> = (0..8).map(|bit| 1 << bit).collect();
    with_masks(bytes, &masks, &mut check);
}

/// Calls `check` with every copy of `bytes` that has another value in one byte, and with the
/// offset of that byte.
pub fn every_value(bytes: &[u8], mut check: impl FnMut(usize, &[u8])) {
    let masks: Vec<u8> = (1..=u8::MAX).collect();
    with_masks(bytes, &masks, &mut check);
}

/// Calls `check` with a copy of `bytes` for each offset in `range` that has one bit of that byte
/// flipped: which one changes from byte to byte.
pub fn one_bit_each(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    mut check: impl FnMut(usize, &[u8]),
) {
    let mut copy = bytes.to_vec();
    for offset in range {
        let mask = 1 << (offset % 8);
        copy[offset] ^= mask;
        check(offset, &copy);
        copy[offset] ^= mask;
    }
}

fn with_masks(bytes: &[u8], masks: &[u8], check: &mut impl FnMut(usize, &[u8])) {
    let mut copy = bytes.to_vec();
    for offset in 0..bytes.len() {
        for mask in masks {
            copy[offset] ^= mask;
            check(offset, &copy);
            copy[offset] ^= mask;
        }
    }
}
