//! The objects of a segment: written, and read back.

use std::io::{self, Read, Write};

use apograph_io::{Bytes, Context};
use apograph_manifest::{FileName, SegmentRecord};
use apograph_store::{ObjectName, Store, StoreError, Upload};
use apograph_wrap::{Compression, WrapError, unwrap, wrap};
use serde::Serialize;
use sha2::Digest;

use crate::error::{Result, VaultError};
use crate::segment::{SegmentId, Stored, StoredObject, StoredSegment, Wrapping};
use crate::sha256::Sha256;

/// The plain bytes of an object; the last one of a segment has what is left. An upload that was cut
/// off is begun anew by the object.
const OBJECT_BYTES: usize = 1 << 30;
/// So much of an object is asked for at a time.
const PIECE_BYTES: u64 = 4 << 20;
const OTHER_HASH: &str = "it has another hash than the catalog says";

/// What a wrapped object says of its segment.
#[derive(Serialize)]
struct ObjectRecord<'a> {
    record: &'a SegmentRecord,
    object: usize,
    of: usize,
}

/// How the segments of a vault are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// They are not.
    Plain,
    /// As wrapped segments.
    Zstd(Compression),
}

impl Packing {
    const fn wrapping(self) -> Wrapping {
        match self {
            Self::Plain => Wrapping::Plain,
            Self::Zstd(_) => Wrapping::Zstd,
        }
    }
}

/// Writes the objects of a segment, and gives it the name that they have. No catalog names it yet.
///
/// # Errors
///
/// [`VaultError::Wrap`] where the segment cannot be read; [`VaultError::Store`];
/// [`VaultError::Object`] where the store has an object otherwise than it was written.
pub fn put_segment<'a>(
    store: &dyn Store,
    id: SegmentId,
    plain: impl Into<Bytes<'a>>,
    record: SegmentRecord,
    packing: Packing,
    context: Context<'_>,
) -> Result<StoredSegment> {
    let mut record = record;
    record.segment.file = FileName::try_from(id.to_string())?;
    put_objects(store, plain.into(), record, packing, OBJECT_BYTES, context)
}

fn put_objects(
    store: &dyn Store,
    plain: Bytes<'_>,
    record: SegmentRecord,
    packing: Packing,
    object_bytes: usize,
    context: Context<'_>,
) -> Result<StoredSegment> {
    let wrapping = packing.wrapping();
    let name = record.segment.file.clone();
    let of = plain.len().div_ceil(object_bytes).max(1);
    let mut objects = Vec::with_capacity(of);
    for object in 0..of {
        let start = object * object_bytes;
        let part = plain.slice(start..start.saturating_add(object_bytes));
        let target = StoredSegment::object_name(&name, wrapping, object, of)?;
        let mut out = ObjectWriter::create(store, &target)?;
        let written = match packing {
            Packing::Plain => copy(part, context, &mut out),
            Packing::Zstd(compression) => {
                let record = ObjectRecord {
                    record: &record,
                    object,
                    of,
                };
                let record = serde_json::to_vec(&record).unwrap_or_default();
                wrap(part, &record, compression, context, &mut out).map(drop)
            }
        };
        out.check()?;
        written.map_err(failed(&name))?;
        objects.push(out.finish(store, &target)?);
    }
    Ok(StoredSegment {
        record,
        stored: Stored { wrapping, objects },
        check: None,
    })
}

/// Reads the objects of a segment, and hands on its plain bytes in order.
///
/// # Errors
///
/// [`VaultError::Store`]: [`StoreError::Missing`] and [`StoreError::EndedEarly`] where an object is
/// not all there; [`VaultError::Object`] and [`VaultError::Wrap`] where it is not what was written,
/// of which some may have been handed on; that of `each`.
pub fn read_segment(
    store: &dyn Store,
    segment: &FileName,
    stored: &Stored,
    context: Context<'_>,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let Stored { wrapping, objects } = stored;
    for (number, object) in objects.iter().enumerate() {
        let name = StoredSegment::object_name(segment, *wrapping, number, objects.len())?;
        let mut reader = ObjectReader::open(store, &name, object.size_bytes, context);
        let mut refused = None;
        let mut hand_on = |piece: &[u8]| {
            each(piece).map_err(|error| {
                refused = Some(error);
                WrapError::Write(io::ErrorKind::Other.into())
            })
        };
        let read = match wrapping {
            Wrapping::Plain => hand_on_all(&mut reader, hand_on),
            Wrapping::Zstd => unwrap(&mut reader, context, &mut hand_on).map(drop),
        };
        if let Some(error) = refused.or_else(|| reader.error.take()) {
            return Err(error);
        }
        // Damage says where it is, which the hash of the object does not.
        read.map_err(failed(segment))?;
        if reader.finish() != object.sha256 {
            return Err(VaultError::Object {
                place: store.place(),
                name,
                detail: OTHER_HASH.to_owned(),
            });
        }
    }
    Ok(())
}

/// Reads the objects of a segment, and compares them with their sizes and hashes. Nothing is
/// unpacked.
///
/// # Errors
///
/// As [`read_segment`].
pub fn check_objects(
    store: &dyn Store,
    segment: &FileName,
    stored: &Stored,
    context: Context<'_>,
) -> Result<()> {
    let Stored { wrapping, objects } = stored;
    for (number, object) in objects.iter().enumerate() {
        let name = StoredSegment::object_name(segment, *wrapping, number, objects.len())?;
        let differs = |detail: String| VaultError::Object {
            place: store.place(),
            name: name.clone(),
            detail,
        };
        let size_bytes = store.size(&name)?.ok_or_else(|| StoreError::Missing {
            place: store.place(),
            name: name.clone(),
        })?;
        if size_bytes != object.size_bytes {
            let expected = object.size_bytes;
            let detail = format!("it has {size_bytes} bytes, the catalog says {expected}");
            return Err(differs(detail));
        }
        let mut reader = ObjectReader::open(store, &name, size_bytes, context);
        while reader.next < size_bytes {
            reader.next_piece()?;
            context.monitor.advance(reader.piece.len() as u64);
        }
        if reader.finish() != object.sha256 {
            return Err(differs(OTHER_HASH.to_owned()));
        }
    }
    Ok(())
}

fn failed(segment: &FileName) -> impl FnOnce(WrapError) -> VaultError {
    let segment = segment.clone();
    |source| match source {
        WrapError::Io(error) => error.into(),
        source => VaultError::Wrap { segment, source },
    }
}

fn copy(
    plain: Bytes<'_>,
    context: Context<'_>,
    out: &mut dyn Write,
) -> std::result::Result<(), WrapError> {
    let mut left = Ok(());
    plain.for_each(|piece| {
        if left.is_ok() {
            left = context
                .take(piece.len() as u64)
                .map_err(WrapError::Io)
                .and_then(|()| out.write_all(piece).map_err(WrapError::Write));
            context.monitor.advance(piece.len() as u64);
        }
    })?;
    left
}

fn hand_on_all(
    reader: &mut ObjectReader<'_>,
    mut each: impl FnMut(&[u8]) -> std::result::Result<(), WrapError>,
) -> std::result::Result<(), WrapError> {
    let mut piece = vec![0; 64 << 10];
    loop {
        match reader.read(&mut piece).map_err(WrapError::Read)? {
            0 => return Ok(()),
            count => each(piece.get(..count).unwrap_or_default())?,
        }
    }
}

/// Writes an object, and sums it.
struct ObjectWriter<'s> {
    upload: Box<dyn Upload + 's>,
    sha256: sha2::Sha256,
    size_bytes: u64,
    /// What the store said, of which the writer of a stream knows nothing.
    error: Option<StoreError>,
}

impl<'s> ObjectWriter<'s> {
    fn create(store: &'s dyn Store, name: &ObjectName) -> Result<Self> {
        Ok(Self {
            upload: store.upload(name)?,
            sha256: sha2::Sha256::new(),
            size_bytes: 0,
            error: None,
        })
    }

    fn check(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn finish(self, store: &dyn Store, name: &ObjectName) -> Result<StoredObject> {
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
struct ObjectReader<'s> {
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
    error: Option<VaultError>,
}

impl<'s> ObjectReader<'s> {
    fn open(
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

    /// The hash of what was read.
    fn finish(self) -> Sha256 {
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

#[cfg(test)]
mod tests {
    use apograph_io::{Folder, Mode, RealDisk};
    use apograph_store::FolderStore;
    use apograph_testing::scratch::scratch;

    use super::*;

    fn record() -> SegmentRecord {
        let record = r#"{
            "segment": {
                "kind": "incremental", "file": "some-increment", "start_epoch": 1, "end_epoch": 1,
                "checksum": "5dc658df", "size_bytes": 79, "created_at": 1795246036649
            },
            "hash": "0f8af98906c62122e1c205570b276df854630a19b135706975377701e6010117",
            "content": {"increment": {
                "range": null, "overlap_bytes": 0, "repeats": false, "catches_up": false,
                "stretches": [], "process_ended": false, "commits": 1, "records": 2, "frames": 4
            }}
        }"#;
        serde_json::from_str(record).expect("a record")
    }

    const ZSTD: Packing = Packing::Zstd(Compression::LOG);

    #[test]
    fn a_long_segment_is_several_objects_which_make_it_up_in_order() {
        let folder = scratch().expect("a folder in memory");
        let opened = Folder::open(folder.path()).expect("a folder");
        let store = FolderStore::new(&RealDisk, opened, Mode::PRIVATE);
        let plain: Vec<u8> = (0_u32..20_000).flat_map(u32::to_le_bytes).collect();
        for (packing, extension) in [(Packing::Plain, "seg"), (ZSTD, "zst")] {
            let context = Context::default();
            let segment = put_objects(&store, (&plain).into(), record(), packing, 30_000, context);
            let segment = segment.expect("written");
            let names = ["0000", "0001", "0002"];
            let names = names.map(|it| format!("segments/some-increment.{it}.{extension}"));
            for (name, object) in names.iter().zip(&segment.stored.objects) {
                let bytes = std::fs::read(folder.path().join(name)).expect("an object");
                assert_eq!(bytes.len() as u64, object.size_bytes);
                assert_eq!(Sha256::of(&bytes), object.sha256);
            }
            let mut again = Vec::new();
            let (name, stored) = (segment.name(), &segment.stored);
            read_segment(&store, name, stored, context, &mut |piece| {
                again.extend_from_slice(piece);
                Ok(())
            })
            .expect("sound");
            assert!(again == plain);
        }
    }
}
