//! An object as a stream: written, or read from its front to its back, and summed.

use std::io::{self, Read, Write};

use apograph_io::Context;
use apograph_store::{ObjectName, Store, StoreError, Upload};
use sha2::Digest;

use crate::error::{Result, VaultError};
use crate::segment::StoredObject;
use crate::sha256::Sha256;

/// So much of an object is asked for at a time.
const PIECE_BYTES: u64 = 4 << 20;

/// Writes an object, and sums it.
pub(crate) struct ObjectWriter<'s> {
    upload: Box<dyn Upload + 's>,
    sha256: sha2::Sha256,
    size_bytes: u64,
    /// What the store said, of which the writer of a stream knows nothing.
    error: Option<StoreError>,
}

impl<'s> ObjectWriter<'s> {
    pub(crate) fn create(store: &'s dyn Store, name: &ObjectName) -> Result<Self> {
        Ok(Self {
            upload: store.upload(name)?,
            sha256: sha2::Sha256::new(),
            size_bytes: 0,
            error: None,
        })
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), |error| Err(error.into()))
    }

    pub(crate) fn finish(self, store: &dyn Store, name: &ObjectName) -> Result<StoredObject> {
        self.upload.finish()?;
        let found = store.size(name)?;
        if found != Some(self.size_bytes) {
            let written = self.size_bytes;
            return Err(VaultError::Object {
                place: store.place(),
                name: name.clone(),
                detail: format!("{written} bytes were written, and it has {found:?}"),
            });
        }
        Ok(StoredObject {
            size_bytes: self.size_bytes,
            sha256: Sha256::new(self.sha256.finalize().into()),
        })
    }
}

impl Write for ObjectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.upload.write(bytes).map_err(|error| {
            self.error = Some(error);
            io::ErrorKind::Other
        })?;
        self.sha256.update(bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an object from its front to its back, and sums it.
pub(crate) struct ObjectReader<'s> {
    store: &'s dyn Store,
    name: &'s ObjectName,
    context: Context<'s>,
    size_bytes: u64,
    piece: Vec<u8>,
    /// How much of the piece was handed on.
    taken: usize,
    /// Where the next piece begins.
    next: u64,
    sha256: sha2::Sha256,
    pub(crate) error: Option<VaultError>,
}

impl<'s> ObjectReader<'s> {
    pub(crate) fn open(
        store: &'s dyn Store,
        name: &'s ObjectName,
        size_bytes: u64,
        context: Context<'s>,
    ) -> Self {
        Self {
            store,
            name,
            context,
            size_bytes,
            piece: Vec::new(),
            taken: 0,
            next: 0,
            sha256: sha2::Sha256::new(),
            error: None,
        }
    }

    fn next_piece(&mut self) -> Result<()> {
        let end = self.size_bytes.min(self.next + PIECE_BYTES);
        self.context.take(end - self.next)?;
        self.piece = self.store.read_range(self.name, self.next..end)?;
        self.sha256.update(&self.piece);
        (self.taken, self.next) = (0, end);
        Ok(())
    }

    /// Reads to the end, for the hash.
    pub(crate) fn sum_rest(&mut self) -> Result<()> {
        while self.next < self.size_bytes {
            self.next_piece()?;
            self.context.monitor.advance(self.piece.len() as u64);
        }
        Ok(())
    }

    /// The hash of what was read.
    pub(crate) fn finish(self) -> Sha256 {
        Sha256::new(self.sha256.finalize().into())
    }
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() && self.next < self.size_bytes {
            self.next_piece().map_err(|error| {
                self.error = Some(error);
                io::ErrorKind::Other
            })?;
        }
        let mut rest = self.piece.get(self.taken..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}
