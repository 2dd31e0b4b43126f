//! Files that are read by the piece.

use std::borrow::Cow;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use apograph_io::{Bytes, Context, Folder, IoError, Source, Threads, Window, sums, sums_behind};
use apograph_testing::errors::told;
use tempfile::NamedTempFile;

/// What is read at a time.
const PIECE_BYTES: usize = 256 << 10;

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// A file with these bytes, and what is read of it.
fn stored(bytes: &[u8]) -> (NamedTempFile, Source) {
    let file = NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), bytes).expect("a write");
    let opened = File::open(file.path()).expect("a file");
    let source = Source::of(opened, file.path()).expect("a source");
    (file, source)
}

#[test]
fn a_window_shows_what_is_asked_for_or_all_that_there_is() {
    let bytes = pattern(3 * PIECE_BYTES + 17);
    let (_file, source) = stored(&bytes);
    for all in [source.bytes(), (&bytes).into()] {
        let rows = [
            (0, 1),
            (5, 4),
            (PIECE_BYTES - 3, 9),
            (PIECE_BYTES, PIECE_BYTES * 2),
            (7, 1),
            (0, usize::MAX),
            (bytes.len() - 1, 1),
            (bytes.len() - 1, 2),
            (bytes.len(), 1),
            (bytes.len() + 5, 1),
            (usize::MAX, usize::MAX),
        ];
        for part in [0..bytes.len(), 11..bytes.len() - 5, 40..40] {
            let expected = &bytes[part.clone()];
            let mut window = Window::of(all.slice(part));
            for (offset, least) in rows {
                let rest = expected.get(offset..).unwrap_or_default();
                let seen = window.at(offset, least).expect("a window");
                assert!(rest.starts_with(seen), "{offset} {least}");
                assert!(seen.len() >= least.min(rest.len()), "{offset} {least}");
            }
        }
    }
}

#[test]
fn a_window_that_turns_shows_nothing_of_before() {
    let (_file, source) = stored(b"one and another");
    let mut window = Window::of(source.bytes().slice(0..3));
    assert_eq!(window.at(0, 3).expect("bytes"), b"one");
    window.turn_to(source.bytes().skip(8));
    assert_eq!(window.at(0, 7).expect("bytes"), b"another");
    window.turn_to(Bytes::EMPTY);
    assert_eq!(window.at(0, 1).expect("bytes"), b"");
}

#[test]
fn parts_lie_within_the_whole() {
    let (_file, source) = stored(b"0123456789");
    for bytes in [source.bytes(), b"0123456789".into()] {
        let read = |bytes: Bytes<'_>| {
            let text = bytes.read().map(Cow::into_owned).expect("bytes");
            assert_eq!(text.len(), bytes.len());
            assert_eq!(bytes.is_empty(), text.is_empty());
            String::from_utf8(text).expect("digits")
        };
        assert_eq!(read(bytes.slice(2..5)), "234");
        assert_eq!(read(bytes.slice(2..8).slice(1..usize::MAX)), "34567");
        assert_eq!(read(bytes.slice(8..50)), "89");
        assert_eq!(read(bytes.slice(50..60)), "");
        assert_eq!(read(bytes.slice(Range { start: 5, end: 2 })), "");
        assert_eq!(read(bytes.skip(7)), "789");
        assert_eq!(read(bytes.last(2)), "89");
        assert_eq!(read(bytes.last(20)), "0123456789");
    }
}

#[test]
fn bytes_are_compared_wherever_they_are() {
    let bytes = pattern(2 * PIECE_BYTES + 9);
    let (_file, source) = stored(&bytes);
    let other = [&bytes[..bytes.len() - 1], b"x"].concat();
    let equal = |one: Bytes<'_>, other: Bytes<'_>| one.equal(other).expect("bytes");
    assert!(equal(source.bytes(), (&bytes).into()));
    assert!(equal((&bytes).into(), source.bytes()));
    assert!(!equal(source.bytes(), (&other).into()));
    assert!(!equal(source.bytes(), source.bytes().skip(1)));
    assert!(equal(source.bytes().slice(3..3), Bytes::EMPTY));
}

/// What reads some bytes to their end, in every way that there is.
fn ways(source: &Source) -> [Result<(), IoError>; 5] {
    let threads = Threads::default();
    let context = Context {
        threads: &threads,
        ..Context::default()
    };
    let mut window = Window::of(source.bytes());
    [
        source.read().map(drop),
        source.bytes().for_each(|_| {}),
        window.at(0, usize::MAX).map(drop),
        sums(source, context).map(drop),
        sums_behind(source, context, |_| Ok::<_, IoError>(())).map(drop),
    ]
}

#[test]
fn a_file_that_was_cut_is_an_error_and_never_less() {
    let length = 20 * PIECE_BYTES;
    for cut in [0, 1, 4096, PIECE_BYTES, 17 * PIECE_BYTES + 5, length - 1] {
        let (file, source) = stored(&pattern(length));
        file.as_file().set_len(cut as u64).expect("a cut");
        for way in ways(&source) {
            let error = way.expect_err("a file that was cut");
            let IoError::EndedEarly { expected, read, .. } = error else {
                panic!("{error}");
            };
            assert_eq!((expected, read), (length as u64, cut as u64));
        }
    }
}

#[test]
fn a_file_that_is_cut_between_two_pieces_is_an_error_at_the_next() {
    let (file, source) = stored(&pattern(4 * PIECE_BYTES));
    let mut window = Window::of(source.bytes());
    assert_eq!(window.at(0, 1).expect("bytes").len(), PIECE_BYTES);
    file.as_file().set_len(100).expect("a cut");
    assert_eq!(window.at(500, 1).expect("seen")[..2], pattern(502)[500..]);
    let error = told(&window.at(PIECE_BYTES, 1).expect_err("cut"));
    assert!(error.ends_with("has 100 of 1048576 bytes"), "{error}");
    // What could not be read is not seen as anything.
    window.at(PIECE_BYTES, 1).expect_err("cut");
    window.at(500, 1).expect_err("cut");
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    // A folder has a size, and no read call gives it.
    let path = Path::new("/proc/self/..");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let opened = File::open(folder.path()).expect("a folder");
    let source = Source::of(opened, path).expect("a source");
    assert!(!source.is_empty());
    for way in ways(&source) {
        let error = way.expect_err("a folder");
        assert!(matches!(&error, IoError::Unreadable { offset: 0, .. }));
        assert_eq!((error.code().as_str(), error.path()), ("io", path));
    }
}

#[test]
fn a_snapshot_is_the_whole_file_and_stays_as_it_was() {
    for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1] {
        let bytes = pattern(length);
        let (file, _) = stored(&bytes);
        let snapshot = Source::snapshot(file.as_file(), file.path(), 0..0);
        let snapshot = snapshot.expect("a snapshot");
        file.as_file().write_all_at(b"another", 0).expect("a write");
        file.as_file().set_len(3).expect("a length");
        assert!(snapshot.read().expect("bytes") == bytes, "{length}");
    }
}

fn copied(bytes: &[u8], unread: Range<u64>) -> Vec<u8> {
    let file = NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), bytes).expect("a write");
    let copy = Source::snapshot(file.as_file(), Path::new("it"), unread);
    let copy = copy.expect("a copy");
    // What happens to the file does not matter any more.
    fs::write(file.path(), "other").expect("a write");
    copy.read().expect("bytes")
}

#[test]
fn a_snapshot_has_all_bytes_but_those_that_are_not_read() {
    let whole: Vec<u8> = (1..=200).cycle().take(700 << 10).collect();
    for length in [0, 1, 128, 200, 256 << 10, (256 << 10) + 1, whole.len()] {
        let bytes = &whole[..length];
        assert_eq!(copied(bytes, 0..0), bytes);
        for unread in [
            0..1,
            128..128,
            128..200,
            0..1 << 18,
            128..600 << 10,
            300 << 10..1 << 40,
        ] {
            let mut expected = bytes.to_vec();
            let (start, end) = (
                unread.start.min(length as u64),
                unread.end.min(length as u64),
            );
            let place =
                usize::try_from(start).expect("a length")..usize::try_from(end).expect("a length");
            expected[place].fill(0);
            assert_eq!(
                copied(bytes, unread.clone()),
                expected,
                "{length} {unread:?}"
            );
        }
    }
}

#[test]
fn what_is_almost_all_a_hole_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Folder::open(folder.path()).expect("a folder");
    for (length, expected) in [(0, false), (1, false), (1 << 30, true)] {
        let file = File::create(folder.at("file").path()).expect("a file");
        file.set_len(length).expect("a length");
        let source = folder.at("file").source().expect("a file");
        assert_eq!(source.len() as u64, length);
        assert_eq!(source.is_sparse(), expected, "{length}");
    }
}
