//! A segment's file, opened: its bytes and its structure.

use std::fs::File;
use std::ops::Range;

use apograph_format::v1::{SpillTable, SpilledFile};
use apograph_format::v2::{PieceWalk, WalSegmentHeader};
use apograph_format::{
    Extent, FormatError, Generation, Image, Lsn, SEGMENT_HEADER_BYTES, SegmentHeader,
};
#[cfg(feature = "vault")]
use apograph_format::{LogPosition, LogSequence};
use apograph_io::{At, Bytes, Context, IoError, PartsSums, Source, Sums};
use apograph_manifest::{ImageIdentity, Unusable};
use apograph_wal::LogPart;

use crate::check::{Expected, check_file, check_size};
use crate::segment_defect::{SegmentDefect, usable};

/// The most log files that one increment may have pieces of: more than 64 TiB of log.
const PIECES_MAX: usize = 1 << 20;

/// A segment's file, held open.
#[derive(Debug)]
pub struct StoredFile {
    source: Source,
}

impl StoredFile {
    /// Opens a segment's file, unless almost all of it is a gap: nobody ever wrote that.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn open(at: At<'_>) -> Result<Self, SegmentDefect> {
        Self::of(at.source()?)
    }

    /// The same of a file that is open.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn of(source: Source) -> Result<Self, SegmentDefect> {
        if source.is_sparse() {
            let count = source.len();
            let detail = format!("almost all of its {count} bytes were never written");
            return Err(Unusable::damaged(0, detail).into());
        }
        Ok(Self { source })
    }

    /// The open file.
    pub const fn file(&self) -> &File {
        self.source.file()
    }

    /// The whole file, which is read by the piece.
    pub const fn bytes(&self) -> Bytes<'_> {
        self.source.bytes()
    }
}

/// An increment's file with its header read, and where its pieces are.
#[derive(Debug)]
pub struct IncrementFile {
    stored: StoredFile,
    /// The header.
    pub header: SegmentHeader,
    pieces: Vec<PieceAt>,
}

/// Where a piece of a log file of generation 2 is.
#[derive(Debug)]
struct PieceAt {
    /// The place of its frames in the file; its header stands before them.
    frames: Range<usize>,
    header: WalSegmentHeader,
}

impl PieceAt {
    /// The position of its first frame.
    const fn first(&self) -> Lsn {
        self.header.first_lsn
    }
}

impl IncrementFile {
    /// Opens an increment.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn open(at: At<'_>) -> Result<Self, SegmentDefect> {
        Self::of(StoredFile::open(at)?)
    }

    /// The increment in a file.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect::Unusable`].
    pub fn of(stored: StoredFile) -> Result<Self, SegmentDefect> {
        let header = decode_header(stored.bytes())?;
        let pieces = match header.generation {
            Generation::One => Vec::new(),
            Generation::Two => {
                let (pieces, found) = find_pieces(stored.bytes());
                found?;
                pieces
            }
        };
        if header.generation == Generation::Two && pieces.is_empty() && header.count > 0 {
            return Err(left_out(header.count).into());
        }
        Ok(Self {
            stored,
            header,
            pieces,
        })
    }

    /// The increment in a file that is damaged, as far as its pieces can be found.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`] where its header cannot be read.
    pub(crate) fn damaged(stored: StoredFile) -> Result<Self, SegmentDefect> {
        let header = decode_header(stored.bytes())?;
        let pieces = match header.generation {
            Generation::One => Vec::new(),
            Generation::Two => find_pieces(stored.bytes()).0,
        };
        Ok(Self {
            stored,
            header,
            pieces,
        })
    }

    /// The open file.
    pub const fn file(&self) -> &File {
        self.stored.file()
    }

    /// The same file, of which nothing is known.
    #[cfg(feature = "vault")]
    pub(crate) fn into_stored(self) -> StoredFile {
        self.stored
    }

    /// The whole file.
    pub const fn bytes(&self) -> Bytes<'_> {
        self.stored.bytes()
    }

    /// What follows the header: log frames in generation 1, pieces of log files in generation 2.
    pub fn body(&self) -> Bytes<'_> {
        self.bytes().skip(SEGMENT_HEADER_BYTES)
    }

    /// The log in it, without the first bytes of it.
    pub fn parts(&self, skip_bytes: u64) -> Vec<LogPart<'_>> {
        match self.header.generation {
            Generation::One => {
                let part = LogPart::of_body(&self.header, self.body());
                vec![part.skipping(skip_bytes)]
            }
            Generation::Two => {
                let start = self.pieces.first().map_or(Lsn::default(), PieceAt::first);
                let from = start.plus(skip_bytes);
                let parts = self.pieces.iter().map(|piece| {
                    let part = self.part_of(piece);
                    part.skipping(from.distance_from(piece.first()))
                });
                parts.collect()
            }
        }
    }

    /// The position of its first byte: in generation 1 in its own body.
    #[cfg(feature = "vault")]
    pub(crate) fn start(&self) -> LogPosition {
        match self.pieces.first() {
            Some(piece) => LogPosition::Lsn(piece.first()),
            None => LogPosition::in_file(LogSequence::default(), 0),
        }
    }

    /// Generation 2: where in the log it lies; `None` without a piece.
    pub fn range(&self) -> Option<Range<Lsn>> {
        let (first, last) = (self.pieces.first()?, self.pieces.last()?);
        Some(first.first()..last.first().plus(last.frames.len() as u64))
    }

    /// Generation 2: the header of the log file that the `index`-th part is of.
    pub fn wal_header(&self, index: usize) -> Option<WalSegmentHeader> {
        Some(self.pieces.get(index)?.header)
    }

    /// Generation 2: the header of the log file in which it ends.
    pub fn last_wal_header(&self) -> Option<WalSegmentHeader> {
        self.wal_header(self.pieces.len().checked_sub(1)?)
    }

    /// Generation 2: the log bytes right before a position, as far as they lie in one log file.
    pub fn before(&self, lsn: Lsn) -> Bytes<'_> {
        let piece = self.pieces.iter().rfind(|piece| piece.first() < lsn);
        let bytes = piece.and_then(|piece| {
            let length = usize::try_from(lsn.distance_from(piece.first())).ok()?;
            let is_there = length <= piece.frames.len();
            let frames = self.bytes().slice(piece.frames.clone());
            is_there.then(|| frames.slice(0..length))
        });
        bytes.unwrap_or(Bytes::EMPTY)
    }

    /// Generation 2: whether a log file begins at a position, or this increment does.
    pub fn begins_at(&self, lsn: Lsn) -> bool {
        self.pieces.iter().any(|piece| piece.first() == lsn)
    }

    fn part_of(&self, piece: &PieceAt) -> LogPart<'_> {
        let frames = self.bytes().slice(piece.frames.clone());
        LogPart::of_piece(&piece.header, piece.frames.start as u64, frames)
    }
}

fn decode_header(file: Bytes<'_>) -> Result<SegmentHeader, SegmentDefect> {
    Ok(SegmentHeader::decode(
        &file.slice(0..SEGMENT_HEADER_BYTES).read()?,
    )?)
}

/// Whether an increment that cannot be used is a header alone: it counts groups and holds none.
/// Without a count it could be used.
///
/// # Errors
///
/// That of the operating system.
pub(crate) fn leaves_out(bytes: Bytes<'_>) -> Result<bool, IoError> {
    let header = usable(decode_header(bytes))?;
    Ok(header.is_some() && {
        let (pieces, found) = find_pieces(bytes);
        usable(found)?.is_some() && pieces.is_empty()
    })
}

/// After a crash the cursor can name a position in the middle of a log file. Then the engine counts
/// the groups after it, and writes none of them into its increment.
fn left_out(groups: u64) -> Unusable {
    let detail =
        format!("it counts {groups} commit groups and holds none: the engine left them out");
    let offset = SEGMENT_HEADER_BYTES as u64;
    Unusable::damaged(offset, detail)
}

/// The pieces up to the first that cannot be found, and why that cannot.
fn find_pieces(file: Bytes<'_>) -> (Vec<PieceAt>, Result<(), SegmentDefect>) {
    let body = file.skip(SEGMENT_HEADER_BYTES);
    let mut pieces = Vec::new();
    let mut walk = PieceWalk::new(body.len() as u64);
    let found = loop {
        match next_piece(&mut walk, body, pieces.len()) {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) => break Ok(()),
            Err(defect) => break Err(defect),
        }
    };
    (pieces, found)
}

fn next_piece(
    walk: &mut PieceWalk,
    body: Bytes<'_>,
    number: usize,
) -> Result<Option<PieceAt>, SegmentDefect> {
    let Some(front) = walk.front() else {
        return Ok(None);
    };
    let front = body.slice(place(front.start)..place(front.end)).read()?;
    let piece = walk.take(&front);
    let piece = piece.map_err(|error| error.shifted(SEGMENT_HEADER_BYTES as u64))?;
    let start = place(piece.offset).saturating_add(SEGMENT_HEADER_BYTES);
    if number == PIECES_MAX {
        let detail = format!("more than {PIECES_MAX} pieces of log files");
        let offset = start as u64;
        return Err(Unusable::damaged(offset, detail).into());
    }
    Ok(Some(PieceAt {
        frames: start..start.saturating_add(place(piece.frames_bytes)),
        header: piece.header,
    }))
}

/// An offset in a file that is open, and so no longer than what can be counted.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// A full backup's file with its structure read.
#[derive(Debug)]
pub struct FullFile {
    stored: StoredFile,
    /// The structure.
    pub image: Image,
    spilled: SpillTable,
    image_bytes: u64,
}

impl FullFile {
    /// Opens a full backup.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn open(at: At<'_>) -> Result<Self, SegmentDefect> {
        Self::of(StoredFile::open(at)?)
    }

    /// The full backup in a file.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn of(stored: StoredFile) -> Result<Self, SegmentDefect> {
        let bytes = stored.bytes();
        let image = parse_image::<SegmentDefect>(bytes)?;
        let size_bytes = bytes.len() as u64;
        let spilled = match image.headers().file.generation {
            Generation::One => SpillTable::decode_by(size_bytes, |range| {
                let read = bytes.slice(place(range.start)..place(range.end)).read();
                read.map_err(SegmentDefect::from)
            })?,
            Generation::Two => None,
        };
        let (spilled, image_bytes) = spilled.unwrap_or((SpillTable::default(), size_bytes));
        Ok(Self {
            stored,
            image,
            spilled,
            image_bytes,
        })
    }

    /// The open file.
    pub const fn file(&self) -> &File {
        self.stored.file()
    }

    /// The whole file.
    pub const fn bytes(&self) -> Bytes<'_> {
        self.stored.bytes()
    }

    /// How long the database file at the front is.
    pub const fn image_bytes(&self) -> u64 {
        self.image_bytes
    }

    /// Generation 1: the embeddings that belong to the image, and where in the file they are.
    pub fn spilled(&self) -> impl Iterator<Item = (&SpilledFile, Range<u64>)> {
        self.spilled.ranges(self.image_bytes)
    }

    /// Compares every section with its checksum; tells the sums of the file.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn check_sections(&self, context: Context<'_>) -> Result<Sums, SegmentDefect> {
        check_image(&self.image, self.bytes(), context)
    }

    /// Compares every section with its checksum, and the file with the manifest and its record;
    /// tells the sums of the file.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect`].
    pub fn check(
        &self,
        expected: Expected<'_>,
        context: Context<'_>,
    ) -> Result<Sums, SegmentDefect> {
        check_size(self.bytes().len() as u64, expected.segment)?;
        // Where a section is damaged, its place says more than the checksum of the whole file.
        let found = self.check_sections(context)?;
        expected.check(self.bytes().len(), found)?;
        Ok(found)
    }

    /// Which database and checkpoint the image is of.
    pub fn identity(&self) -> ImageIdentity {
        ImageIdentity::of(self.image.headers())
    }

    /// Generation 2: where the log after the image begins.
    pub fn log_start(&self) -> Option<Lsn> {
        self.image.checkpoint().log_start
    }
}

/// Reads the structure of a database file.
///
/// # Errors
///
/// Those of the format and of the operating system.
pub fn parse_image<E: From<FormatError> + From<IoError>>(file: Bytes<'_>) -> Result<Image, E> {
    Image::parse_by(file.len() as u64, |range| {
        Ok(file.slice(place(range.start)..place(range.end)).read()?)
    })
}

/// Compares every section of a database file with its checksum; tells the sums of the file, for
/// which each byte of it is read once.
///
/// # Errors
///
/// Those of the format and of the operating system.
pub fn check_image<E: From<FormatError> + From<IoError>>(
    image: &Image,
    file: Bytes<'_>,
    context: Context<'_>,
) -> Result<Sums, E> {
    let sections = image.extents().iter().filter_map(Extent::range);
    let sums = PartsSums::of(file, sections, context)?;
    image.check_by(file.len() as u64, |range| Ok::<_, E>(sums.part(range)))?;
    Ok(sums.whole())
}

impl SegmentDefect {
    /// What the defect is in the file of a segment that the manifest knows: a version that is not
    /// known here is damage where the checksum is another one too.
    #[must_use]
    pub fn in_file(
        self,
        stored: impl FnOnce() -> Result<StoredFile, Self>,
        expected: Expected<'_>,
        context: Context<'_>,
    ) -> Self {
        if !matches!(self, Self::Unusable(Unusable::Unsupported { .. })) {
            return self;
        }
        match stored() {
            Ok(file) => match check_file(file.bytes(), expected, context) {
                Ok(_) => self,
                Err(defect) => defect,
            },
            Err(defect) => defect,
        }
    }
}
