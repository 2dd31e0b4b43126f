//! The ways in which the files of a repository can be damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};
use apograph::format::{SEGMENT_HEADER_BYTES, SegmentKind, SegmentName};

use crate::report::RowExtent;
use crate::stage::SMALL_FILES;

/// What is flipped in each byte; in an image, and in a quick run, one of them in turn.
const MASKS: [u8; 3] = [0x01, 0x80, 0xff];
/// Of the places in a segment after its header, a quick run takes about this many.
const QUICK_PLACES: usize = 24;
/// Of a small file it takes every byte, and about this many lengths.
const QUICK_LENGTHS: usize = 12;
/// Of an image, all of which one checksum covers, a long run takes one place in so many after the
/// header. Prime, so that no structure of it is always missed.
const IMAGE_STEP: usize = 17;

/// The files of a repository, by their names.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The new content of files; none for a file that goes.
pub(super) type Changes = BTreeMap<String, Option<Vec<u8>>>;

/// One damage.
#[derive(Debug)]
pub(super) enum Damage {
    /// Bits of a byte are flipped.
    Flip {
        file: String,
        offset: usize,
        mask: u8,
    },
    /// The same, and every checksum over it is made right.
    Forged {
        file: String,
        offset: usize,
        mask: u8,
    },
    /// The end of a file is lost.
    Cut { file: String, length: usize },
    /// A file is gone.
    Lost { file: String },
    /// Two files have each other's content.
    Swapped { first: String, second: String },
    /// A file has its content twice.
    Repeated { file: String },
    /// A file is there under a second name.
    Doubled { file: String, name: String },
    /// A file has the content of one of another repository.
    Foreign {
        file: String,
        source: String,
        bytes: Vec<u8>,
    },
}

/// How much of the bytes of a file to damage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extents {
    /// Of full backups, which have most of the bytes.
    pub(super) images: RowExtent,
    /// Of every other file.
    pub(super) others: RowExtent,
}

/// Every damage to some files. Those of another repository are what is put in their places.
pub(super) fn of(files: &Files, others: &Files, extents: Extents) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (file, bytes) in files {
        let name = || file.clone();
        let extent = if is_image(file) {
            extents.images
        } else {
            extents.others
        };
        damages.extend(flips(file, bytes.len(), extent));
        damages.extend(
            lengths(file, bytes.len(), extent).map(|length| Damage::Cut {
                file: name(),
                length,
            }),
        );
        damages.push(Damage::Lost { file: name() });
        if !bytes.is_empty() {
            damages.push(Damage::Repeated { file: name() });
        }
        let behind = files.keys().skip_while(|other| *other <= file);
        damages.extend(behind.map(|second| Damage::Swapped {
            first: name(),
            second: second.clone(),
        }));
        damages.extend(names_beside(file, files).map(|name| Damage::Doubled {
            file: file.clone(),
            name,
        }));
        damages.extend(others.iter().map(|(source, bytes)| Damage::Foreign {
            file: name(),
            source: source.clone(),
            bytes: bytes.clone(),
        }));
    }
    damages
}

fn flips(file: &str, length: usize, extent: RowExtent) -> impl Iterator<Item = Damage> + '_ {
    let dense = if is_small(file) {
        length
    } else {
        SEGMENT_HEADER_BYTES.min(length)
    };
    let step = match extent {
        RowExtent::Quick => ((length - dense) / QUICK_PLACES).max(1),
        RowExtent::Long => long_step(file),
    };
    let offsets = (0..dense).chain((dense..length).step_by(step));
    offsets.enumerate().flat_map(move |(index, offset)| {
        let masks = match extent {
            RowExtent::Long if !is_image(file) => &MASKS,
            _ => &MASKS[index % MASKS.len()..][..1],
        };
        masks.iter().map(move |&mask| Damage::Flip {
            file: file.to_owned(),
            offset,
            mask,
        })
    })
}

fn lengths(file: &str, length: usize, extent: RowExtent) -> impl Iterator<Item = usize> {
    let places = if is_small(file) {
        QUICK_LENGTHS
    } else {
        QUICK_PLACES
    };
    let step = match extent {
        RowExtent::Quick => (length / places).max(1),
        RowExtent::Long => long_step(file),
    };
    (0..length).step_by(step)
}

fn long_step(file: &str) -> usize {
    if is_image(file) { IMAGE_STEP } else { 1 }
}

/// The next free name of each kind of segment.
fn names_beside<'a>(file: &str, files: &'a Files) -> impl Iterator<Item = String> + use<'a> {
    let kinds = match SegmentName::parse(file) {
        Some(_) => &[SegmentKind::Full, SegmentKind::Incremental][..],
        None => &[],
    };
    let names = files.keys().filter_map(|name| SegmentName::parse(name));
    let index = names.map(|name| name.index + 1).max().unwrap_or_default();
    kinds
        .iter()
        .map(move |&kind| SegmentName { kind, index }.to_string())
}

pub(super) fn is_image(file: &str) -> bool {
    SegmentName::parse(file).is_some_and(|name| name.kind == SegmentKind::Full)
}

fn is_small(file: &str) -> bool {
    SMALL_FILES.contains(&file)
}

impl Damage {
    /// The files that are not what they were.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files = match self {
            Self::Flip { file, .. }
            | Self::Forged { file, .. }
            | Self::Cut { file, .. }
            | Self::Lost { file }
            | Self::Repeated { file }
            | Self::Foreign { file, .. } => BTreeSet::from([file]),
            Self::Doubled { name, .. } => BTreeSet::from([name]),
            Self::Swapped { first, second } => BTreeSet::from([first, second]),
        };
        files.into_iter().map(String::as_str)
    }

    /// Where in its file it is.
    pub(super) fn offset(&self) -> Option<u64> {
        match self {
            Self::Flip { offset, .. } => Some(*offset as u64),
            Self::Cut { length, .. } => Some(*length as u64),
            _ => None,
        }
    }

    /// What it makes of the files.
    pub(super) fn changes(&self, files: &Files) -> Result<Changes> {
        let content = |file: &String| files.get(file).with_context(|| format!("no {file}"));
        let changed = |file: &String, bytes| Ok(Changes::from([(file.clone(), bytes)]));
        match self {
            Self::Flip { file, offset, mask } | Self::Forged { file, offset, mask } => {
                let mut bytes = content(file)?.clone();
                bytes[*offset] ^= mask;
                changed(file, Some(bytes))
            }
            Self::Cut { file, length } => changed(file, Some(content(file)?[..*length].to_vec())),
            Self::Lost { file } => changed(file, None),
            Self::Swapped { first, second } => Ok(Changes::from([
                (first.clone(), Some(content(second)?.clone())),
                (second.clone(), Some(content(first)?.clone())),
            ])),
            Self::Repeated { file } => changed(file, Some(content(file)?.repeat(2))),
            Self::Doubled { file, name } => changed(name, Some(content(file)?.clone())),
            Self::Foreign { file, bytes, .. } => changed(file, Some(bytes.clone())),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip { file, offset, mask } => write!(f, "{file} byte {offset} ^ {mask:#04x}"),
            Self::Forged { file, offset, .. } => write!(f, "{file} byte {offset} forged"),
            Self::Cut { file, length } => write!(f, "{file} cut to {length} bytes"),
            Self::Lost { file } => write!(f, "{file} lost"),
            Self::Swapped { first, second } => write!(f, "{first} and {second} swapped"),
            Self::Repeated { file } => write!(f, "{file} twice in itself"),
            Self::Doubled { file, name } => write!(f, "{file} doubled as {name}"),
            Self::Foreign { file, source, .. } => write!(f, "a foreign {source} as {file}"),
        }
    }
}
