//! The file of an increment that several are merged into.
//!
//! It is cut from theirs, and no frame is encoded again. In generation 1 it has a header and their
//! bodies one after the other, without what repeats the log before. In generation 2 it has the pieces
//! of their log files; those that meet in one log file are one piece, with the header of the first.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Generation, LogPosition, SegmentHeader};
use apograph_io::{Bytes, Context, spool_error, spool_file};
use apograph_manifest::{MergedIncrement, Unusable};

use crate::segment::IncrementFile;
use crate::segment_defect::SegmentDefect;

/// What the file is called in messages.
pub(crate) const MERGED: &str = "a merged increment";

/// A file without a name, to which increments are added in the order of the log.
pub(crate) struct MergedFile {
    file: File,
    /// That of the first increment, with what all of them count.
    header: SegmentHeader,
    piece: Option<OpenPiece>,
}

/// Generation 2: the piece at the end, which may go on.
struct OpenPiece {
    header: WalSegmentHeader,
    /// Where its length stands.
    starts_at: u64,
    frames_bytes: u64,
}

impl MergedFile {
    /// A file of the first increment.
    pub(crate) fn of(first: &IncrementFile, context: Context<'_>) -> Result<Self, SegmentDefect> {
        Self::behind(first, 0, context)
    }

    /// The same, but for so many bytes at the front of its log.
    pub(crate) fn behind(
        first: &IncrementFile,
        skipped_bytes: u64,
        context: Context<'_>,
    ) -> Result<Self, SegmentDefect> {
        let mut header = SegmentHeader {
            count: 0,
            ..first.header
        };
        // Another process took over at the front of it, and that is left out.
        header.flags.reopened &= skipped_bytes == 0;
        let mut file = spool_file()?;
        file.write_all(&header.encode())
            .map_err(spool_error("write"))?;
        let mut merged = Self {
            file,
            header,
            piece: None,
        };
        merged.add(first, skipped_bytes, context)?;
        Ok(merged)
    }

    /// Adds an increment, but for so many bytes at the front of its log.
    pub(crate) fn add(
        &mut self,
        increment: &IncrementFile,
        repeated_bytes: u64,
        context: Context<'_>,
    ) -> Result<(), SegmentDefect> {
        self.header.count = self.header.count.saturating_add(increment.header.count);
        for (index, part) in increment.parts(repeated_bytes).iter().enumerate() {
            if part.bytes.is_empty() {
                continue;
            }
            if let Some(header) = increment.wal_header(index) {
                self.enter(header, part.start())?;
            }
            self.append(part.bytes, context)?;
        }
        Ok(())
    }

    /// The whole file, with the header that says what is in it.
    pub(crate) fn finish(mut self, merged: &MergedIncrement) -> io::Result<File> {
        self.close_piece()?;
        let count = match self.header.generation {
            Generation::One => self.header.count,
            Generation::Two => merged.content.commits,
        };
        let header = SegmentHeader {
            start_epoch: merged.start_epoch,
            end_epoch: merged.end_epoch,
            count,
            ..self.header
        };
        self.write_at(0, &header.encode())?;
        self.file.rewind()?;
        Ok(self.file)
    }

    /// Generation 2: goes on in the log file that has a header, from a position on.
    fn enter(&mut self, header: WalSegmentHeader, start: LogPosition) -> Result<(), SegmentDefect> {
        let open = self.piece.as_ref();
        if open.is_some_and(|piece| piece.header.is_same_segment(&header)) {
            return Ok(());
        }
        let first = header.first_lsn;
        let header = match start {
            LogPosition::Lsn(start) if start != first && !header.is_encrypted => {
                header.beginning_at(start)
            }
            LogPosition::Lsn(start) if start != first => {
                // It is bound to the key, and to the place where the log file begins.
                let detail = format!("the encrypted log file at LSN {first} lacks its front");
                return Err(Unusable::damaged(0, detail).into());
            }
            _ => header,
        };
        self.close_piece().map_err(spool_error("write"))?;
        let starts_at = self.file.stream_position().map_err(spool_error("write"))?;
        let mut front = [0; 8].to_vec();
        front.extend_from_slice(header.bytes());
        self.file.write_all(&front).map_err(spool_error("write"))?;
        self.piece = Some(OpenPiece {
            header,
            starts_at,
            frames_bytes: 0,
        });
        Ok(())
    }

    fn append(&mut self, bytes: Bytes<'_>, context: Context<'_>) -> Result<(), SegmentDefect> {
        let mut outcome = Ok(());
        bytes.for_each(|piece| {
            if outcome.is_ok() {
                let taken = context.monitor.go_on();
                outcome =
                    taken.and_then(|()| self.file.write_all(piece).map_err(spool_error("write")));
            }
        })?;
        outcome?;
        if let Some(piece) = &mut self.piece {
            piece.frames_bytes = piece.frames_bytes.saturating_add(bytes.len() as u64);
        }
        Ok(())
    }

    fn close_piece(&mut self) -> io::Result<()> {
        let Some(piece) = self.piece.take() else {
            return Ok(());
        };
        let header = WAL_SEGMENT_HEADER_BYTES as u64;
        let length = piece.frames_bytes.saturating_add(header);
        self.write_at(piece.starts_at, &length.to_le_bytes())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)?;
        self.file.seek(SeekFrom::End(0)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use apograph_format::Epoch;
    use apograph_io::Source;
    use apograph_testing::encoding::v2::{log_header, seal_log_header};

    use super::*;
    use crate::segment::StoredFile;

    /// The header of a log file that begins at a position and was created at a time.
    fn header(first_lsn: u64, created_at: u64, is_encrypted: bool) -> Vec<u8> {
        let mut header = log_header(7, first_lsn, created_at);
        header[12] = u8::from(is_encrypted);
        seal_log_header(&mut header);
        header
    }

    fn piece(header: &[u8], frames: &[u8]) -> Vec<u8> {
        let length = (header.len() + frames.len()) as u64;
        [&length.to_le_bytes(), header, frames].concat()
    }

    fn increment(pieces: &[Vec<u8>]) -> IncrementFile {
        let header = SegmentHeader {
            generation: Generation::Two,
            start_epoch: Epoch::new(1),
            end_epoch: Epoch::new(1),
            count: 1,
            flags: apograph_format::SegmentFlags::default(),
        };
        let mut file = spool_file().expect("a file");
        let bytes = [header.encode().to_vec(), pieces.concat()].concat();
        file.write_all(&bytes).expect("written");
        let source = Source::of(file, "an increment".as_ref()).expect("open");
        let stored = StoredFile::of(source).expect("no holes");
        IncrementFile::of(stored).expect("an increment")
    }

    /// What follows the header where the second increment is added, of which so much is repeated.
    fn joined(first: &[Vec<u8>], next: &[Vec<u8>], repeated: u64) -> Result<Vec<u8>, String> {
        let context = Context::default();
        let mut merged = MergedFile::of(&increment(first), context).expect("written");
        let added = merged.add(&increment(next), repeated, context);
        added.map_err(|error| apograph_format::WithCauses(&error).to_string())?;
        merged.close_piece().expect("written");
        assert_eq!(merged.header.count, 2);
        merged.file.rewind().expect("its start");
        let mut bytes = Vec::new();
        merged.file.read_to_end(&mut bytes).expect("readable");
        Ok(bytes.split_off(apograph_format::SEGMENT_HEADER_BYTES))
    }

    #[test]
    fn pieces_that_meet_in_one_log_file_are_one() {
        for is_encrypted in [false, true] {
            let own = |first| header(first, 5, is_encrypted);
            let next = |first| header(first, 6, is_encrypted);
            // The second one begins with the whole log file again, as one that is encrypted has to.
            let found = joined(
                &[piece(&own(100), b"one")],
                &[piece(&own(100), b"onetwo"), piece(&next(106), b"three")],
                3,
            );
            let expected = [piece(&own(100), b"onetwo"), piece(&next(106), b"three")];
            assert_eq!(found, Ok(expected.concat()), "{is_encrypted}");
            let found = joined(&[piece(&own(100), b"one")], &[piece(&next(103), b"two")], 0);
            let expected = [piece(&own(100), b"one"), piece(&next(103), b"two")];
            assert_eq!(found, Ok(expected.concat()), "{is_encrypted}");
        }
        let (own, later) = (header(100, 5, false), header(103, 5, false));
        let found = joined(&[piece(&own, b"one")], &[piece(&later, b"two")], 0);
        assert_eq!(found, Ok(piece(&own, b"onetwo")));
    }

    #[test]
    fn a_piece_that_begins_within_another_log_file_has_a_header_made_for_it() {
        let first = [piece(&header(100, 5, false), b"one")];
        let found = joined(&first, &[piece(&header(90, 6, false), &[b'x'; 16])], 13);
        let made = piece(&header(103, 6, false), b"xxx");
        assert_eq!(found, Ok([first.concat(), made].concat()));
        // That of an encrypted one is bound to its key.
        let first = [piece(&header(100, 5, true), b"one")];
        let found = joined(&first, &[piece(&header(90, 6, true), &[b'x'; 16])], 13);
        let told = "the encrypted log file at LSN 90 lacks its front";
        assert!(found.is_err_and(|error| error.contains(told)));
    }
}
