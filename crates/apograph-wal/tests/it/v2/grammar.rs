//! Commit groups from frames.

use apograph_format::Lsn;
use apograph_io::Bytes;
use apograph_testing::encoding::v2 as encoding;
use apograph_wal::{LogDefect, LogEndCause, LogPart, PartOf, Place};

use crate::log;

/// Where the logs below begin.
const START: Lsn = Lsn::new(1000);
const SESSION: u64 = 9;

/// A log from words, each a frame of transaction 9 unless a digit after the letter says another:
///
/// - `g` a group of one frame, `f`, `m` and `l` the first, a middle and the last of several;
/// - `~` a sync marker, `e` an encrypted one, `s` a group whose records are encrypted;
/// - `n` a group without a beginning, `b` a first frame without records, `p` one without prologue;
/// - `d` a group with two beginnings;
/// - `u` a group with an unknown flag, `r` one with a required record of an unknown kind, `o` one
///   with an optional one.
///
/// After it `>` says that the log was durable up to the frame, `+` that it was durable past it,
/// and `!` damages its last byte. `?` is a byte of no frame, `0` sixty zeros; `/` ends a part.
fn log(text: &str) -> Vec<(Lsn, Vec<u8>)> {
    let mut parts = vec![(START, Vec::new())];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (first, bytes) = parts.last_mut().expect("a part");
        let lsn = first.plus(bytes.len() as u64);
        match word {
            "/" => parts.push((lsn, Vec::new())),
            "?" => bytes.push(0xee),
            "0" => bytes.extend([0; 60]),
            word => bytes.extend(frame(word, lsn)),
        }
    }
    parts
}

fn frame(word: &str, lsn: Lsn) -> Vec<u8> {
    let (letter, rest) = word.split_at(1);
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let transaction = digits.parse().unwrap_or(SESSION);
    let synced = match (rest.contains('>'), rest.contains('+')) {
        (_, true) => lsn.get() + 1,
        (true, _) => lsn.get(),
        _ => 0,
    };
    let prologue = synced.to_le_bytes();
    let begin = b"\x01\x01\x03\0\0\0\x05\x07\0";
    let data = b"\x10\x01\x02\0\0\0ab";
    let (flags, payload) = match letter {
        "g" => (3, [&prologue[..], begin, data].concat()),
        "f" => (1, [&prologue[..], begin].concat()),
        "m" => (0, data.to_vec()),
        "l" => (2, data.to_vec()),
        "~" => (3, prologue.to_vec()),
        "e" => (3, vec![0xaa; 36]),
        "s" => (3, vec![0xaa; 90]),
        "n" => (3, [&prologue[..], data].concat()),
        "b" => (1, prologue.to_vec()),
        "p" => (3, prologue[..7].to_vec()),
        "d" => (3, [&prologue[..], begin, begin].concat()),
        "u" => (7, [&prologue[..], begin].concat()),
        "r" => (3, [&prologue[..], begin, b"\x02\x01\0\0\0\0"].concat()),
        "o" => (3, [&prologue[..], begin, b"\x02\0\0\0\0\0"].concat()),
        other => panic!("{other}"),
    };
    let mut frame = encoding::frame(lsn.get(), transaction, flags, &payload);
    if rest.contains('!') {
        *frame.last_mut().expect("a byte") ^= 1;
    }
    frame
}

fn parts(files: &[(Lsn, Vec<u8>)], is_encrypted: bool) -> Vec<LogPart<'_>> {
    let part = |(start, bytes)| LogPart {
        of: PartOf::Two {
            start,
            is_encrypted,
            is_sealed: false,
        },
        file_offset: 128,
        bytes: Bytes::from(bytes),
    };
    let files = files.iter().map(|(first, bytes)| (*first, bytes));
    files.map(part).collect()
}

/// Reads a log from words: its groups, and why it ends. Each frame is `f`, and an offset is told by
/// the number of the word that stands there.
fn read(text: &str, is_encrypted: bool) -> (String, String) {
    let files = log(text);
    let (groups, end) = log::text(&parts(&files, is_encrypted));
    let cause = match end.cause {
        LogEndCause::Clean => "clean".to_owned(),
        LogEndCause::TornTail { records } => format!("torn {records}"),
        LogEndCause::Damage { place, defect } => {
            let before = log_words_before(text, place.part, place.offset);
            let newer = if defect.is_unsupported() {
                ", newer"
            } else {
                ""
            };
            format!("damage at {before}: {}{newer}", kind(defect))
        }
        other => format!("{other:?}"),
    };
    (groups, cause)
}

/// Which word, counted from 0 and without the ends of parts, stands at a place.
fn log_words_before(text: &str, part: usize, offset: usize) -> usize {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let found = (0..=words.len()).find(|&count| {
        let front = log(&words[..count].join(" "));
        front.len() == part + 1 && front[part].1.len() == offset
    });
    let count = found.expect("a word at that place");
    words[..count].iter().filter(|word| **word != "/").count()
}

fn kind(defect: LogDefect) -> &'static str {
    let text = defect.to_string();
    let kinds = [
        ("the frame needs", "truncated"),
        ("the frame claims", "too long"),
        ("the frame has LSN", "misplaced"),
        ("the frame's checksum", "checksum"),
        ("the frame has the flags", "flags"),
        ("a required record", "record"),
        ("the group does not begin", "no beginning"),
        ("the group has a second", "second beginning"),
        ("a frame of transaction 9 stands where", "not first"),
        ("a group begins inside", "interrupted"),
        ("a frame of transaction", "other transaction"),
        ("the group has no prologue", "no prologue"),
        ("the group says", "ahead"),
        ("the log file ends", "cut off"),
    ];
    let found = kinds.iter().find(|(front, _)| text.starts_with(front));
    found.unwrap_or_else(|| panic!("{text}")).1
}

#[test]
fn groups_are_read_by_the_grammar() {
    let rows = [
        ("", "", "clean"),
        ("/ /", "", "clean"),
        ("g", "9@5x1", "clean"),
        ("g1", "1@5x1", "clean"),
        ("g g3", "9@5x1 3@5x1", "clean"),
        ("f l", "9@5x2", "clean"),
        ("f m m l g", "9@5x4 9@5x1", "clean"),
        ("~1", "~", "clean"),
        ("g ~1 g ~1>", "9@5x1 ~ 9@5x1 ~", "clean"),
        ("g / g / / g", "9@5x1 9@5x1 9@5x1", "clean"),
        ("o", "9@5x1", "clean"),
        // Groups that are not whole at the end of the log.
        ("f", "", "torn 1"),
        ("f m", "", "torn 2"),
        ("g f m", "9@5x1", "torn 2"),
        ("g / f", "9@5x1", "torn 1"),
        ("g ?", "9@5x1", "torn 0"),
        ("g 0", "9@5x1", "torn 0"),
        ("g f 0", "9@5x1", "torn 1"),
        ("g!", "", "torn 0"),
        ("f l!", "", "torn 1"),
        // The same before another part: a segment is durable before the next begins.
        ("f / g", "", "damage at 0: cut off"),
        ("f / l", "", "damage at 0: cut off"),
        ("f m / /", "", "damage at 0: cut off"),
        ("g ? / g", "9@5x1", "damage at 1: truncated"),
        ("g 0 / g", "9@5x1", "damage at 1: misplaced"),
        ("g! / g", "", "damage at 0: checksum"),
        ("g / g! / g", "9@5x1", "damage at 1: checksum"),
        ("f l! / g", "", "damage at 1: checksum"),
        // Frames that are whole and do not fit.
        ("g m", "9@5x1", "torn 0"),
        ("g l / g", "9@5x1", "damage at 1: not first"),
        ("m", "", "damage at 0: not first"),
        ("l g", "", "damage at 0: not first"),
        ("/ m", "", "damage at 0: not first"),
        ("g / m", "9@5x1", "torn 0"),
        ("f f l", "", "torn 1"),
        ("f g", "", "torn 1"),
        ("f g / g", "", "damage at 1: interrupted"),
        ("f l8", "", "torn 1"),
        ("f m l8 / g", "", "damage at 2: other transaction"),
        // A later group that says the bad frame was durable.
        ("g! g", "", "torn 0"),
        ("g! g>", "", "damage at 0: checksum"),
        ("g! g g g>", "", "damage at 0: checksum"),
        ("g! ~1>", "", "damage at 0: checksum"),
        ("g g! g>", "9@5x1", "damage at 1: checksum"),
        ("g ? g", "9@5x1", "torn 0"),
        ("g ? g>", "9@5x1", "damage at 1: misplaced"),
        ("g 0 f>", "9@5x1", "damage at 1: misplaced"),
        ("g ? g>!", "9@5x1", "torn 0"),
        ("g m g>", "9@5x1", "damage at 1: not first"),
        ("f l! g>", "", "damage at 1: checksum"),
        ("f l8 g>", "", "damage at 1: other transaction"),
        ("f g g>", "", "damage at 1: interrupted"),
        ("f g>", "", "torn 1"),
        // What no torn write leaves.
        ("g g+", "9@5x1", "damage at 1: ahead"),
        ("g ~1+", "9@5x1", "damage at 1: ahead"),
        ("g p", "9@5x1", "damage at 1: no prologue"),
        ("g n", "9@5x1", "damage at 1: no beginning"),
        ("g b l", "9@5x1", "damage at 1: no beginning"),
        ("g u", "9@5x1", "damage at 1: flags, newer"),
        ("g r", "9@5x1", "damage at 1: record, newer"),
        ("g d", "9@5x1", "damage at 1: second beginning"),
        ("g u!", "9@5x1", "torn 0"),
        // What a newer version wrote is never cut off.
        ("g g! g u", "9@5x1", "damage at 3: flags, newer"),
        ("g ? u", "9@5x1", "damage at 2: flags, newer"),
        ("g ? u!", "9@5x1", "torn 0"),
        ("g ? g> u", "9@5x1", "damage at 1: misplaced"),
        ("g r!", "9@5x1", "torn 0"),
    ];
    for (text, groups, cause) in rows {
        let found = read(text, false);
        assert_eq!(found, (groups.to_owned(), cause.to_owned()), "{text}");
    }
}

#[test]
fn a_log_ends_after_its_last_group() {
    // The part that its end is in, and the words up to there.
    let rows = [
        ("", 0, ""),
        ("/ /", 0, ""),
        ("g", 0, "g"),
        ("g g", 0, "g g"),
        ("g / /", 0, "g"),
        ("g / g ~1 /", 1, "g ~1"),
        ("g / f m", 0, "g"),
        ("g g! / g", 0, "g"),
        ("g / / ?", 0, "g"),
        ("g / g ? / g", 1, "g"),
    ];
    for (text, part, front) in rows {
        let files = log(text);
        let (_, end) = log::text(&parts(&files, false));
        let offset = log(front)[0].1.len();
        assert_eq!(end.place, Place { part, offset }, "{text}");
    }
}

#[test]
fn groups_are_found_without_the_key() {
    let rows = [
        ("s", "9@-x1", "clean"),
        ("f m l", "9@-x3", "clean"),
        ("e1", "~", "clean"),
        ("s e1 s8 e1", "9@-x1 ~ 8@-x1 ~", "clean"),
        ("f", "", "torn 1"),
        ("s s!", "9@-x1", "torn 0"),
        ("s ?", "9@-x1", "torn 0"),
        ("s! / s", "", "damage at 0: checksum"),
        ("m", "", "damage at 0: not first"),
        // Prologues cannot be read: every whole first frame is proof.
        ("s! s", "", "damage at 0: checksum"),
        ("s! e1", "", "damage at 0: checksum"),
        ("s s! ? s", "9@-x1", "damage at 1: checksum"),
        ("s! s!", "", "torn 0"),
        ("s! m", "", "torn 0"),
        ("s u", "9@-x1", "damage at 1: flags, newer"),
        // Records are not read, so nothing in them is looked at.
        ("n p r", "9@-x1 9@-x1 9@-x1", "clean"),
    ];
    for (text, groups, cause) in rows {
        let found = read(text, true);
        assert_eq!(found, (groups.to_owned(), cause.to_owned()), "{text}");
    }
}
