//! The objects of a segment: written, and read back.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use apograph_format::Blake3;
use apograph_io::{Bytes, Context};
use apograph_manifest::{FileName, SegmentRecord};
use apograph_store::{ObjectName, Store, StoreError};
use apograph_wrap::{Compression, Identities, Recipients, WrapError, unwrap, wrap};
use serde::{Deserialize, Serialize};

use crate::error::{Result, VaultError};
use crate::object_streams::{ObjectReader, ObjectWriter};
use crate::segment::{
    Encryption, Link, Made, SegmentId, Stored, StoredObject, StoredSegment, Wrapping,
};

/// The plain bytes of an object; the last one of a segment has what is left. An upload that was cut
/// off is begun anew by the object.
const OBJECT_BYTES: usize = 1 << 30;
const OTHER_HASH: &str = "it has another hash than the catalog says";

/// What a wrapped object says of its segment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectRecord<'a> {
    record: Cow<'a, SegmentRecord>,
    #[serde(default, skip_serializing_if = "Link::is_first")]
    link: Cow<'a, Link>,
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

/// What the objects of a segment are made by.
#[derive(Debug, Clone, Copy)]
pub struct Form<'r> {
    packing: Packing,
    recipients: Option<&'r Recipients>,
}

impl<'r> Form<'r> {
    /// The same, encrypted for some, if any.
    #[must_use]
    pub const fn encrypted_for(self, recipients: Option<&'r Recipients>) -> Self {
        let packing = self.packing;
        Self {
            packing,
            recipients,
        }
    }

    fn encryption(self) -> Option<Encryption> {
        self.recipients.map(|_| Encryption::Age)
    }
}

impl From<Packing> for Form<'_> {
    /// For everybody to read.
    fn from(packing: Packing) -> Self {
        Self {
            packing,
            recipients: None,
        }
    }
}

/// Writes the objects of a segment, and gives it the name that they have. No catalog names it yet.
/// What is encrypted is decrypted again and compared before it is handed to the store.
///
/// # Errors
///
/// [`VaultError::Wrap`] where the segment cannot be read; [`VaultError::Store`];
/// [`VaultError::Object`] where the store has an object otherwise than it was written.
pub fn put_segment<'a>(
    store: &dyn Store,
    (id, link): (SegmentId, Link),
    plain: impl Into<Bytes<'a>>,
    record: SegmentRecord,
    form: impl Into<Form<'a>>,
    context: Context<'_>,
) -> Result<StoredSegment> {
    let (mut record, form) = (record, form.into());
    record.segment.file = FileName::try_from(id.to_string())?;
    let segment = (record, link);
    put_objects(store, plain.into(), segment, form, OBJECT_BYTES, context)
}

fn put_objects(
    store: &dyn Store,
    plain: Bytes<'_>,
    (record, link): (SegmentRecord, Link),
    form: Form<'_>,
    object_bytes: usize,
    context: Context<'_>,
) -> Result<StoredSegment> {
    let (wrapping, encryption) = (form.packing.wrapping(), form.encryption());
    let name = record.segment.file.clone();
    let of = plain.len().div_ceil(object_bytes).max(1);
    let mut objects = Vec::with_capacity(of);
    for object in 0..of {
        let start = object * object_bytes;
        let part = plain.slice(start..start.saturating_add(object_bytes));
        let target = StoredSegment::object_name(&name, (wrapping, encryption), object, of)?;
        let mut out = ObjectWriter::create(store, &target)?;
        let write = |out: &mut dyn Write| match form.packing {
            Packing::Plain => copy(part, context, out),
            Packing::Zstd(compression) => {
                let record = ObjectRecord {
                    record: Cow::Borrowed(&record),
                    link: Cow::Borrowed(&link),
                    object,
                    of,
                };
                let record = serde_json::to_vec(&record).unwrap_or_default();
                wrap(part, &record, compression, context, out).map(drop)
            }
        };
        let written = match form.recipients {
            None => write(&mut out),
            Some(recipients) => recipients.encrypt(&mut out, write),
        };
        out.check()?;
        written.map_err(failed(&name))?;
        objects.push(out.finish(store, &target)?);
    }
    Ok(StoredSegment {
        record,
        link,
        stored: Stored {
            wrapping,
            encryption,
            objects: objects.into(),
        },
        is_after_removed: false,
        check: None,
    })
}

/// Reads the objects of a segment, and hands on its plain bytes in order.
///
/// # Errors
///
/// [`VaultError::Store`]: [`StoreError::Missing`] and [`StoreError::EndedEarly`] where an object is
/// not all there; [`VaultError::Object`] and [`VaultError::Wrap`] where it is not what was written,
/// of which some may have been handed on; [`WrapError::NoIdentity`] in that where none of the
/// identities opens it; that of `each`.
pub fn read_segment(
    store: &dyn Store,
    (segment, stored): (&FileName, &Stored),
    identities: &Identities,
    context: Context<'_>,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let Stored {
        wrapping,
        encryption,
        objects,
    } = stored;
    for (number, object) in objects.iter().enumerate() {
        let made = (*wrapping, *encryption);
        let name = StoredSegment::object_name(segment, made, number, objects.len())?;
        let mut reader = ObjectReader::open(store, &name, object.size_bytes, context);
        let record = read_object(&mut reader, segment, made, identities, context, each)?;
        if reader.finish() != object.sha256 {
            return Err(VaultError::Object {
                place: store.place(),
                name,
                detail: OTHER_HASH.to_owned(),
            });
        }
        record?;
    }
    Ok(())
}

/// Reads an object to its end, hands on its plain bytes, and returns its record, which a plain one does
/// not have. That it is for others is told at the end of what was read: with a damaged header it would
/// be for nobody, and the hash tells.
fn read_object(
    reader: &mut ObjectReader<'_>,
    segment: &FileName,
    (wrapping, encryption): Made,
    identities: &Identities,
    context: Context<'_>,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Result<Vec<u8>>> {
    let mut refused = None;
    let mut hand_on = |piece: &[u8]| {
        each(piece).map_err(|error| {
            refused = Some(error);
            WrapError::Write(io::ErrorKind::Other.into())
        })
    };
    let mut unpack = |reader: &mut dyn Read| match wrapping {
        Wrapping::Plain => hand_on_all(reader, &mut hand_on).map(|()| Vec::new()),
        Wrapping::Zstd => unwrap(reader, context, &mut hand_on),
    };
    let read = match encryption {
        None => unpack(&mut *reader),
        Some(Encryption::Age) => identities.decrypt(&mut *reader, unpack),
    };
    if let Some(error) = refused.or_else(|| reader.error.take()) {
        return Err(error);
    }
    match read {
        Ok(record) => Ok(Ok(record)),
        Err(error @ WrapError::NoIdentity { given: 1.. }) => {
            reader.sum_rest()?;
            Ok(Err(failed(segment)(error)))
        }
        // Damage says where it is, which the hash does not.
        Err(error) => Err(failed(segment)(error)),
    }
}

/// Reads the objects of a segment of which no catalog knows anything, in their order, each with its
/// size, and makes of what they say of it what a catalog would.
///
/// # Errors
///
/// As [`read_segment`]; [`VaultError::Object`] where one says nothing, or is not what was written.
pub(crate) fn find_segment(
    store: &dyn Store,
    (segment, made): (&FileName, Made),
    found: &[(ObjectName, u64)],
    identities: &Identities,
    context: Context<'_>,
) -> Result<StoredSegment> {
    let (mut objects, mut said) = (Vec::with_capacity(found.len()), None);
    let (mut size_bytes, mut blake3) = (0, blake3::Hasher::new());
    for (number, (name, size)) in found.iter().enumerate() {
        let refused = |detail: &str| VaultError::Object {
            place: store.place(),
            name: name.clone(),
            detail: detail.to_owned(),
        };
        let expected = StoredSegment::object_name(segment, made, number, found.len())?;
        if expected != *name {
            return Err(refused("another part of the segment is missing"));
        }
        if made.0 == Wrapping::Plain {
            return Err(refused("it does not say what it is, which the catalog did"));
        }
        let mut reader = ObjectReader::open(store, name, *size, context);
        let mut each = |piece: &[u8]| {
            size_bytes += piece.len() as u64;
            blake3.update(piece);
            Ok(())
        };
        let record = read_object(&mut reader, segment, made, identities, context, &mut each)??;
        let sha256 = reader.finish();
        let record: ObjectRecord<'_> = serde_json::from_slice(&record)
            .map_err(|_| refused("what it says of its segment is not known here"))?;
        let ObjectRecord {
            record,
            link,
            object,
            of,
        } = record;
        let is_its = record.segment.file == *segment && (object, of) == (number, found.len());
        let (record, link) = (record.into_owned(), link.into_owned());
        if !is_its
            || said
                .as_ref()
                .is_some_and(|said| *said != (record.clone(), link.clone()))
        {
            return Err(refused("it is of another segment"));
        }
        said = Some((record, link));
        objects.push(StoredObject {
            size_bytes: *size,
            sha256,
        });
    }
    let is_whole = |record: &SegmentRecord| {
        record.segment.size_bytes == size_bytes
            && record.hash == Blake3::new(*blake3.finalize().as_bytes())
    };
    let (wrapping, encryption) = made;
    match said {
        Some((record, link)) if is_whole(&record) => Ok(StoredSegment {
            record,
            link,
            stored: Stored {
                wrapping,
                encryption,
                objects: objects.into(),
            },
            is_after_removed: false,
            check: None,
        }),
        _ => Err(VaultError::Wrap {
            segment: segment.clone(),
            source: WrapError::Damaged {
                offset: 0,
                detail: "it is not the segment that was captured".into(),
            },
        }),
    }
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
    let form = (stored.wrapping, stored.encryption);
    let objects = &stored.objects;
    for (number, object) in objects.iter().enumerate() {
        let name = StoredSegment::object_name(segment, form, number, objects.len())?;
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
        reader.sum_rest()?;
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
    reader: &mut dyn Read,
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

#[cfg(test)]
mod tests {
    use apograph_io::{Folder, Mode, RealDisk};
    use apograph_store::FolderStore;
    use apograph_testing::scratch::scratch;

    use super::*;
    use crate::sha256::Sha256;

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
        #[cfg(feature = "encryption")]
        let (recipients, identities) = {
            use apograph_testing::keys::ALICE;
            let mut identities = Identities::default();
            identities.add(ALICE.identity).expect("an identity");
            (
                Recipients::of([ALICE.recipient]).expect("a key"),
                identities,
            )
        };
        #[cfg(not(feature = "encryption"))]
        let identities = Identities::default();
        let forms: [(Form<'_>, &str); _] = [
            (Packing::Plain.into(), "seg"),
            (ZSTD.into(), "zst"),
            #[cfg(feature = "encryption")]
            (Form::from(ZSTD).encrypted_for(Some(&recipients)), "zst.age"),
        ];
        for (form, extension) in forms {
            let (made, context) = ((record(), Link::default()), Context::default());
            let segment = put_objects(&store, (&plain).into(), made, form, 30_000, context);
            let segment = segment.expect("written");
            let names = ["0000", "0001", "0002"];
            let names = names.map(|it| format!("segments/some-increment.{it}.{extension}"));
            for (name, object) in names.iter().zip(&segment.stored.objects) {
                let bytes = std::fs::read(folder.path().join(name)).expect("an object");
                assert_eq!(bytes.len() as u64, object.size_bytes);
                assert_eq!(Sha256::of(&bytes), object.sha256);
            }
            let mut again = Vec::new();
            let stored = (segment.name(), &segment.stored);
            read_segment(&store, stored, &identities, context, &mut |piece| {
                again.extend_from_slice(piece);
                Ok(())
            })
            .expect("sound");
            assert!(again == plain);
        }
    }
}
