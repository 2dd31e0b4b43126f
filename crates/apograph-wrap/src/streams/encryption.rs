//! Encrypting a stream, which is decrypted again at once.
//!
//! Whoever captures has no private key. So one more recipient is made for each stream, whose private
//! key is used for what is made of it here, and is gone with it. A piece is handed on once it was
//! decrypted and compared.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::iter::once;
use std::rc::Rc;

use age::stream::{StreamReader, StreamWriter};
use age::{Decryptor, Encryptor, x25519};

use crate::error::{Result, WrapError};
use crate::keys::RecipientKey;
use crate::streams::decryption::HEADER_MAX_BYTES;

/// So much is encrypted before it is decrypted again.
const PIECE_BYTES: usize = 256 << 10;

pub(crate) fn encrypt<T>(
    keys: &[RecipientKey],
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let own = x25519::Identity::generate();
    let of_own = own.to_public();
    let recipients = keys.iter().map(RecipientKey::as_age);
    let encryptor = Encryptor::with_recipients(recipients.chain(once(&of_own as _)))
        .map_err(|error| WrapError::Write(io::Error::other(error)))?;
    let made = Made::default();
    let stream = encryptor.wrap_output(made.clone());
    let stream = stream.map_err(WrapError::Write)?;
    let header = made.0.take();
    if header.len() > HEADER_MAX_BYTES {
        let detail = "the recipients have longer keys than a reader looks at";
        return Err(WrapError::Write(io::Error::other(detail)));
    }
    let readback = Readback::of(&header, &own)?;
    out.write_all(&header).map_err(WrapError::Write)?;
    let mut encrypting = Encrypting {
        stream,
        made,
        readback,
        out,
        error: None,
    };
    let done = write(&mut encrypting);
    if let Some(error) = encrypting.error.take() {
        return Err(error);
    }
    let done = done?;
    encrypting.finish()?;
    Ok(done)
}

/// What was made and not handed on yet.
#[derive(Clone, Default)]
struct Made(Rc<RefCell<Vec<u8>>>);

impl Write for Made {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Encrypting<'o> {
    stream: StreamWriter<Made>,
    made: Made,
    readback: Readback,
    out: &'o mut dyn Write,
    /// What the writer of the plain bytes is not told.
    error: Option<WrapError>,
}

impl Encrypting<'_> {
    fn put(&mut self, piece: &[u8]) -> Result<()> {
        self.readback.expected.extend(piece);
        self.stream.write_all(piece).map_err(WrapError::Write)?;
        self.hand_on()
    }

    /// Hands on what was made, once it is found to be that of what was to be encrypted.
    fn hand_on(&mut self) -> Result<()> {
        let made = self.made.0.take();
        self.readback.compare(&made)?;
        self.out.write_all(&made).map_err(WrapError::Write)
    }

    fn finish(self) -> Result<()> {
        let (stream, made, mut readback, out) = (self.stream, self.made, self.readback, self.out);
        stream.finish().map_err(WrapError::Write)?;
        let made = made.0.take();
        readback.compare(&made)?;
        readback.finish()?;
        out.write_all(&made).map_err(WrapError::Write)
    }
}

impl Write for Encrypting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..bytes.len().min(PIECE_BYTES)).unwrap_or(bytes);
        match self.put(piece) {
            Ok(()) => Ok(piece.len()),
            Err(error) => {
                self.error = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decrypts what was made, as it is made.
struct Readback {
    stream: StreamReader<Feed>,
    fed: Rc<RefCell<Fed>>,
    /// What is to come.
    expected: Vec<u8>,
    /// Where in all that was encrypted that begins.
    offset: u64,
    piece: Vec<u8>,
}

impl Readback {
    /// Of a stream that begins with this header.
    fn of(header: &[u8], own: &x25519::Identity) -> Result<Self> {
        let fed = Rc::new(RefCell::new(Fed {
            bytes: header.to_vec(),
            is_at_end: false,
        }));
        let reader = Feed {
            fed: Rc::clone(&fed),
            front: Vec::new(),
            taken: 0,
        };
        let decryptor = Decryptor::new_buffered(reader);
        let stream = decryptor.and_then(|it| it.decrypt(once(own as _)));
        Ok(Self {
            stream: stream.map_err(|_| WrapError::NotAsEncrypted { offset: 0 })?,
            fed,
            expected: Vec::new(),
            offset: 0,
            piece: vec![0; 64 << 10],
        })
    }

    /// Compares what comes out with the bytes that were made since.
    fn compare(&mut self, made: &[u8]) -> Result<()> {
        self.fed.borrow_mut().bytes.extend_from_slice(made);
        loop {
            let refused = WrapError::NotAsEncrypted {
                offset: self.offset,
            };
            match self.stream.read(&mut self.piece) {
                Ok(0) => return Ok(()),
                Ok(count) if self.expected.get(..count) == self.piece.get(..count) => {
                    self.expected.drain(..count);
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Ok(_) | Err(_) => return Err(refused),
            }
        }
    }

    /// Nothing more is made: what is to come has come.
    fn finish(&mut self) -> Result<()> {
        self.fed.borrow_mut().is_at_end = true;
        self.compare(&[])?;
        let is_at_end = matches!(self.stream.read(&mut self.piece), Ok(0));
        if self.expected.is_empty() && is_at_end {
            return Ok(());
        }
        Err(WrapError::NotAsEncrypted {
            offset: self.offset,
        })
    }
}

/// What was made and is to be decrypted.
struct Fed {
    bytes: Vec<u8>,
    is_at_end: bool,
}

/// Gives what was fed. A reader that wants more than that comes again.
struct Feed {
    fed: Rc<RefCell<Fed>>,
    front: Vec<u8>,
    taken: usize,
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.front.len() {
            let mut fed = self.fed.borrow_mut();
            self.front = std::mem::take(&mut fed.bytes);
            self.taken = 0;
            if self.front.is_empty() && !fed.is_at_end {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        Ok(self.front.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header and the rest of what is made of some bytes.
    fn made(plain: &[u8], own: &x25519::Identity) -> (Vec<u8>, Vec<u8>) {
        let made = Made::default();
        let encryptor = Encryptor::with_recipients(once(&own.to_public() as _)).expect("one");
        let mut stream = encryptor.wrap_output(made.clone()).expect("in memory");
        let header = made.0.take();
        stream.write_all(plain).expect("in memory");
        stream.finish().expect("in memory");
        (header, made.0.take())
    }

    fn read_back(
        plain: &[u8],
        (header, rest): &(Vec<u8>, Vec<u8>),
        own: &x25519::Identity,
    ) -> Result<()> {
        let mut readback = Readback::of(header, own)?;
        readback.expected.extend_from_slice(plain);
        for piece in rest.chunks(1000) {
            readback.compare(piece)?;
        }
        readback.finish()
    }

    #[test]
    fn what_is_made_of_other_bytes_or_not_as_it_has_to_be_is_not_handed_on() {
        let own = x25519::Identity::generate();
        let plain: Vec<u8> = (0..=250).cycle().take(200_000).collect();
        let sound = made(&plain, &own);
        read_back(&plain, &sound, &own).expect("sound");
        let refused = |plain: &[u8], made: &(Vec<u8>, Vec<u8>)| match read_back(plain, made, &own) {
            Err(WrapError::NotAsEncrypted { offset }) => offset,
            other => panic!("{other:?}"),
        };
        let mut other = plain.clone();
        other[70_000] ^= 1;
        assert_eq!(refused(&other, &sound), 65_536);
        assert_eq!(refused(&plain[..199_999], &sound), 3 * 65_536);
        assert_eq!(refused(&[&plain[..], b"more"].concat(), &sound), 200_000);
        let mut changed = sound.clone();
        changed.1[70_000] ^= 1;
        assert_eq!(refused(&plain, &changed), 65_536);
        let mut cut = sound.clone();
        cut.1.truncate(2 * (65_536 + 16));
        assert_eq!(refused(&plain, &cut), 2 * 65_536);
        let mut header = sound;
        header.0[40] ^= 1;
        assert_eq!(refused(&plain, &header), 0);
    }
}
