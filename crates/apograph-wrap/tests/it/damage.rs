//! Wrapped segments that are damaged are refused, and say where.

use apograph_wrap::{FRAME_BYTES, WrapError};

use crate::{SOME, opened, plain, unwrapped, wrapped};

#[test]
fn a_segment_that_ends_early_is_refused_wherever() {
    let whole = wrapped(&plain(3000), b"{\"record\":true}");
    for length in 0..whole.len() {
        let cut = &whole[..length];
        for error in [unwrapped(cut).map(drop), opened(cut).map(drop)] {
            assert!(matches!(error, Err(WrapError::Damaged { .. })), "{length}");
        }
    }
}

/// A bit that no decoder looks at can be another one: then what is read is the same.
#[test]
fn a_changed_bit_is_refused_or_changes_nothing() {
    let (plain, record) = (plain(3000), &b"{\"record\":true}"[..]);
    let whole = wrapped(&plain, record);
    let mut refused = 0;
    for place in 0..whole.len() {
        for bit in [0x01, 0x80] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            let read = opened(&changed).and_then(|mut file| {
                let found = file.read(0..3000)?;
                Ok((found, file.record().to_vec()))
            });
            for read in [unwrapped(&changed), read] {
                match read {
                    Ok((found, of)) => assert!(found == plain && of == record, "{place}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 4 * whole.len() - 40, "{refused}");
}

#[test]
fn damage_is_told_with_its_frame() {
    let mut whole = wrapped(&plain(SOME), b"");
    let first = zstd::zstd_safe::find_frame_compressed_size(&whole).expect("a frame");
    whole[first + 1000] ^= 1;
    let Err(WrapError::Damaged { offset, .. }) = unwrapped(&whole) else {
        panic!("not noticed");
    };
    assert_eq!(offset, first as u64);
    let mut file = opened(&whole).expect("its table is sound");
    file.read(0..FRAME_BYTES as u64)
        .expect("the first frame is sound");
    let error = file
        .read(FRAME_BYTES as u64..FRAME_BYTES as u64 + 1)
        .expect_err("noticed");
    assert_eq!(error.code().as_str(), "corrupt-segment");
}

#[test]
fn something_behind_it_is_refused() {
    let mut whole = wrapped(&plain(3000), b"");
    whole.push(0);
    assert!(matches!(unwrapped(&whole), Err(WrapError::Damaged { .. })));
    assert!(matches!(opened(&whole), Err(WrapError::Damaged { .. })));
}

#[test]
fn frames_that_are_exchanged_are_refused() {
    let whole = wrapped(&plain(2 * FRAME_BYTES), b"");
    let first = zstd::zstd_safe::find_frame_compressed_size(&whole).expect("a frame");
    let second = first + zstd::zstd_safe::find_frame_compressed_size(&whole[first..]).expect("one");
    assert_ne!(second, 2 * first, "they have different lengths");
    let exchanged = [&whole[first..second], &whole[..first], &whole[second..]].concat();
    assert!(matches!(
        unwrapped(&exchanged),
        Err(WrapError::Damaged { .. })
    ));
}
