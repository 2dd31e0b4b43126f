//! A log in files is the log that it is in memory, wherever a piece of it ends; and one that cannot
//! be read is an error.

use std::fs::File;
use std::num::NonZero;
use std::path::Path;

use apograph_format::{LogSequence, Lsn};
use apograph_io::{IoError, Source, Threads};
use apograph_testing::encoding::{v1, v2};
use apograph_wal::{GroupReader, GroupSpan, LogEvent, LogPart, PartOf, RecordReader, read_chunks};
use tempfile::NamedTempFile;

/// What is read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// The payloads of the groups of a log: small ones, some that end right before and right after a
/// piece, and some that are longer than one.
fn payloads() -> Vec<usize> {
    let small = [5, 40, 4000];
    let long = [
        PIECE_BYTES - 60,
        PIECE_BYTES - 8,
        PIECE_BYTES,
        PIECE_BYTES + 1,
        3 * PIECE_BYTES + 5,
    ];
    let rows = long.into_iter().flat_map(|long| {
        let rest = small.into_iter().cycle().take(90);
        [long].into_iter().chain(rest)
    });
    rows.collect()
}

/// A log of generation 1, in which every tenth group creates an index.
fn log_v1() -> Vec<u8> {
    let groups = payloads().into_iter().enumerate().map(|(index, length)| {
        let number = (index % 250) as u64;
        let created = if index % 10 == 0 {
            v1::frame(b"\x0e\x04name\x05Label\x01p\x05btree")
        } else {
            Vec::new()
        };
        let data = v1::data(&vec![7; length - 1]);
        [data, created, v1::empty_commit(number)].concat()
    });
    groups.collect::<Vec<_>>().concat()
}

/// A log of generation 2, with a record that is as long as its frame in each second group.
fn log_v2(is_encrypted: bool) -> Vec<u8> {
    let mut log = Vec::new();
    for (number, length) in payloads().into_iter().enumerate() {
        let record = |length: usize| v2::record(16, 0, &vec![9; length]);
        let records = match number % 2 {
            0 => record(length),
            _ => record(10).repeat(length / 16 + 1),
        };
        let payload = if is_encrypted {
            vec![1; length + 36]
        } else {
            [vec![0; 8], v2::group_begin(5, 6, 0), records].concat()
        };
        let transaction = number as u64 + 2;
        let flags = v2::FIRST | v2::LAST;
        log.extend(v2::frame(log.len() as u64, transaction, flags, &payload));
    }
    log
}

fn stored(bytes: &[u8]) -> (NamedTempFile, Source) {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a log");
    let opened = File::open(file.path()).expect("a log");
    let source = Source::of(opened, Path::new("log")).expect("a source");
    (file, source)
}

/// Lays bytes out as a log.
type Laid = for<'a> fn(apograph_io::Bytes<'a>) -> Vec<LogPart<'a>>;

/// Two log files, of which the second begins somewhere in the middle.
fn laid_v1(bytes: apograph_io::Bytes<'_>) -> Vec<LogPart<'_>> {
    let start = v1::frame(&vec![4; PIECE_BYTES - 60]).len();
    let front = bytes.slice(0..start);
    let part = |number, bytes| LogPart::of_file(LogSequence::new(number), 0, bytes);
    vec![part(0, front), part(1, bytes.skip(start))]
}

fn part_v2(is_encrypted: bool, bytes: apograph_io::Bytes<'_>) -> LogPart<'_> {
    LogPart {
        of: PartOf::Two {
            start: Lsn::default(),
            is_encrypted,
            is_sealed: false,
        },
        file_offset: 128,
        bytes,
    }
}

fn laid_v2(bytes: apograph_io::Bytes<'_>) -> Vec<LogPart<'_>> {
    vec![part_v2(false, bytes)]
}

fn laid_sealed(bytes: apograph_io::Bytes<'_>) -> Vec<LogPart<'_>> {
    vec![part_v2(true, bytes)]
}

fn logs() -> [(Vec<u8>, Laid); 3] {
    [
        (log_v1(), laid_v1),
        (log_v2(false), laid_v2),
        (log_v2(true), laid_sealed),
    ]
}

/// All that is told of a log, group by group, and how it ends.
fn told(groups: GroupReader<'_, '_>) -> Result<(Vec<String>, String), IoError> {
    let mut groups = groups;
    let mut told = Vec::new();
    for event in groups.by_ref() {
        told.push(match event? {
            LogEvent::Group(group) => {
                let heads = (group.transaction, group.head);
                let place = (group.start, group.end, group.records, group.frames);
                let mut records = Vec::new();
                let mut reader = RecordReader::new(group.parts());
                reader.for_each(GroupSpan::of(&group), |record| {
                    records.push(format!("{record:?}"));
                    Ok::<_, IoError>(())
                })?;
                let kinds = (group.kinds()?, records);
                format!("{heads:?} {place:?} {kinds:?}")
            }
            other => format!("{other:?}"),
        });
    }
    Ok((told, format!("{:?}", groups.end())))
}

#[test]
fn a_log_in_files_is_the_log_in_memory() {
    for (log, laid) in logs() {
        let (_file, source) = stored(&log);
        let memory = laid((&log).into());
        let files = laid(source.bytes());
        let expected = told(GroupReader::new(&memory)).expect("bytes in memory");
        assert_eq!(expected.0.len(), payloads().len());
        assert!(expected.1.contains("Clean"), "{}", expected.1);
        assert_eq!(told(GroupReader::new(&files)).expect("a log"), expected);
        for chunk in [1000, 70_000, PIECE_BYTES, 2 * PIECE_BYTES + 1] {
            let chunk = NonZero::new(chunk).expect("not zero");
            let threads = Threads::new(NonZero::new(3).expect("not zero"));
            let found = read_chunks(&files, &threads, chunk, told);
            assert_eq!(found.expect("a log"), expected);
        }
    }
}

#[test]
fn a_torn_or_damaged_log_in_files_ends_as_in_memory() {
    for (whole, laid) in logs() {
        let length = whole.len();
        let torn = [1, 30, 4000, PIECE_BYTES, 3 * PIECE_BYTES].map(|less| (length - less, None));
        let wrong = [0, 9, 70, length / 2, length - 2].map(|place| (length, Some(place)));
        let long = (length, Some(length - 2 * PIECE_BYTES));
        for (length, place) in torn.into_iter().chain(wrong).chain([long]) {
            let mut bytes = whole[..length].to_vec();
            if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                *byte ^= 0x41;
            }
            let (_file, source) = stored(&bytes);
            let memory = laid((&bytes).into());
            let files = laid(source.bytes());
            let expected = told(GroupReader::new(&memory)).expect("bytes in memory");
            assert!(!expected.1.contains("Clean"), "{length} {place:?}");
            let found = told(GroupReader::new(&files)).expect("a log");
            assert_eq!(found, expected, "{length} {place:?}");
        }
    }
}

#[test]
fn a_log_that_is_cut_while_it_is_read_is_an_error() {
    for (log, laid) in logs() {
        for cut in [0, 1, PIECE_BYTES / 2, log.len() / 2, log.len() - 1] {
            let (file, source) = stored(&log);
            let files = laid(source.bytes());
            let mut groups = GroupReader::new(&files);
            groups
                .next()
                .expect("a group")
                .expect("bytes that were there");
            file.as_file().set_len(cut as u64).expect("a cut");
            let error = told(groups).expect_err("a log that was cut");
            assert!(matches!(error, IoError::EndedEarly { .. }), "{error}");
            // By whomever it is read.
            let chunk = NonZero::new(PIECE_BYTES / 2).expect("not zero");
            let threads = Threads::new(NonZero::new(3).expect("not zero"));
            let error = read_chunks(&files, &threads, chunk, |mut groups| {
                let error = groups.by_ref().find_map(Result::err);
                assert!(groups.next().is_none() && groups.end().is_none());
                error
            });
            assert!(matches!(error, Some(IoError::EndedEarly { .. })));
            let finished = GroupReader::new(&files).finish();
            assert!(matches!(finished, Err(IoError::EndedEarly { .. })));
        }
    }
}
