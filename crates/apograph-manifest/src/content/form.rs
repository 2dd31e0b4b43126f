//! What `apograph.json` says of a segment's content: one list of fields for both generations.

use std::borrow::Cow;

use apograph_format::{Crc32, DatabaseId, Generation, LogPosition, Point, UnixMillis};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{
    Captures, FullContent, FullOf, ImageIdentity, ImageOf, IncrementContent, IncrementOf,
    LsnIncrement, TimeSpan, TimelineSpans,
};

/// Why a text is of no segment.
const OF_NO_GENERATION: &str = "fields of both generations";

#[derive(Serialize, Deserialize)]
struct FullForm {
    image: ImageIdentity,
    base: Point,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    further: Option<u64>,
    continues: bool,
    log_start: Option<LogPosition>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    spanned: bool,
}

impl From<FullContent> for FullForm {
    fn from(content: FullContent) -> Self {
        let FullContent {
            image,
            base,
            further,
            continues,
            of,
        } = content;
        Self {
            image,
            base,
            further,
            continues,
            log_start: content.log_start(),
            spanned: matches!(
                of,
                FullOf::Two {
                    is_spanned: true,
                    ..
                }
            ),
        }
    }
}

impl Serialize for FullContent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        FullForm::from(*self).serialize(to)
    }
}

impl<'de> Deserialize<'de> for FullContent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let form = FullForm::deserialize(from)?;
        form.try_into().map_err(Error::custom)
    }
}

impl TryFrom<FullForm> for FullContent {
    type Error = &'static str;

    fn try_from(form: FullForm) -> Result<Self, Self::Error> {
        let mut of = FullOf::from(form.log_start);
        match (&mut of, form.image.generation()) {
            (FullOf::One { .. }, Generation::One) if !form.spanned => {}
            (FullOf::Two { is_spanned, .. }, Generation::Two) => *is_spanned = form.spanned,
            _ => return Err(OF_NO_GENERATION),
        }
        Ok(Self {
            image: form.image,
            base: form.base,
            further: form.further,
            continues: form.continues,
            of,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct ImageForm {
    database_created_at: UnixMillis,
    iteration: u64,
    checksum: Crc32,
    #[serde(default)]
    written_at: UnixMillis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<DatabaseId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_encrypted: bool,
}

impl From<ImageIdentity> for ImageForm {
    fn from(image: ImageIdentity) -> Self {
        Self {
            database_created_at: image.database_created_at,
            iteration: image.iteration,
            checksum: image.checksum,
            written_at: image.written_at,
            database: image.database(),
            is_encrypted: image.is_encrypted(),
        }
    }
}

impl Serialize for ImageIdentity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ImageForm::from(*self).serialize(to)
    }
}

impl<'de> Deserialize<'de> for ImageIdentity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let form = ImageForm::deserialize(from)?;
        form.try_into().map_err(Error::custom)
    }
}

impl TryFrom<ImageForm> for ImageIdentity {
    type Error = &'static str;

    fn try_from(form: ImageForm) -> Result<Self, Self::Error> {
        let is_encrypted = form.is_encrypted;
        let of = match form.database {
            None if is_encrypted => return Err(OF_NO_GENERATION),
            None => ImageOf::One,
            Some(database) => ImageOf::Two {
                database,
                is_encrypted,
            },
        };
        Ok(Self {
            database_created_at: form.database_created_at,
            iteration: form.iteration,
            checksum: form.checksum,
            written_at: form.written_at,
            of,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct LogRange {
    start: LogPosition,
    end: LogPosition,
}

#[derive(Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the segment"
)]
struct IncrementForm<'a> {
    range: Option<LogRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    committed: Option<TimeSpan>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_encrypted: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    diverges: bool,
    overlap_bytes: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    continues: bool,
    repeats: bool,
    catches_up: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    spans: bool,
    stretches: Cow<'a, TimelineSpans>,
    process_ended: bool,
    commits: u64,
    records: u64,
    frames: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    captures: Cow<'a, Captures>,
}

fn is_none(captures: &Captures) -> bool {
    captures.is_empty()
}

impl Serialize for IncrementContent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let range = self.start().zip(self.end());
        let second = self.lsns();
        let form = IncrementForm {
            range: range.map(|(start, end)| LogRange { start, end }),
            committed: self.committed(),
            is_encrypted: self.is_encrypted(),
            diverges: second.is_some_and(|log| log.diverges),
            overlap_bytes: self.overlap_bytes,
            continues: self.continues,
            repeats: self.repeats,
            catches_up: self.catches_up,
            spans: second.is_some_and(|log| log.spans),
            stretches: Cow::Borrowed(&self.stretches),
            process_ended: self.process_ended,
            commits: self.commits,
            records: self.records,
            frames: self.frames,
            captures: Cow::Borrowed(&self.captures),
        };
        form.serialize(to)
    }
}

impl<'de> Deserialize<'de> for IncrementContent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let form = IncrementForm::deserialize(from)?;
        let of = form
            .of()
            .ok_or_else(|| D::Error::custom(OF_NO_GENERATION))?;
        Ok(Self {
            of,
            overlap_bytes: form.overlap_bytes,
            continues: form.continues,
            repeats: form.repeats,
            catches_up: form.catches_up,
            stretches: form.stretches.into_owned(),
            process_ended: form.process_ended,
            commits: form.commits,
            records: form.records,
            frames: form.frames,
            captures: form.captures.into_owned(),
        })
    }
}

impl IncrementForm<'_> {
    /// `None` where its fields are of no generation.
    fn of(&self) -> Option<IncrementOf> {
        let of = match &self.range {
            Some(range) => IncrementOf::between(range.start, range.end)?,
            None => IncrementOf::Unplaced,
        };
        match of {
            IncrementOf::Lsns(log) => Some(IncrementOf::Lsns(LsnIncrement {
                committed: self.committed,
                is_encrypted: self.is_encrypted,
                diverges: self.diverges,
                spans: self.spans,
                ..log
            })),
            of => {
                let is_second =
                    self.committed.is_some() || self.is_encrypted || self.diverges || self.spans;
                (!is_second).then_some(of)
            }
        }
    }
}
