//! What was wrapped comes back.

use std::io;

use apograph_io::{CancellationToken, Context};
use apograph_wrap::{Compression, FRAME_BYTES, RECORD_MAX_BYTES, WrapError, unwrap, wrap};
use proptest::prelude::*;

use crate::{SOME, by, opened, plain, threads, unwrapped, wrapped};

#[test]
fn a_segment_of_any_length_comes_back_with_its_record() {
    for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, SOME] {
        let plain = plain(length);
        let wrapped = wrapped(&plain, b"{\"a\":1}");
        let (again, record) = unwrapped(&wrapped).expect("sound");
        assert!(again == plain, "{length}");
        assert_eq!(record, b"{\"a\":1}");
        let file = opened(&wrapped).expect("sound");
        assert_eq!(file.record(), record);
        assert_eq!(file.plain_bytes(), length as u64);
    }
}

#[test]
fn any_number_of_threads_makes_and_reads_the_same_bytes() {
    let plain = plain(SOME);
    let made = [1, 2, 5].map(|count| {
        let mut out = Vec::new();
        let made =
            wrap(&plain, b"", Compression::LOG, by(&threads(count)), &mut out).expect("made");
        assert_eq!(made.plain_bytes, SOME as u64);
        assert_eq!(made.wrapped_bytes, out.len() as u64);
        out
    });
    assert!(made[0] == made[1] && made[1] == made[2]);
    for threads in [2, 5].map(threads) {
        let mut again = Vec::new();
        unwrap(&made[0][..], by(&threads), |piece| {
            again.extend_from_slice(piece);
            Ok(())
        })
        .expect("sound");
        assert!(again == plain);
    }
}

#[test]
fn every_range_across_the_border_of_two_frames_is_read() {
    let plain = plain(SOME);
    let wrapped = wrapped(&plain, b"");
    let mut file = opened(&wrapped).expect("sound");
    let border = FRAME_BYTES as u64;
    let cases = [
        0..0,
        0..1,
        border - 1..border,
        border..border + 1,
        border - 3..border + 5,
        10..2 * border + 10,
        SOME as u64 - 1..SOME as u64 + 100,
        SOME as u64..SOME as u64 + 1,
        SOME as u64 + 5..SOME as u64 + 9,
    ];
    for range in cases {
        let place = |offset: u64| usize::try_from(offset).expect("short").min(SOME);
        let expected = &plain[place(range.start)..place(range.end)];
        assert!(
            file.read(range.clone()).expect("sound") == expected,
            "{range:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_wrapped_comes_back(
        plain in prop::collection::vec(any::<u8>(), 0..5000),
        record in prop::collection::vec(any::<u8>(), 0..300),
        range in (0_u64..6000, 0_u64..6000),
    ) {
        let wrapped = wrapped(&plain, &record);
        prop_assert_eq!(unwrapped(&wrapped).expect("sound"), (plain.clone(), record));
        let mut file = opened(&wrapped).expect("sound");
        let (start, end) = (range.0, range.0 + range.1);
        let place = |offset: u64| usize::try_from(offset).expect("short").min(plain.len());
        prop_assert_eq!(file.read(start..end).expect("sound"), &plain[place(start)..place(end)]);
    }
}

#[test]
fn a_record_that_would_not_be_read_is_refused() {
    let record = vec![b' '; RECORD_MAX_BYTES + 1];
    let mut out = Vec::new();
    let error = wrap(
        b"plain",
        &record,
        Compression::LOG,
        Context::default(),
        &mut out,
    );
    assert!(matches!(error, Err(WrapError::Write(_))));
    let longest = wrapped(b"plain", &record[1..]);
    assert_eq!(
        opened(&longest).expect("sound").record().len(),
        RECORD_MAX_BYTES
    );
    assert_eq!(
        unwrapped(&longest).expect("sound").1.len(),
        RECORD_MAX_BYTES
    );
}

/// Takes so many bytes, and then none.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_place_that_is_full_ends_it() {
    let plain = plain(SOME);
    let whole = wrapped(&plain, b"").len();
    for room in [0, whole / 2, whole - 1] {
        let end = wrap(
            &plain,
            b"",
            Compression::LOG,
            by(&threads(2)),
            &mut Full(room),
        );
        let Err(WrapError::Write(error)) = end else {
            panic!("{end:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    wrap(
        &plain,
        b"",
        Compression::LOG,
        by(&threads(2)),
        &mut Full(whole),
    )
    .expect("room enough");
}

#[test]
fn a_stream_that_cannot_be_read_is_no_damage() {
    struct Broken<'a>(&'a [u8]);
    impl io::Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                count => Ok(count),
            }
        }
    }
    let wrapped = wrapped(&plain(SOME), b"");
    let end = unwrap(Broken(&wrapped[..100]), Context::default(), |_| Ok(()));
    assert!(matches!(end, Err(WrapError::Read(_))), "{end:?}");
}

#[test]
fn what_is_cancelled_ends() {
    let plain = plain(SOME);
    let wrapped = wrapped(&plain, b"");
    let token = CancellationToken::default();
    token.cancel();
    let context = Context::heard_by(&token);
    let ended = wrap(&plain, b"", Compression::LOG, context, &mut Vec::new()).map(drop);
    let other = unwrap(&wrapped[..], context, |_| Ok(())).map(drop);
    for end in [ended, other] {
        assert_eq!(end.expect_err("ended").code().as_str(), "interrupted");
    }
}
