//! One version of the catalog, as an object.
//!
//! It is lines of JSON in one frame of zstd: the head, the version's own changes, the changes before
//! them that it repeats, and how many those are. So it is known to be whole, and whoever lost a race
//! reads what the winner changed from its front. FORMAT.md has it ("Catalog version").

use std::io::{self, BufRead, BufReader, Read, Write};

use apograph_format::UnixMillis;
use apograph_manifest::Nonce;
use apograph_store::{ObjectName, StoreError};
use serde::{Deserialize, Serialize};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::sha256::Sha256;

/// The format of what is written here. What a program does not know it refuses.
const FORMAT: u32 = 1;
/// The folder of the versions of a catalog.
pub const CATALOG: &str = "catalog";
/// The most bytes that a version may have as an object.
pub(crate) const VERSION_MAX_BYTES: u64 = 256 << 20;
/// No version has a greater number, so that steps from one do not overflow.
pub(crate) const NUMBER_MAX: u64 = u64::MAX / 4;
/// So many bytes of lines may come of one byte of an object, and a line's more: a version that packs
/// better was not made here, and would fill the memory.
const PLAIN_PER_BYTE: u64 = 256;
/// What a line takes in memory beside its bytes.
const LINE_EXTRA_BYTES: u64 = 32;
/// The most bytes that a line may have: a record of almost a million gaps.
const LINE_MAX_BYTES: u64 = 16 << 20;
const LEVEL: i32 = 3;
/// No frame needs more memory to be read: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// The name of a version's object; numbers have 20 digits, so that they are listed in order.
pub(crate) fn version_name(number: u64) -> Result<ObjectName, StoreError> {
    Ok(ObjectName::parse(format!("{CATALOG}/{number:020}.zst"))?)
}

/// The number of the version that has a name.
pub(crate) fn version_number(name: &ObjectName) -> Option<u64> {
    let (folder, name) = name.split();
    let digits = name.strip_suffix(".zst")?;
    let is_version = folder == CATALOG && digits.len() == 20;
    let is_version = is_version && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_version.then(|| digits.parse().ok())?
}

/// What a version says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    format: u32,
    /// Its number.
    pub(crate) number: u64,
    /// New for each object: of two that are alike but for it, one was made here.
    pub(crate) nonce: Nonce,
    /// When it was made, by the writer's clock.
    pub(crate) time: UnixMillis,
    /// Who made it, for people.
    pub(crate) writer: String,
    /// The hash of the version before it; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Sha256>,
    /// What it repeats.
    pub(crate) scope: Scope,
    /// How many changes are its own.
    pub(crate) own: u64,
}

impl Head {
    pub(crate) const fn new(
        number: u64,
        nonce: Nonce,
        time: UnixMillis,
        writer: String,
        previous: Option<Sha256>,
        scope: Scope,
    ) -> Self {
        Self {
            format: FORMAT,
            number,
            nonce,
            time,
            writer,
            previous,
            scope,
            own: 0,
        }
    }
}

/// Which earlier changes a version repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// All of them and its own, as what is left of them: it needs no other version.
    Whole,
    /// Those since a whole version.
    Since(WholeVersion),
    /// None: those since the version with this number, which repeats some, are each in its own.
    After(u64),
}

/// A whole version, as another one names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WholeVersion {
    /// Its number.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) sha256: Sha256,
    /// How many changes it repeats.
    pub(crate) changes: u64,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// How many changes the version repeats.
    repeated: u64,
}

/// Where the changes that a version repeats come from: each is handed on as a line.
pub(crate) type Repeated<'a> = dyn Fn(&mut Put<'_>) -> crate::Result<()> + 'a;

/// Takes a line.
pub(crate) type Put<'a> = dyn FnMut(&str) -> crate::Result<()> + 'a;

/// A version as it was made.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// How many changes it repeats.
    pub(crate) repeated: u64,
}

/// Makes a version of its own changes and of those that it repeats. One that would not be read is an
/// error.
pub(crate) fn encode(
    mut head: Head,
    own: &[Box<str>],
    repeated: &Repeated<'_>,
) -> crate::Result<Encoded> {
    head.own = own.len() as u64;
    let mut out = Encoder::new(Vec::new(), LEVEL).map_err(impossible)?;
    out.include_checksum(true).map_err(impossible)?;
    let mut taken = LINE_EXTRA_BYTES;
    let mut put = |line: &str| {
        taken += line.len() as u64 + 1 + LINE_EXTRA_BYTES;
        put(&mut out, line).map_err(impossible)
    };
    put(&json(&head))?;
    for line in own {
        put(line)?;
    }
    let mut count = 0;
    repeated(&mut |line| {
        count += 1;
        put(line)
    })?;
    put(&json(&End { repeated: count }))?;
    let bytes = out.finish().map_err(impossible)?;
    if taken > plain_max(bytes.len() as u64) {
        return Err(impossible(io::Error::other(
            "it would be too long to be read",
        )));
    }
    Ok(Encoded {
        bytes,
        repeated: count,
    })
}

/// Memory takes what it is given, and no changes that are made here pack so well.
fn impossible(source: io::Error) -> crate::VaultError {
    apograph_io::IoError::Failed {
        operation: "pack",
        path: CATALOG.into(),
        source,
    }
    .into()
}

fn put(out: &mut dyn Write, line: &str) -> io::Result<()> {
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")
}

/// Numbers, plain names and lists: JSON can say all of it.
pub(crate) fn json(value: &impl Serialize) -> Box<str> {
    serde_json::to_string(value).unwrap_or_default().into()
}

/// Why an object is not a version that can be read here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is cut off, changed, or something else.
    #[error("it is not what was written")]
    Damaged,
    /// It has a format that is not known here.
    #[error("its format is {0}")]
    Format(u32),
    /// It has a change that is not known here.
    #[error("it has a change that is not known here")]
    Change(#[source] serde_json::Error),
}

/// A version that is read line by line.
pub(crate) struct VersionReader<R> {
    pub(crate) head: Head,
    /// Its own changes.
    pub(crate) own: Vec<Box<str>>,
    lines: Lines<R>,
    repeated: u64,
}

impl<'a> VersionReader<&'a [u8]> {
    /// Reads the front of an object.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        Self::of(bytes, bytes.len() as u64)
    }
}

impl<R: Read> VersionReader<R> {
    /// Reads the front of an object of so many bytes.
    pub(crate) fn of(object: R, size_bytes: u64) -> Result<Self, Unreadable> {
        let mut lines = Lines::of(object, size_bytes)?;
        let first = lines.next()?.ok_or(Unreadable::Damaged)?;
        let head = decode_head(&first)?;
        let mut own = Vec::new();
        for _ in 0..head.own {
            own.push(lines.next()?.ok_or(Unreadable::Damaged)?);
        }
        Ok(Self {
            head,
            own,
            lines,
            repeated: 0,
        })
    }

    /// The next change that it repeats; `None` at its end, which was reached whole.
    pub(crate) fn repeated(&mut self) -> Result<Option<Box<str>>, Unreadable> {
        let line = self.lines.next()?.ok_or(Unreadable::Damaged)?;
        match serde_json::from_str::<End>(&line) {
            Ok(end) if end.repeated == self.repeated && self.lines.next()?.is_none() => Ok(None),
            Ok(_) => Err(Unreadable::Damaged),
            Err(_) => {
                self.repeated += 1;
                Ok(Some(line))
            }
        }
    }
}

/// A version that was read to its end.
pub(crate) struct Version {
    pub(crate) head: Head,
    /// Its own changes.
    pub(crate) own: Vec<Box<str>>,
    /// How many changes it repeats.
    pub(crate) repeated: u64,
}

impl Version {
    /// Reads an object.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = VersionReader::open(bytes)?;
        while reader.repeated()?.is_some() {}
        Ok(Self {
            head: reader.head,
            own: reader.own,
            repeated: reader.repeated,
        })
    }
}

fn decode_head(line: &str) -> Result<Head, Unreadable> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match serde_json::from_str::<Format>(line) {
        Ok(Format { format: FORMAT }) => serde_json::from_str(line).or(Err(Unreadable::Damaged)),
        Ok(Format { format }) => Err(Unreadable::Format(format)),
        Err(_) => Err(Unreadable::Damaged),
    }
}

struct Lines<R> {
    reader: BufReader<Decoder<'static, BufReader<R>>>,
    /// What the lines that are to come may take.
    left: u64,
}

/// What the lines of an object of so many bytes may take.
const fn plain_max(packed: u64) -> u64 {
    packed.saturating_mul(PLAIN_PER_BYTE) + LINE_MAX_BYTES
}

impl<R: Read> Lines<R> {
    fn of(object: R, size_bytes: u64) -> Result<Self, Unreadable> {
        let decoder = Decoder::new(object).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Ok(decoder)
        });
        let decoder = decoder.or(Err(Unreadable::Damaged))?;
        Ok(Self {
            reader: BufReader::new(decoder),
            left: plain_max(size_bytes),
        })
    }

    fn next(&mut self) -> Result<Option<Box<str>>, Unreadable> {
        let mut line = Vec::new();
        let mut bounded = self.reader.by_ref().take(LINE_MAX_BYTES);
        let read = bounded.read_until(b'\n', &mut line);
        let taken = line.len() as u64 + LINE_EXTRA_BYTES;
        self.left = self.left.checked_sub(taken).ok_or(Unreadable::Damaged)?;
        match (read, line.pop()) {
            (Ok(_), None) => Ok(None),
            (Ok(_), Some(b'\n')) => {
                let line = String::from_utf8(line).or(Err(Unreadable::Damaged))?;
                Ok(Some(line.into()))
            }
            _ => Err(Unreadable::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(scope: Scope) -> Head {
        let (nonce, time) = (Nonce::new(7), UnixMillis::new(1_700_000_000_000));
        Head::new(
            42,
            nonce,
            time,
            "host".into(),
            Some(Sha256::of(b"41")),
            scope,
        )
    }

    fn lines(of: &[&str]) -> Vec<Box<str>> {
        of.iter().map(|&line| line.into()).collect()
    }

    fn encoded(own: &[&str], repeated: &[&str]) -> Vec<u8> {
        let each = |put: &mut Put<'_>| repeated.iter().try_for_each(|line| put(line));
        let encoded = encode(head(Scope::Whole), &lines(own), &each).expect("in memory");
        assert_eq!(encoded.repeated, repeated.len() as u64);
        encoded.bytes
    }

    type Decoded = (Head, Vec<Box<str>>, Vec<Box<str>>);

    fn decoded(bytes: &[u8]) -> Result<Decoded, Unreadable> {
        let mut reader = VersionReader::open(bytes)?;
        let mut repeated = Vec::new();
        while let Some(line) = reader.repeated()? {
            repeated.push(line);
        }
        let version = Version::decode(bytes)?;
        assert_eq!(version.head, reader.head);
        assert_eq!(version.repeated, repeated.len() as u64);
        Ok((reader.head, reader.own, repeated))
    }

    #[test]
    fn a_version_comes_back() {
        for (own, repeated) in [
            (&[][..], &[][..]),
            (&["{\"a\":1}", "[2]"], &[]),
            (&["{}"], &["1", "2", "3"]),
        ] {
            let (found, own_found, repeated_found) =
                decoded(&encoded(own, repeated)).expect("sound");
            assert_eq!((own_found, repeated_found), (lines(own), lines(repeated)));
            let own = own.len() as u64;
            assert_eq!(
                found,
                Head {
                    own,
                    ..head(Scope::Whole)
                }
            );
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let whole = encoded(&["{\"own\":true}"], &["{\"a\":1}", "{\"a\":2}"]);
        for length in 0..whole.len() {
            decoded(&whole[..length]).expect_err("cut");
        }
        let sound = decoded(&whole).expect("sound");
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[place] ^= 1 << bit;
                if let Ok(found) = decoded(&changed) {
                    assert_eq!(found, sound, "{place}");
                }
            }
        }
    }

    #[test]
    fn a_version_of_more_lines_than_its_bytes_account_for_is_neither_read_nor_written() {
        const LINES: usize = 600_000;
        let own = Head {
            own: LINES as u64,
            ..head(Scope::Whole)
        };
        let text =
            |lines: usize| format!("{}\n{}{{\"repeated\":0}}\n", json(&own), "\n".repeat(lines));
        let bytes = zstd::bulk::compress(text(LINES).as_bytes(), LEVEL).expect("in memory");
        assert!(bytes.len() < 10_000);
        VersionReader::open(&bytes)
            .err()
            .expect("it fills the memory");
        let lines = vec![Box::default(); LINES];
        encode(head(Scope::Whole), &lines, &|_| Ok(()))
            .err()
            .expect("not readable");
        let lines = vec![Box::default(); LINES / 2];
        let made = encode(head(Scope::Whole), &lines, &|_| Ok(())).expect("readable");
        assert_eq!(
            Version::decode(&made.bytes).expect("sound").own.len(),
            LINES / 2
        );
    }

    #[test]
    fn what_stands_behind_a_version_is_noticed() {
        let whole = encoded(&["1"], &[]);
        decoded(&[&whole[..], &whole[..]].concat()).expect_err("twice");
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let newer = json(&Head {
            format: 2,
            ..head(Scope::Whole)
        });
        let newer = newer.replace("\"format\"", "\"more\":{},\"format\"");
        assert!(matches!(decode_head(&newer), Err(Unreadable::Format(2))));
        let unknown = json(&head(Scope::Whole)).replace("\"format\"", "\"more\":{},\"format\"");
        assert!(matches!(decode_head(&unknown), Err(Unreadable::Damaged)));
    }

    #[test]
    fn names_are_numbers_of_twenty_digits() {
        let name = version_name(42).expect("a name");
        assert_eq!(name.as_str(), "catalog/00000000000000000042.zst");
        assert_eq!(version_number(&name), Some(42));
        assert_eq!(
            version_number(&version_name(u64::MAX).expect("a name")),
            Some(u64::MAX)
        );
        for other in [
            "catalog/latest",
            "catalog/42.zst",
            "catalog/99999999999999999999.zst",
            "segments/00000000000000000042.zst",
        ] {
            let name = ObjectName::parse(other).expect("a name");
            assert_eq!(version_number(&name), None, "{other}");
        }
    }
}
