//! What stands after a defect: see the essay in [`crate::v1::reader`].

use apograph_format::v1::{
    FRAME_CHECKSUM_BYTES, FRAME_LENGTH_BYTES, FRAME_OVERHEAD_BYTES, FrameDefect, RawFrame, Record,
    RecordKind,
};
use apograph_format::{Crc32, TransactionId};
use apograph_io::Result;

use crate::part::{LogPart, Place};
use crate::window::LogWindow;

/// The longest payload of a control record: the tag and the longest number.
const CONTROL_PAYLOAD_MAX_BYTES: usize = 10;
/// The longest frame of one.
pub(crate) const CONTROL_FRAME_MAX_BYTES: usize = CONTROL_PAYLOAD_MAX_BYTES + FRAME_OVERHEAD_BYTES;

/// What the bytes after a defect prove.
pub(crate) enum Evidence {
    /// A crash: the engine's seal stands at this place, before any other control record.
    Seal(Place),
    /// Damage: committed records stand after the defect.
    Damage,
    /// Nothing intact follows.
    TornTail,
}

/// Looks for the first intact control record after the defective frame at `place`.
pub(crate) fn evidence(
    parts: &[LogPart<'_>],
    place: Place,
    defect: FrameDefect,
) -> Result<Evidence> {
    let mut window = LogWindow::of(parts);
    // A seal begins a file. Elsewhere it is what somebody wrote into a property.
    let holds_seals = parts.get(place.part).is_some_and(LogPart::may_hold_seals);
    match first_control(&mut window, place, holds_seals)? {
        Some((offset, Record::Abort(TransactionId::INVALID))) => {
            let seal = Place { offset, ..place };
            return before_seal(&mut window, place, offset, defect, seal);
        }
        Some(_) => return Ok(Evidence::Damage),
        None => {}
    }
    let later = parts
        .get(place.part.saturating_add(1)..)
        .unwrap_or_default();
    let end = place.offset.saturating_add(window.rest(place));
    let Some(skipped) = later.iter().position(|part| !part.bytes.is_empty()) else {
        let is_whole = is_whole(&mut window, place, end, defect)?;
        return Ok(if is_whole {
            Evidence::Damage
        } else {
            Evidence::TornTail
        });
    };
    let next = Place {
        part: place.part.saturating_add(1).saturating_add(skipped),
        offset: 0,
    };
    let first = intact_control(window.at(next, CONTROL_FRAME_MAX_BYTES)?);
    if first == Some(Record::Abort(TransactionId::INVALID)) {
        return before_seal(&mut window, place, end, defect, next);
    }
    Ok(Evidence::Damage)
}

/// What the bytes from a defect to `end` are, after which a seal stands.
fn before_seal(
    window: &mut LogWindow<'_>,
    place: Place,
    end: usize,
    defect: FrameDefect,
    seal: Place,
) -> Result<Evidence> {
    Ok(if is_whole(window, place, end, defect)? {
        Evidence::Damage
    } else {
        Evidence::Seal(seal)
    })
}

/// Whether the bytes up to `end` begin with a whole frame after all, with one thing wrong in it.
fn is_whole(
    window: &mut LogWindow<'_>,
    place: Place,
    end: usize,
    defect: FrameDefect,
) -> Result<bool> {
    let rest = end.saturating_sub(place.offset);
    let front = window.at(place, CONTROL_FRAME_MAX_BYTES.min(rest))?;
    let front = front.get(..rest).unwrap_or(front);
    if control_under_wrong_length(front) {
        return Ok(true);
    }
    let claimed = front
        .first_chunk::<FRAME_LENGTH_BYTES>()
        .and_then(|length| usize::try_from(u32::from_le_bytes(*length)).ok())
        .and_then(|length| length.checked_add(FRAME_LENGTH_BYTES));
    let Some(claimed) = claimed.filter(|claimed| *claimed <= rest && defect != FrameDefect::Empty)
    else {
        return Ok(false);
    };
    let from_checksum = rest.saturating_sub(claimed);
    if from_checksum < FRAME_CHECKSUM_BYTES {
        return Ok(false);
    }
    let mut is_zero = true;
    window.for_each(place.plus(claimed), from_checksum, |piece| {
        is_zero = is_zero && piece.iter().all(|&byte| byte == 0);
    })?;
    Ok(!is_zero)
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

/// The first offset after a place at which an intact control record stands.
fn first_control(
    window: &mut LogWindow<'_>,
    place: Place,
    seals_count: bool,
) -> Result<Option<(usize, Record)>> {
    let counts = |record: &Record| seals_count || *record != Record::Abort(TransactionId::INVALID);
    let end = place.offset.saturating_add(window.rest(place));
    let beyond = CONTROL_FRAME_MAX_BYTES;
    window.search(place.plus(1), end, beyond, |bytes, offset, searched| {
        (0..searched).find_map(|index| {
            let record = intact_control(bytes.get(index..)?).filter(counts)?;
            Some((offset.saturating_add(index), record))
        })
    })
}

#[inline]
pub(crate) fn intact_control(bytes: &[u8]) -> Option<Record> {
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
