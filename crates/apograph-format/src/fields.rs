//! The fields of a record, one after the other: bincode's, and those of fixed width.
//!
//! No count is believed: a list grows as its elements are read, from bytes that are there.

use std::str::from_utf8;

use crate::bytes::{length, varint};
use crate::error::{FormatError, Result};

/// As many elements of a list have a place before they are read.
const PLACES_BEFORE: u64 = 16;

/// What is left of some bytes.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    what: &'static str,
    have: u64,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(what: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            what,
            have: length(bytes),
            rest: bytes,
        }
    }

    /// What was not read.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes everything that is left.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    #[cold]
    pub(crate) fn malformed(&self, detail: impl Into<String>) -> FormatError {
        FormatError::Malformed {
            what: self.what,
            offset: self.have.saturating_sub(length(self.rest)),
            detail: detail.into(),
        }
    }

    #[cold]
    pub(crate) fn unknown(&self, detail: String) -> FormatError {
        let what = self.what;
        FormatError::UnsupportedFeature { what, detail }
    }

    #[cold]
    fn ends(&self, field: &str) -> FormatError {
        self.malformed(format!("no {field} there"))
    }

    /// That nothing is left.
    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.malformed(format!("{} bytes after its end", self.rest.len())))
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.ends("byte"))?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn bool(&mut self) -> Result<bool> {
        match self.rest.split_first() {
            Some((&flag @ 0..=1, rest)) => {
                self.rest = rest;
                Ok(flag == 1)
            }
            _ => Err(self.ends("boolean")),
        }
    }

    /// A `u64` of bincode.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64> {
        let (number, rest) = varint(self.rest).ok_or_else(|| self.ends("number"))?;
        self.rest = rest;
        Ok(number)
    }

    /// A `u32` of bincode, which does not begin as a longer number.
    #[inline]
    pub(crate) fn short_number(&mut self) -> Result<u32> {
        let before = self.rest;
        let number = self.number()?;
        let is_short = before.first().is_some_and(|&first| first < 253);
        match u32::try_from(number) {
            Ok(number) if is_short => Ok(number),
            _ => {
                self.rest = before;
                Err(self.ends("short number"))
            }
        }
    }

    /// The number of a variant, or of an option's.
    #[inline]
    pub(crate) fn variant(&mut self) -> Result<u32> {
        self.short_number()
    }

    /// An `i64` of bincode.
    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg())
    }

    /// An `i32` of bincode.
    pub(crate) fn short_signed(&mut self) -> Result<i32> {
        let number = self.short_number()?;
        Ok((number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg())
    }

    /// So many bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.ends("field of fixed width"))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A `u32` of four bytes.
    #[inline]
    pub(crate) fn fixed_u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// So many bytes, as a count in front of them said.
    #[inline]
    pub(crate) fn counted(&mut self, count: u64) -> Result<&'a [u8]> {
        let parts = usize::try_from(count)
            .ok()
            .and_then(|count| self.rest.split_at_checked(count));
        let (bytes, rest) = parts.ok_or_else(|| self.ends("text or bytes of the stated length"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// So many bytes of UTF-8, as a count in front of them said.
    #[inline]
    pub(crate) fn counted_text(&mut self, count: u64) -> Result<&'a str> {
        let before = self.rest;
        let bytes = self.counted(count)?;
        from_utf8(bytes).map_err(|_| {
            self.rest = before;
            self.malformed("a text that is not UTF-8")
        })
    }

    /// Bytes with bincode's count.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let count = self.number()?;
        self.counted(count)
    }

    /// Text with bincode's count.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let count = self.number()?;
        self.counted_text(count)
    }

    /// An option of bincode.
    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        self.bool()?.then(|| read(self)).transpose()
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<&'a str>> {
        self.option(Self::text)
    }

    /// A list with bincode's count.
    pub(crate) fn list<T>(&mut self, read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.number()?;
        self.counted_list(count, read)
    }

    /// A list of so many elements, each at least a byte long.
    pub(crate) fn counted_list<T>(
        &mut self,
        count: u64,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        if count > length(self.rest) {
            return Err(self.ends("list of the stated length"));
        }
        let places = usize::try_from(count.min(PLACES_BEFORE)).unwrap_or(0);
        let mut list = Vec::with_capacity(places);
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    pub(crate) fn texts(&mut self) -> Result<Vec<&'a str>> {
        self.list(Self::text)
    }
}
