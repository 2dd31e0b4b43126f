//! The text of `apograph.json`, line by line.
//!
//! Each line has a checksum of everything that was said up to its end. So a line counts where all
//! lines before it do, and what a command that was killed has left of the last one does not; and a
//! line that stands where no publish put it, such as one of an older file whose blocks the disk
//! used again, does not count either.
//!
//! The file has several times the bytes of what is kept of a segment, and a record repeats what the
//! manifest says. So a record goes to whoever wants it as soon as its line is read, and is written
//! from where its parts lie.

use std::io::{self, BufRead, BufReader, Read, Write};

use apograph_format::Crc32;
use apograph_io::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::segment_record::{RecordRef, SegmentRecord};
use crate::evidence::Evidence;

const HISTORY_FORMAT: u32 = 3;
/// What stands in front of a line's checksum, and between that and its body.
const FRONT: &str = "{\"crc32\":\"";
const FRONT_END: &str = "\",\"body\":";
const CHECKSUM_BYTES: usize = 8;
const CHECKSUM_OFFSET: usize = FRONT.len();
const CHECKSUM_END: usize = CHECKSUM_OFFSET + CHECKSUM_BYTES;
const BODY_OFFSET: usize = CHECKSUM_END + FRONT_END.len();
/// What stands after the body.
const BACK: &str = "}\n";
/// The most bytes that a line may have: a record of almost a million gaps.
const LINE_MAX_BYTES: u64 = 16 << 20;
/// How much of the file is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
}

/// What one publish adds.
#[derive(Serialize)]
struct NewLine<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    segments: &'a [RecordRef<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a Evidence>,
}

#[derive(Deserialize)]
struct ReadLine<'a> {
    #[serde(default = "Vec::new")]
    segments: Vec<SegmentRecord>,
    /// Only the last one is looked into.
    #[serde(borrow, default)]
    evidence: Option<&'a RawValue>,
}

/// Where lines end, and what the next one has to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinesEnd {
    /// How many bytes they have.
    pub(super) length: u64,
    /// The checksum of the last one.
    crc32: Crc32,
}

impl LinesEnd {
    const START: Self = Self {
        length: 0,
        // That of no bytes.
        crc32: Crc32::new(0),
    };

    /// The text of the line after it that has the body, and where that ends; `None` for a line that
    /// would not be read.
    fn line(self, body: &impl Serialize) -> Option<(Vec<u8>, Self)> {
        let mut line = Vec::with_capacity(1 << 10);
        line.extend_from_slice(FRONT.as_bytes());
        line.extend_from_slice(&[b'0'; CHECKSUM_BYTES]);
        line.extend_from_slice(FRONT_END.as_bytes());
        // The body is numbers, plain names and lists: JSON can say all of it.
        let _ = serde_json::to_writer(&mut line, body);
        let crc32 = self
            .crc32
            .followed_by(line.get(BODY_OFFSET..).unwrap_or_default());
        if let Some(place) = line.get_mut(CHECKSUM_OFFSET..CHECKSUM_END) {
            place.copy_from_slice(crc32.to_string().as_bytes());
        }
        line.extend_from_slice(BACK.as_bytes());
        let added = line.len() as u64;
        let length = self.length.saturating_add(added);
        (added <= LINE_MAX_BYTES).then_some((line, Self { length, crc32 }))
    }

    /// The text of the line with which a publish goes on after it, and where that ends; `None` for
    /// one that would not be read.
    pub(super) fn next(
        self,
        records: &[RecordRef<'_>],
        evidence: Option<&Evidence>,
    ) -> Option<(Vec<u8>, Self)> {
        self.line(&NewLine {
            segments: records,
            evidence,
        })
    }

    /// Writes the line after it that has the body, and moves to its end. One that would not be read
    /// is left out: what it is about is read again where it is wanted.
    fn put(&mut self, body: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
        let Some((line, behind)) = self.line(body) else {
            return Ok(());
        };
        *self = behind;
        out.write_all(&line)
    }

    /// The body of the line after it, where that is one, and where it ends.
    fn followed_by(self, line: &[u8]) -> Option<(&[u8], Self)> {
        let rest = line.strip_prefix(FRONT.as_bytes())?;
        let (crc32, rest) = rest.split_at_checked(CHECKSUM_BYTES)?;
        let body = rest.strip_prefix(FRONT_END.as_bytes())?;
        let body = body.strip_suffix(BACK.as_bytes())?;
        let found = self.crc32.followed_by(body);
        let length = self.length.saturating_add(line.len() as u64);
        let is_said = std::str::from_utf8(crc32).ok()?.parse() == Ok(found);
        is_said.then_some((
            body,
            Self {
                length,
                crc32: found,
            },
        ))
    }
}

/// The content of a whole file.
pub(super) struct Content<'a, I> {
    pub(super) records: I,
    pub(super) evidence: Option<&'a Evidence>,
}

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Content<'a, I> {
    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        // Nothing fails there.
        self.write(&mut io::sink()).unwrap_or_default()
    }

    /// Writes it, and tells how many bytes that are.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<u64> {
        let mut end = LinesEnd::START;
        let head = Head {
            format: HISTORY_FORMAT,
        };
        end.put(&head, out)?;
        for record in self.records.clone() {
            let body = NewLine {
                segments: &[record],
                evidence: None,
            };
            end.put(&body, out)?;
        }
        if self.evidence.is_some() {
            let newest = NewLine {
                segments: &[],
                evidence: self.evidence,
            };
            end.put(&newest, out)?;
        }
        Ok(end.length)
    }
}

/// Reads lines as far as they count: hands their records out, and returns the newest evidence and
/// where they end; `None` where none counts.
pub(super) fn decode(
    file: Bytes<'_>,
    mut each: impl FnMut(SegmentRecord),
) -> apograph_io::Result<Option<(Option<Evidence>, LinesEnd)>> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file.reader());
    let (mut line, mut newest) = (Vec::new(), Vec::new());
    let mut end = None;
    // What could not be read is asked of the reader.
    while reader
        .by_ref()
        .take(LINE_MAX_BYTES)
        .read_until(b'\n', &mut line)
        .is_ok()
    {
        let before = end.unwrap_or(LinesEnd::START);
        let Some((body, behind)) = before.followed_by(&line) else {
            break;
        };
        if end.is_none() {
            let head = serde_json::from_slice::<Head>(body);
            if head.ok().map(|head| head.format) != Some(HISTORY_FORMAT) {
                break;
            }
        } else {
            let Ok(read) = serde_json::from_slice::<ReadLine<'_>>(body) else {
                break;
            };
            read.segments.into_iter().for_each(&mut each);
            if let Some(evidence) = read.evidence {
                newest.clear();
                newest.extend_from_slice(evidence.get().as_bytes());
            }
        }
        end = Some(behind);
        line.clear();
    }
    if let Some(error) = reader.into_inner().into_error() {
        return Err(error);
    }
    let evidence = serde_json::from_slice(&newest).ok().flatten();
    Ok(end.map(|end| (evidence, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_what_is_written() {
        let content = Content {
            records: std::iter::empty(),
            evidence: None,
        };
        let mut written = Vec::new();
        let length = content.write(&mut written).expect("no error in memory");
        assert_eq!(length, written.len() as u64);
        assert_eq!(content.len(), length);
        assert!(length > FRONT.len() as u64);
    }
}
