//! What a reader sees of a log: a piece of one of its parts at a time.

use apograph_format::Crc32;
use apograph_io::{Bytes, Result, Window};

use crate::part::{LogPart, Place, Run};

/// A longer frame is not looked at in one piece.
pub(crate) const SHORT_FRAME_BYTES: u64 = 256 << 10;

/// A window on a log.
#[derive(Debug)]
pub(crate) struct LogWindow<'a> {
    parts: &'a [LogPart<'a>],
    /// The part that is seen.
    part: Option<usize>,
    /// After what may be seen of it.
    end: usize,
    window: Window<'a>,
}

impl<'a> LogWindow<'a> {
    pub(crate) const fn of(parts: &'a [LogPart<'a>]) -> Self {
        Self {
            parts,
            part: None,
            end: usize::MAX,
            window: Window::of(Bytes::EMPTY),
        }
    }

    /// A window on a run alone: what lies after it is not read.
    pub(crate) fn within(parts: &'a [LogPart<'a>], run: Run) -> Self {
        Self {
            end: run.end,
            ..Self::of(parts)
        }
    }

    /// The bytes from a place on, within its part: at least so many, or all that there are.
    #[inline]
    pub(crate) fn at(&mut self, place: Place, least: usize) -> Result<&[u8]> {
        if self.part != Some(place.part) {
            self.turn_to(place.part);
        }
        self.window.at(place.offset, least)
    }

    #[cold]
    fn turn_to(&mut self, index: usize) {
        let part = self.parts.get(index);
        let bytes = part.map_or(Bytes::EMPTY, |part| part.bytes.slice(0..self.end));
        self.window.turn_to(bytes);
        self.part = Some(index);
    }

    /// How many bytes the part has from a place on.
    pub(crate) fn rest(&self, place: Place) -> usize {
        let part = self.parts.get(place.part);
        let end = part.map_or(0, |part| part.bytes.len().min(self.end));
        end.saturating_sub(place.offset)
    }

    /// Hands out the next so many bytes from a place on, piece by piece.
    pub(crate) fn for_each(
        &mut self,
        place: Place,
        count: usize,
        mut each: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut done = 0_usize;
        while done < count {
            let offset = place.offset.saturating_add(done);
            let seen = self.at(Place { offset, ..place }, 1)?;
            let piece = seen.get(..count.saturating_sub(done)).unwrap_or(seen);
            if piece.is_empty() {
                break;
            }
            each(piece);
            done = done.saturating_add(piece.len());
        }
        Ok(())
    }

    /// The checksum of the next so many bytes.
    pub(crate) fn crc32(&mut self, place: Place, count: usize) -> Result<Crc32> {
        let mut found = Crc32::of(&[]);
        self.for_each(place, count, |piece| found = found.followed_by(piece))?;
        Ok(found)
    }

    /// Looks for the first offset in a part, from a place on and before `end`, at which something
    /// stands. `find` gets bytes, where they begin, and how many of them are to be searched: of
    /// what begins there, `beyond` bytes are to be seen, where the part has them.
    pub(crate) fn search<T>(
        &mut self,
        place: Place,
        end: usize,
        beyond: usize,
        mut find: impl FnMut(&[u8], usize, usize) -> Option<T>,
    ) -> Result<Option<T>> {
        let mut place = place;
        while place.offset < end {
            let rest = self.rest(place);
            let seen = self.at(place, beyond.saturating_add(1))?;
            let whole = if seen.len() < rest {
                seen.len().saturating_sub(beyond)
            } else {
                seen.len()
            };
            let searched = whole.min(end.saturating_sub(place.offset));
            if searched == 0 {
                break;
            }
            let seen = seen.get(..searched.saturating_add(beyond)).unwrap_or(seen);
            if let Some(found) = find(seen, place.offset, searched) {
                return Ok(Some(found));
            }
            place.offset = place.offset.saturating_add(searched);
        }
        Ok(None)
    }
}
