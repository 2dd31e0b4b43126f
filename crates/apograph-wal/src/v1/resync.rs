//! What stands behind a defect: see the essay in [`crate::v1::reader`].

use apograph_format::v1::{
    FRAME_CHECKSUM_BYTES, FRAME_LENGTH_BYTES, FrameDefect, RawFrame, Record, RecordKind,
};
use apograph_format::{Crc32, TransactionId};

use crate::part::{LogPart, Place};

/// The longest payload of a control record: the tag and the longest number.
pub(super) const CONTROL_PAYLOAD_MAX_BYTES: usize = 10;

/// What the bytes behind a defect prove.
pub(crate) enum Evidence {
    /// A crash: the engine's seal stands at this place, before any other control record.
    Seal(Place),
    /// Damage: committed records stand behind the defect.
    Damage,
    /// Nothing intact follows.
    TornTail,
}

/// Looks for the first intact control record behind the defective frame at `place`.
pub(crate) fn evidence(parts: &[LogPart<'_>], place: Place, defect: FrameDefect) -> Evidence {
    let part = parts.get(place.part);
    let rest = part
        .and_then(|part| part.bytes.get(place.offset..))
        .unwrap_or_default();
    // A seal begins a file. Elsewhere it is what somebody wrote into a property.
    let holds_seals = part.is_some_and(|part| part.joints > 0);
    let later = parts
        .get(place.part.saturating_add(1)..)
        .unwrap_or_default();
    match first_control(rest, holds_seals) {
        Some((offset, Record::Abort(TransactionId::INVALID))) => {
            let torn = rest.get(..offset).unwrap_or_default();
            let offset = place.offset.saturating_add(offset);
            return before_seal(torn, defect, Place { offset, ..place });
        }
        Some(_) => return Evidence::Damage,
        None => {}
    }
    let next = later.iter().position(|part| !part.bytes.is_empty());
    let Some((skipped, part)) = next.and_then(|index| Some((index, later.get(index)?))) else {
        return if is_whole(rest, defect) {
            Evidence::Damage
        } else {
            Evidence::TornTail
        };
    };
    if intact_control(part.bytes) == Some(Record::Abort(TransactionId::INVALID)) {
        let part = place.part.saturating_add(1).saturating_add(skipped);
        return before_seal(rest, defect, Place { part, offset: 0 });
    }
    Evidence::Damage
}

fn before_seal(torn: &[u8], defect: FrameDefect, seal: Place) -> Evidence {
    if is_whole(torn, defect) {
        Evidence::Damage
    } else {
        Evidence::Seal(seal)
    }
}

/// Whether the last bytes of a log begin with a whole frame after all, with one thing wrong in it.
fn is_whole(rest: &[u8], defect: FrameDefect) -> bool {
    let claimed = rest
        .first_chunk::<FRAME_LENGTH_BYTES>()
        .and_then(|length| usize::try_from(u32::from_le_bytes(*length)).ok())
        .and_then(|length| length.checked_add(FRAME_LENGTH_BYTES));
    let from_checksum = claimed.and_then(|claimed| rest.get(claimed..));
    let is_cut = |end: &[u8]| end.len() < FRAME_CHECKSUM_BYTES || end.iter().all(|&byte| byte == 0);
    let ends_here = from_checksum.is_some_and(|end| !is_cut(end));
    ends_here && defect != FrameDefect::Empty || control_under_wrong_length(rest)
}

/// Whether a control record with the right checksum stands here, whatever its length field says.
fn control_under_wrong_length(rest: &[u8]) -> bool {
    let Some(body) = rest.get(FRAME_LENGTH_BYTES..) else {
        return false;
    };
    let control = body.first().and_then(|&tag| RecordKind::from_tag(tag));
    control.is_some_and(RecordKind::is_control)
        && (2..=CONTROL_PAYLOAD_MAX_BYTES).any(|length| {
            let payload = body.get(..length);
            let checksum = body
                .get(length..)
                .and_then(<[u8]>::first_chunk::<FRAME_CHECKSUM_BYTES>);
            payload.zip(checksum).is_some_and(|(payload, checksum)| {
                Crc32::of(payload) == Crc32::new(u32::from_le_bytes(*checksum))
            })
        })
}

/// The first offset behind the front of `bytes` at which an intact control record stands.
fn first_control(bytes: &[u8], seals_count: bool) -> Option<(usize, Record)> {
    let counts = |record: &Record| seals_count || *record != Record::Abort(TransactionId::INVALID);
    (1..bytes.len())
        .find_map(|offset| Some((offset, intact_control(bytes.get(offset..)?).filter(counts)?)))
}

#[inline]
pub(super) fn intact_control(bytes: &[u8]) -> Option<Record> {
    let length = bytes
        .first_chunk::<FRAME_LENGTH_BYTES>()
        .map(|it| u32::from_le_bytes(*it))?;
    if !(2..=CONTROL_PAYLOAD_MAX_BYTES).contains(&usize::try_from(length).ok()?) {
        return None;
    }
    let frame = RawFrame::parse(bytes).ok()?;
    if !frame.kind().is_control() || !frame.is_intact() {
        return None;
    }
    Record::of(&frame).ok()
}
