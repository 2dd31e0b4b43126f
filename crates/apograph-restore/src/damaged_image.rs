//! The image of a database of which something may be damaged.
//!
//! Of an image every byte has a checksum, and nothing but the engine knows what its sections mean: it
//! is used whole or not at all. What can stand in for the newest one is an image that the file still
//! has. A checkpoint of generation 2 writes to pages that the image before it does not use, so that one
//! is often there, and its slot has a checksum. In generation 1 there is one image, and two slots, of
//! which the directory's checksum tells which is of it; and while a checkpoint is installed there are
//! two files.

use std::path::PathBuf;

use apograph_format::{
    DATABASE_HEADERS_BYTES, DatabaseHeaders, FormatError, Generation, Image, Lsn, PAGE_BYTES, v2,
};
use apograph_io::{Context, IoError, Source};
use apograph_repository::check_image;

use crate::error::{RestoreError, Result};

/// An image of which every byte is sound, and the file that it is in.
pub(crate) struct SoundImage {
    pub(crate) source: Source,
    /// The front of a file that has this image and no other.
    pub(crate) front: Vec<u8>,
    pub(crate) headers: DatabaseHeaders,
    /// Why it may not be the newest.
    pub(crate) doubt: Option<ImageDoubt>,
}

/// Why an image may not be the newest one.
pub(crate) struct ImageDoubt {
    pub(crate) file: PathBuf,
    pub(crate) defect: FormatError,
    /// Generation 2: where the log after the newest begins, if its slot tells.
    pub(crate) log_start: Option<Lsn>,
    /// Generation 1: the epoch of the image is in a slot that may be damaged.
    pub(crate) is_unnamed: bool,
}

impl SoundImage {
    /// The newest sound image in the first of these files that has one.
    pub(crate) fn find(sources: Vec<Source>, context: Context<'_>) -> Result<Self> {
        let mut first = None;
        for source in sources {
            let path = source.path().to_owned();
            match Self::in_file(source, context)? {
                Ok(found) => {
                    let doubt = first.map(|(file, defect)| ImageDoubt {
                        file,
                        defect,
                        log_start: None,
                        is_unnamed: false,
                    });
                    return Ok(Self {
                        doubt: doubt.or(found.doubt),
                        ..found
                    });
                }
                Err(defect) => first = first.or(Some((path, defect))),
            }
        }
        let (path, source) = first.unwrap_or_else(|| (PathBuf::new(), none_there()));
        Err(RestoreError::Database { path, source })
    }

    /// The newest sound image in a file; why there is none, which is why the first is none.
    fn in_file(
        source: Source,
        context: Context<'_>,
    ) -> Result<std::result::Result<Self, FormatError>> {
        let newest = match checked(&source, None, context)? {
            Ok((front, headers)) => return Ok(of_newest(source, front, headers)),
            Err(defect) => defect,
        };
        for slot in [0, 1] {
            if let Ok((front, headers)) = checked(&source, Some(slot), context)? {
                // Without the directory nothing is compared.
                if headers.file.is_encrypted {
                    continue;
                }
                let whole = source.bytes().slice(0..DATABASE_HEADERS_BYTES).read()?;
                let as_written = v2::DatabaseHeaders::decode(&whole).ok();
                let active = as_written.as_ref().and_then(|it| it.active().ok());
                let doubt = ImageDoubt {
                    file: source.path().to_owned(),
                    defect: newest,
                    log_start: active.map(|slot| slot.log_start),
                    is_unnamed: headers.file.generation == Generation::One,
                };
                return Ok(Ok(Self {
                    doubt: Some(doubt),
                    source,
                    front,
                    headers,
                }));
            }
        }
        Ok(Err(newest))
    }
}

fn none_there() -> FormatError {
    FormatError::TooShort {
        what: "database file",
        need: DATABASE_HEADERS_BYTES as u64,
        have: 0,
    }
}

/// The image of the active slot. The other slot may be damaged, and may have been the active one.
fn of_newest(
    source: Source,
    mut front: Vec<u8>,
    headers: DatabaseHeaders,
) -> std::result::Result<SoundImage, FormatError> {
    let slots = v2::DatabaseHeaders::decode(&front).map(|headers| headers.slots);
    let damaged = slots.ok().and_then(|slots| {
        let mut slots = slots.iter();
        slots.position(|slot| *slot == v2::SlotState::Damaged)
    });
    let doubt = damaged.filter(|_| headers.has_damaged_slot).map(|slot| {
        blank(&mut front, slot);
        let detail = if headers.file.is_encrypted {
            "a header slot is damaged, and may have been the newest; whether the image of the other is \
             whole, only the database's key tells"
        } else {
            "a header slot is damaged, and may have been the newest"
        };
        ImageDoubt {
            file: source.path().to_owned(),
            defect: FormatError::Malformed {
                what: "database file",
                offset: slot_range(slot).start as u64,
                detail: detail.to_owned(),
            },
            log_start: None,
            is_unnamed: false,
        }
    });
    match doubt {
        Some(doubt) if headers.file.is_encrypted => Err(doubt.defect),
        doubt => Ok(SoundImage {
            source,
            front,
            headers,
            doubt,
        }),
    }
}

/// The front of a database file and what it says, as if one of the slots had never been written, if
/// every byte of the image is sound then.
fn checked(
    source: &Source,
    without: Option<usize>,
    context: Context<'_>,
) -> Result<std::result::Result<(Vec<u8>, DatabaseHeaders), FormatError>> {
    let bytes = source.bytes();
    let mut front = bytes.slice(0..DATABASE_HEADERS_BYTES).read()?.into_owned();
    if let Some(slot) = without {
        blank(&mut front, slot);
    }
    let image = Image::parse_by(bytes.len() as u64, |range| {
        let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        let range = place(range.start)..place(range.end);
        if range.start < DATABASE_HEADERS_BYTES {
            let end = range.end.min(front.len());
            return Ok(front.get(range.start..end).unwrap_or_default().into());
        }
        Ok::<_, ImageDefect>(bytes.slice(range).read()?)
    });
    let image = image.and_then(|image| {
        check_image::<ImageDefect>(&image, bytes, context)?;
        Ok(image)
    });
    match image {
        Ok(image) => Ok(Ok((front, image.headers().clone()))),
        Err(ImageDefect::Damaged(defect)) => Ok(Err(defect)),
        Err(ImageDefect::Unread(error)) => Err(error.into()),
    }
}

/// Where a slot stands.
const fn slot_range(slot: usize) -> std::ops::Range<usize> {
    (slot + 1) * PAGE_BYTES..(slot + 2) * PAGE_BYTES
}

/// Makes a slot one that was never written.
fn blank(front: &mut [u8], slot: usize) {
    if let Some(page) = front.get_mut(slot_range(slot)) {
        page.fill(0);
    }
}

/// Why an image is not known to be sound.
enum ImageDefect {
    Unread(IoError),
    Damaged(FormatError),
}

impl From<FormatError> for ImageDefect {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error)
    }
}

impl From<IoError> for ImageDefect {
    fn from(error: IoError) -> Self {
        Self::Unread(error)
    }
}
