//! Decrypting a stream.
//!
//! Age says of damage and of a reader that fails the same: that an `io::Error` occurred. They are
//! told apart here, since of damage it is the file's fault and of the other the place's.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read};

use age::{DecryptError, Decryptor};

use crate::error::{Result, WrapError};
use crate::keys::IdentityKey;

/// So long is the header at most. Age parses it from its front for each line.
pub(crate) const HEADER_MAX_BYTES: usize = 64 << 10;

pub(crate) fn decrypt<T>(
    keys: &[IdentityKey],
    encrypted: impl Read,
    read: impl FnOnce(&mut dyn Read) -> Result<T>,
) -> Result<T> {
    if keys.is_empty() {
        return Err(WrapError::NoIdentity { given: 0 });
    }
    let below = Below {
        left: Cell::new(HEADER_MAX_BYTES),
        error: RefCell::new(None),
    };
    let reader = Limited {
        reader: BufReader::new(encrypted),
        below: &below,
    };
    let decryptor = Decryptor::new_buffered(reader);
    below.left.set(usize::MAX);
    let stream = decryptor.and_then(|it| it.decrypt(keys.iter().map(IdentityKey::as_age)));
    let stream = match (stream, below.error.take()) {
        (_, Some(error)) => return Err(WrapError::Read(error)),
        (Ok(stream), None) => stream,
        (Err(DecryptError::NoMatchingKeys), None) => {
            return Err(WrapError::NoIdentity { given: keys.len() });
        }
        (Err(_), None) => return Err(WrapError::damaged(0, "it has no sound header of age")),
    };
    let mut stream = Counted { stream, offset: 0 };
    let done = read(&mut stream).and_then(|done| {
        // What comes after the end is no part of it.
        match stream.read(&mut [0]).map_err(WrapError::Read)? {
            0 => Ok(done),
            _ => Err(WrapError::damaged(
                stream.offset,
                "something stands behind it",
            )),
        }
    });
    match (done, below.error.take()) {
        (Err(WrapError::Read(_)), Some(error)) => Err(WrapError::Read(error)),
        (Err(WrapError::Read(_)), None) => {
            let detail = "it cannot be decrypted from here on";
            Err(WrapError::damaged(stream.offset, detail))
        }
        (done, _) => done,
    }
}

/// What is known of the reader below.
struct Below {
    /// How much of it may be read.
    left: Cell<usize>,
    /// Why it failed.
    error: RefCell<Option<io::Error>>,
}

/// The reader below.
struct Limited<'a, R> {
    reader: BufReader<R>,
    below: &'a Below,
}

impl<R> Limited<'_, R> {
    fn keep(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        if kind != io::ErrorKind::Interrupted {
            self.below.error.replace(Some(error));
        }
        kind.into()
    }
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer);
        read.map_err(|error| self.keep(error))
    }
}

impl<R: Read> BufRead for Limited<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.below.left.get();
        match self.reader.fill_buf() {
            Ok(_) => {}
            Err(error) => return Err(self.keep(error)),
        }
        let found = self.reader.buffer();
        Ok(found.get(..found.len().min(left)).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let left = &self.below.left;
        left.set(left.get().saturating_sub(count));
        self.reader.consume(count);
    }
}

/// A stream of which is known how much was read.
struct Counted<R> {
    stream: R,
    offset: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.offset += count as u64;
        Ok(count)
    }
}
