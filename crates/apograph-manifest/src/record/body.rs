//! The text of `apograph.json`, record by record.
//!
//! The file has several times the bytes of what is kept of a segment, and a record repeats what the
//! manifest says. So a record goes to whoever wants it as soon as it is read, and is written from
//! where its parts lie.

use std::fmt;

use apograph_format::Crc32;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Lost, RecordRef, SegmentRecord};
use crate::cursor::Cursor;

const HISTORY_FORMAT: u32 = 1;
/// What stands before the checksum.
const FRONT: &str = r#"{"crc32":""#;
/// What stands between the checksum and the body.
const BETWEEN: &str = r#"","body":"#;
/// What stands behind the body.
const BACK: &str = "}\n";

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

/// The content of the file.
pub(super) fn encode<'a>(
    records: impl Iterator<Item = RecordRef<'a>> + Clone,
    cursor: Option<&'a Cursor>,
) -> Vec<u8> {
    let front = format!("{FRONT}{}{BETWEEN}", Crc32::of(&[]));
    let body_at = front.len();
    let mut bytes = front.into_bytes();
    let body = BodyOf {
        format: HISTORY_FORMAT,
        segments: records,
        cursor,
    };
    // The body is numbers, plain names and lists: JSON can say all of it.
    let _ = serde_json::to_writer(&mut bytes, &body);
    let crc32 = Crc32::of(bytes.get(body_at..).unwrap_or_default());
    let places = bytes.iter_mut().skip(FRONT.len());
    for (place, digit) in places.zip(crc32.to_string().bytes()) {
        *place = digit;
    }
    bytes.extend(BACK.as_bytes());
    bytes
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
