//! The text of `apograph.json`, record by record.
//!
//! The file has several times the bytes of what is kept of a segment, and a record repeats what the
//! manifest says. So a record goes to whoever wants it as soon as it is read, and is written from
//! where its parts lie.

use std::fmt;
use std::io::{self, BufWriter, Write};

use apograph_format::Crc32;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Lost, RecordRef, SegmentRecord};
use crate::cursor::Cursor;

const HISTORY_FORMAT: u32 = 2;
/// What stands behind the body.
const BACK: &str = "}\n";
/// How much of the body is summed at a time.
const BUFFER_BYTES: usize = 16 << 10;

#[derive(Deserialize)]
struct Envelope<'a> {
    crc32: Crc32,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Serialize)]
#[serde(bound = "")]
struct BodyOf<'a, I: Iterator<Item = RecordRef<'a>> + Clone> {
    format: u32,
    #[serde(serialize_with = "put_each")]
    segments: I,
    cursor: Option<&'a Cursor>,
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
    pub(super) fn new(records: I, cursor: Option<&'a Cursor>) -> Self {
        let body = BodyOf {
            format: HISTORY_FORMAT,
            segments: records,
            cursor,
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
        format!(r#"{{"crc32":"{}","body":"#, self.crc32)
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

/// Reads the content of the file. Whether its records count is known when all were seen.
pub(super) fn decode(
    bytes: &[u8],
    each: impl FnMut(SegmentRecord),
) -> Result<Option<Cursor>, Lost> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| Lost)?;
    let text = envelope.body.get();
    if Crc32::of(text.as_bytes()) != envelope.crc32 {
        return Err(Lost);
    }
    let mut body = serde_json::Deserializer::from_str(text);
    body.deserialize_map(Body(each)).map_err(|_| Lost)
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Format,
    Segments,
    Cursor,
    #[serde(other)]
    Unknown,
}

struct Body<F>(F);

impl<'de, F: FnMut(SegmentRecord)> Visitor<'de> for Body<F> {
    type Value = Option<Cursor>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of a history")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Option<Cursor>, A::Error> {
        let (mut format, mut segments, mut cursor) = (None, None, None);
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
                Key::Cursor => {
                    once(cursor.is_some(), "cursor")?;
                    cursor = Some(map.next_value::<Option<Cursor>>()?);
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
        Ok(cursor.flatten())
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
