//! Damage, exhaustively: every cut and every flipped bit of some bytes. Of sweeps that take long, a
//! part that is spread over all bytes, and everything in `cargo xtask verify --long`.

use crate::effort::is_long;

/// Calls `check` with every proper prefix of `bytes`, the empty one included.
pub fn every_cut(bytes: &[u8], mut check: impl FnMut(&[u8])) {
    (0..bytes.len()).for_each(|length| check(&bytes[..length]));
}

/// Calls `check` with every copy of `bytes` that has one bit flipped, and with the offset of the
/// byte that has it.
pub fn every_bit(bytes: &[u8], mut check: impl FnMut(usize, &[u8])) {
    masked(bytes, &mut check, |_| (0..8).map(|bit| 1 << bit).collect());
}

/// Calls `check` with every copy of `bytes` that has another value in one byte, and with the
/// offset of that byte.
pub fn every_value(bytes: &[u8], mut check: impl FnMut(usize, &[u8])) {
    masked(bytes, &mut check, |_| (1..=u8::MAX).collect());
}

/// How many bytes at both ends of a sweep have every bit flipped in any run.
const ENDS_BYTES: usize = 32;

/// As [`every_bit`] in a long run. In others every bit of the first and the last bytes, and one of
/// each in between, which is another from byte to byte.
pub fn bits(bytes: &[u8], mut check: impl FnMut(usize, &[u8])) {
    let inner = ENDS_BYTES..bytes.len().saturating_sub(ENDS_BYTES);
    masked(bytes, &mut check, |offset| {
        let all = (0..8).map(|bit| 1 << bit);
        let is_one = !is_long() && inner.contains(&offset);
        all.filter(|mask| !is_one || *mask == 1 << (offset % 8))
            .collect()
    });
}

/// As [`every_value`] in a long run. In others of each byte those that differ in one bit, its
/// complement, and one more, which is another from byte to byte.
pub fn values(bytes: &[u8], mut check: impl FnMut(usize, &[u8])) {
    masked(bytes, &mut check, |offset| {
        let other = offset % usize::from(u8::MAX) + 1;
        let is_sampled =
            |mask: &u8| mask.is_power_of_two() || *mask == u8::MAX || usize::from(*mask) == other;
        (1..=u8::MAX)
            .filter(|mask| is_long() || is_sampled(mask))
            .collect()
    });
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

fn masked(bytes: &[u8], check: &mut impl FnMut(usize, &[u8]), masks: impl Fn(usize) -> Vec<u8>) {
    let mut copy = bytes.to_vec();
    for offset in 0..bytes.len() {
        for mask in masks(offset) {
            copy[offset] ^= mask;
            check(offset, &copy);
            copy[offset] ^= mask;
        }
    }
}
