//! The bytes of a file, read by the piece.
//!
//! No file is mapped. Where a page of a mapping cannot be had, because the file was cut, the disk
//! has a bad sector there or the server is gone, whoever touches it dies of a SIGBUS, and with a
//! library the program that embeds it. (Pages that are populated before they are touched can be
//! dropped again until then.) A read call says what is wrong and where. And into a buffer that
//! stays in a core's own cache it is no slower: populated pages cost more than the copy.
//!
//! So large files are handed on as [`Bytes`], a place in a file or in memory that holds nothing,
//! and are looked at through a [`Window`], which is one buffer. What is asked for is there, or it
//! is an error: bytes after the end of a file that became shorter are never zeros or nothing.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{IoError, Result, failed};
use crate::identity::FileStatus;
use crate::sparse::is_sparse;
use crate::system::nameless_file;

/// How much is read at a time: a core's own cache holds it.
const PIECE_BYTES: usize = 256 << 10;

/// A file without a name that holds some bytes; `path` is for messages.
///
/// # Errors
///
/// [`IoError::Failed`].
pub fn file_of(bytes: &[u8], path: &Path) -> Result<File> {
    let written = || -> io::Result<File> {
        let file = nameless_file()?;
        file.write_all_at(bytes, 0)?;
        Ok(file)
    };
    written().map_err(failed("copy", path))
}

/// An open file with the length that it was found to have.
#[derive(Debug)]
pub struct Source {
    file: File,
    path: PathBuf,
    length: usize,
    status: FileStatus,
}

impl Source {
    /// The bytes that an open file has now; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn of(file: File, path: &Path) -> Result<Self> {
        let found = file.metadata().map_err(failed("inspect", path))?;
        let status = FileStatus::from(&found);
        let length = usize::try_from(status.length)
            .map_err(|_| failed("read", path)(ErrorKind::FileTooLarge))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            status,
        })
    }

    /// A copy in memory of an open file that may be cut or rewritten; `path` is for messages.
    ///
    /// It has as many bytes as were found. It is no one state of the file where that was changed
    /// meanwhile: the reader has to check what it reads. Some bytes that nobody asks for need not
    /// be read, and are zeros in the copy.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`] and [`IoError::Unreadable`].
    pub fn snapshot(file: &File, path: &Path, unread: Range<u64>) -> Result<Self> {
        let copied = || -> io::Result<File> {
            let copy = nameless_file()?;
            let found = file.metadata()?.len();
            let mut length = copy_range(file, &copy, 0..unread.start)?;
            if length == unread.start {
                length = found.clamp(unread.start, unread.end);
            }
            if length == unread.end {
                length = copy_range(file, &copy, unread.end..u64::MAX)?;
            }
            copy.set_len(length)?;
            Ok(copy)
        };
        Self::of(copied().map_err(failed("read", path))?, path)
    }

    /// The same file with the length that it has now.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn renewed(self) -> Result<Self> {
        Self::of(self.file, &self.path)
    }

    /// The same file, which is still being written and will have so many bytes.
    #[must_use]
    pub(crate) fn growing_to(self, length: usize) -> Self {
        Self { length, ..self }
    }

    /// The open file.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file was when it was opened, before any of it was read.
    pub const fn status(&self) -> FileStatus {
        self.status
    }

    /// How many bytes it has.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the file is large and almost all of it is a hole, which reads as zeros and takes no
    /// room on the disk. To read it takes as long as if it were stored.
    pub fn is_sparse(&self) -> bool {
        is_sparse(&self.file, self.length as u64)
    }

    /// All its bytes.
    pub const fn bytes(&self) -> Bytes<'_> {
        Bytes {
            held: Held::In(self),
            start: 0,
            end: self.length,
        }
    }

    /// All of them in memory, for who knows that they are few.
    ///
    /// # Errors
    ///
    /// As [`Bytes::read`].
    pub fn read(&self) -> Result<Vec<u8>> {
        self.bytes().read().map(Cow::into_owned)
    }

    /// Fills a buffer with the bytes from an offset on.
    fn fill(&self, buffer: &mut [u8], offset: usize) -> Result<()> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = (offset + filled) as u64;
            match self.file.read_at(rest, at) {
                Ok(0) => {
                    // It may end before this piece of it.
                    let found = self
                        .file
                        .metadata()
                        .map_err(failed("inspect", &self.path))?;
                    return Err(IoError::EndedEarly {
                        path: self.path.clone(),
                        expected: self.length as u64,
                        read: found.len().min(at),
                    });
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(IoError::Unreadable {
                        path: self.path.clone(),
                        offset: at,
                        source,
                    });
                }
            }
        }
        Ok(())
    }
}

/// Copies a range of a file, as far as it has it, and tells where that ends.
fn copy_range(from: &File, to: &File, range: Range<u64>) -> io::Result<u64> {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut offset = range.start;
    loop {
        let rest = usize::try_from(range.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = rest.min(buffer.len());
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let count = from.read_at(buffer, offset)?;
        if count == 0 {
            return Ok(offset);
        }
        to.write_all_at(buffer.get(..count).unwrap_or_default(), offset)?;
        offset = offset.saturating_add(count as u64);
        if to.metadata()?.len() != offset {
            return Err(ErrorKind::WriteZero.into());
        }
    }
}

/// A run of bytes in memory or in a file, which is read when it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a> {
    held: Held<'a>,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy)]
enum Held<'a> {
    Memory(&'a [u8]),
    In(&'a Source),
}

impl<'a> Bytes<'a> {
    /// No bytes.
    pub const EMPTY: Self = Self {
        held: Held::Memory(&[]),
        start: 0,
        end: 0,
    };

    /// How many they are.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Some of them, as far as there are.
    #[must_use]
    pub fn slice(self, range: Range<usize>) -> Self {
        let at = |offset: usize| self.start.saturating_add(offset).min(self.end);
        let start = at(range.start);
        Self {
            start,
            end: at(range.end).max(start),
            ..self
        }
    }

    /// Those from an offset on.
    #[must_use]
    pub fn skip(self, offset: usize) -> Self {
        self.slice(offset..usize::MAX)
    }

    /// The last ones, as far as there are.
    #[must_use]
    pub fn last(self, count: usize) -> Self {
        self.skip(self.len().saturating_sub(count))
    }

    /// All of them in memory, for who knows that they are few.
    ///
    /// # Errors
    ///
    /// [`IoError::Unreadable`], and [`IoError::EndedEarly`] where the file became shorter.
    pub fn read(self) -> Result<Cow<'a, [u8]>> {
        match self.held {
            Held::Memory(slice) => {
                let slice = slice.get(self.start..self.end).unwrap_or_default();
                Ok(Cow::Borrowed(slice))
            }
            Held::In(source) => {
                let mut buffer = vec![0; self.len()];
                source.fill(&mut buffer, self.start)?;
                Ok(Cow::Owned(buffer))
            }
        }
    }

    /// All of them: where they are in memory, or read into a buffer that is used again.
    ///
    /// # Errors
    ///
    /// As [`Bytes::read`].
    pub fn read_into<'b>(self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]>
    where
        'a: 'b,
    {
        match self.held {
            Held::Memory(slice) => Ok(slice.get(self.start..self.end).unwrap_or_default()),
            Held::In(source) => {
                buffer.resize(self.len(), 0);
                source.fill(buffer, self.start)?;
                Ok(buffer)
            }
        }
    }

    /// All of them, where they are in memory already.
    pub fn in_memory(self) -> Option<&'a [u8]> {
        match self.held {
            Held::Memory(slice) => slice.get(self.start..self.end),
            Held::In(_) => None,
        }
    }

    /// Whether others are the same, byte for byte.
    ///
    /// # Errors
    ///
    /// As [`Bytes::read`].
    pub fn equal(self, others: Bytes<'_>) -> Result<bool> {
        if self.len() != others.len() {
            return Ok(false);
        }
        let (mut window, mut other) = (Window::of(self), Window::of(others));
        let mut offset = 0;
        while offset < self.len() {
            let (one, other) = (window.at(offset, 1)?, other.at(offset, 1)?);
            let both = one.len().min(other.len());
            if one.get(..both) != other.get(..both) {
                return Ok(false);
            }
            offset += both;
        }
        Ok(true)
    }

    /// A reader of all of them.
    pub const fn reader(self) -> BytesReader<'a> {
        BytesReader {
            window: Window::of(self),
            offset: 0,
            error: None,
        }
    }

    /// Hands all of them out, piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Bytes::read`].
    pub fn for_each(self, mut each: impl FnMut(&[u8])) -> Result<()> {
        let mut window = Window::of(self);
        let mut offset = 0;
        while offset < self.len() {
            let piece = window.at(offset, 1)?;
            each(piece);
            offset += piece.len();
        }
        Ok(())
    }
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(slice: &'a [u8]) -> Self {
        Self {
            held: Held::Memory(slice),
            start: 0,
            end: slice.len(),
        }
    }
}

impl<'a> From<&'a Vec<u8>> for Bytes<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Bytes<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a> From<&'a Source> for Bytes<'a> {
    fn from(source: &'a Source) -> Self {
        source.bytes()
    }
}

/// The same place of the same file, or the same bytes in memory.
impl PartialEq for Bytes<'_> {
    fn eq(&self, other: &Self) -> bool {
        let place = |bytes: &Self| (bytes.start, bytes.end);
        match (self.held, other.held) {
            (Held::Memory(one), Held::Memory(other_one)) => {
                one.get(self.start..self.end) == other_one.get(other.start..other.end)
            }
            (Held::In(one), Held::In(other_one)) => {
                std::ptr::eq(one, other_one) && place(self) == place(other)
            }
            _ => false,
        }
    }
}

impl Eq for Bytes<'_> {}

/// What is seen of some bytes: a piece of them, which moves with whoever looks.
#[derive(Debug)]
pub struct Window<'a> {
    bytes: Bytes<'a>,
    /// What was read of a file.
    buffer: Vec<u8>,
    /// Where that stands in the bytes.
    start: usize,
}

impl<'a> Window<'a> {
    /// A window on some bytes, of which nothing was read.
    pub const fn of(bytes: Bytes<'a>) -> Self {
        Self {
            bytes,
            buffer: Vec::new(),
            start: 0,
        }
    }

    /// The same window on other bytes.
    pub fn turn_to(&mut self, bytes: Bytes<'a>) {
        self.bytes = bytes;
        self.buffer.clear();
    }

    /// The bytes from an offset on: at least so many, or all that there are.
    ///
    /// # Errors
    ///
    /// As [`Bytes::read`].
    #[inline]
    pub fn at(&mut self, offset: usize, least: usize) -> Result<&[u8]> {
        let source = match self.bytes.held {
            Held::Memory(slice) => {
                let slice = slice.get(self.bytes.start..self.bytes.end);
                return Ok(slice.and_then(|it| it.get(offset..)).unwrap_or_default());
            }
            Held::In(source) => source,
        };
        let seen = offset.checked_sub(self.start);
        let seen = seen.and_then(|seen| self.buffer.get(seen..));
        let rest = self.bytes.len().saturating_sub(offset);
        if seen.is_none_or(|seen| seen.len() < least.min(rest)) {
            self.move_to(source, offset, rest.min(least.max(PIECE_BYTES)))?;
        }
        Ok(self.buffer.get(offset - self.start..).unwrap_or_default())
    }

    #[cold]
    fn move_to(&mut self, source: &Source, offset: usize, length: usize) -> Result<()> {
        // Where the reading fails, nothing is seen.
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() > length.max(PIECE_BYTES) {
            // What was long is seldom.
            buffer = Vec::new();
        }
        buffer.resize(length, 0);
        source.fill(&mut buffer, self.bytes.start.saturating_add(offset))?;
        (self.buffer, self.start) = (buffer, offset);
        Ok(())
    }
}

/// Some bytes as a reader, for decoders that take one.
#[derive(Debug)]
pub struct BytesReader<'a> {
    window: Window<'a>,
    offset: usize,
    error: Option<IoError>,
}

impl BytesReader<'_> {
    /// Why the bytes could not be read, of which the decoder knows nothing but that.
    pub fn into_error(self) -> Option<IoError> {
        self.error
    }
}

impl Read for BytesReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.window.at(self.offset, 1) {
            Ok(mut seen) => {
                let count = seen.read(buffer)?;
                self.offset = self.offset.saturating_add(count);
                Ok(count)
            }
            Err(error) => {
                self.error = Some(error);
                Err(ErrorKind::Other.into())
            }
        }
    }
}
