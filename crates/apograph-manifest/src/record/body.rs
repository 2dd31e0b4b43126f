//! The text of `apograph.json`, record by record.
//!
//! The file has several times the bytes of what is kept of a segment, and a record repeats what the
//! manifest says. So a record goes to whoever wants it as soon as it is read, and is written from
//! where its parts lie.

use std::fmt;
use std::io::{self, BufWriter, Write};

use apograph_format::Crc32;
use apograph_io::Bytes;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Lost, RecordRef, SegmentRecord};
use crate::evidence::Evidence;

const HISTORY_FORMAT: u32 = 2;
/// What stands in front of the body's checksum, and between the two.
const FRONT: &str = "{\"crc32\":\"";
const FRONT_END: &str = "\",\"body\":";
const FRONT_BYTES: usize = FRONT.len() + 8 + FRONT_END.len();
/// What stands behind the body.
const BACK: &str = "}\n";
/// Where that is looked for.
const BACK_MAX_BYTES: usize = 16;
/// How much of the body is summed at a time.
const BUFFER_BYTES: usize = 16 << 10;

#[derive(Serialize)]
#[serde(bound = "")]
struct BodyOf<'a, I: Iterator<Item = RecordRef<'a>> + Clone> {
    format: u32,
    #[serde(serialize_with = "put_each")]
    segments: I,
    evidence: Option<&'a Evidence>,
}

fn put_each<'a, I, S>(records: &I, to: S) -> Result<S::Ok, S::Error>
where
    I: Iterator<Item = RecordRef<'a>> + Clone,
    S: Serializer,
{
    to.collect_seq(records.clone())
}

/// The content of the file, which is made anew whenever it is wanted.
pub(super) struct Content<'a, I: Iterator<Item = RecordRef<'a>> + Clone> {
    body: BodyOf<'a, I>,
    crc32: Crc32,
    body_bytes: u64,
}

impl<'a, I: Iterator<Item = RecordRef<'a>> + Clone> Content<'a, I> {
    pub(super) fn new(records: I, evidence: Option<&'a Evidence>) -> Self {
        let body = BodyOf {
            format: HISTORY_FORMAT,
            segments: records,
            evidence,
        };
        let mut summed = BufWriter::with_capacity(BUFFER_BYTES, Summed(Crc32::of(&[]), 0));
        // The body is numbers, plain names and lists: JSON can say all of it.
        let _ = serde_json::to_writer(&mut summed, &body);
        let _ = summed.flush();
        let Summed(crc32, body_bytes) = *summed.get_ref();
        Self {
            body,
            crc32,
            body_bytes,
        }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        let around = self.front().len().saturating_add(BACK.len());
        self.body_bytes.saturating_add(around as u64)
    }

    pub(super) fn write(&self, mut out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.front().as_bytes())?;
        serde_json::to_writer(&mut out, &self.body)?;
        out.write_all(BACK.as_bytes())
    }

    fn front(&self) -> String {
        format!("{FRONT}{}{FRONT_END}", self.crc32)
    }
}

/// The checksum and the count of what is written.
#[derive(Clone, Copy)]
struct Summed(Crc32, u64);

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.followed_by(bytes);
        self.1 = self.1.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the content of the file, piece by piece. Whether its records count is known when all were
/// seen.
pub(super) fn decode(
    file: Bytes<'_>,
    each: impl FnMut(SegmentRecord),
) -> apograph_io::Result<Result<Option<Evidence>, Lost>> {
    let Some((crc32, body)) = envelope(file)? else {
        return Ok(Err(Lost));
    };
    let mut found = Crc32::of(&[]);
    body.for_each(|piece| found = found.followed_by(piece))?;
    if found != crc32 {
        return Ok(Err(Lost));
    }
    let mut reader = body.reader();
    let mut text = serde_json::Deserializer::from_reader(&mut reader);
    let read = text.deserialize_map(Body(each));
    let read = read.and_then(|cursor| text.end().map(|()| cursor));
    drop(text);
    match reader.into_error() {
        Some(error) => Err(error),
        None => Ok(read.map_err(|_| Lost)),
    }
}

/// The checksum of the body and the body.
fn envelope(file: Bytes<'_>) -> apograph_io::Result<Option<(Crc32, Bytes<'_>)>> {
    let front = file.slice(0..FRONT_BYTES).read()?;
    let back = file.last(BACK_MAX_BYTES).read()?;
    let crc32 = std::str::from_utf8(&front).ok().and_then(|front| {
        let crc32 = front.strip_prefix(FRONT)?.strip_suffix(FRONT_END)?;
        crc32.parse().ok()
    });
    let behind = back.len().saturating_sub(back.trim_ascii_end().len());
    let end = file.len().saturating_sub(behind).saturating_sub(1);
    let is_closed = back.trim_ascii_end().ends_with(b"}");
    Ok(crc32
        .filter(|_| is_closed)
        .map(|crc32| (crc32, file.slice(FRONT_BYTES..end))))
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Format,
    Segments,
    Evidence,
    #[serde(other)]
    Unknown,
}

struct Body<F>(F);

impl<'de, F: FnMut(SegmentRecord)> Visitor<'de> for Body<F> {
    type Value = Option<Evidence>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of a history")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Option<Evidence>, A::Error> {
        let (mut format, mut segments, mut evidence) = (None, None, None);
        let once = |is_there: bool, name| {
            let twice = is_there.then(|| A::Error::duplicate_field(name));
            twice.map_or(Ok(()), Err)
        };
        while let Some(key) = map.next_key()? {
            match key {
                Key::Format => {
                    once(format.is_some(), "format")?;
                    format = Some(map.next_value::<u32>()?);
                }
                Key::Segments => {
                    once(segments.is_some(), "segments")?;
                    segments = Some(map.next_value_seed(Records(&mut self.0))?);
                }
                Key::Evidence => {
                    once(evidence.is_some(), "evidence")?;
                    evidence = Some(map.next_value::<Option<Evidence>>()?);
                }
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        segments.ok_or_else(|| A::Error::missing_field("segments"))?;
        if format != Some(HISTORY_FORMAT) {
            return Err(A::Error::custom("another format"));
        }
        Ok(evidence.flatten())
    }
}

struct Records<'a, F>(&'a mut F);

impl<'de, F: FnMut(SegmentRecord)> DeserializeSeed<'de> for Records<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(SegmentRecord)> Visitor<'de> for Records<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(record) = list.next_element()? {
            (self.0)(record);
        }
        Ok(())
    }
}
