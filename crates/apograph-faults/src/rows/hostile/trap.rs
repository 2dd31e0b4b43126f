//! The traps.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Context, Result};
use apograph::format::{
    Crc32, Epoch, RangeSet, SEGMENT_HEADER_BYTES, SegmentKind, SegmentName, UnixMillis,
};
use apograph::manifest::{
    FileName, HISTORY_FILE_NAME, History, MANIFEST_FILE_NAME, Manifest, Segment, SegmentContent,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::reader::Reader;
use crate::report::RowExtent;

const FULL: &str = "backup_full_0000.grafeo";
const INCREMENT: &str = "backup_incr_0001.wal";
const HUGE: u64 = 1 << 40;
const MANY: usize = 1_000_000;
/// A quick run does not wait for the file system to make a million files.
const QUICK_FILES: usize = 100_000;
/// Of those that are named as segments are.
const QUICK_SEGMENTS: usize = 10_000;
const DEPTH: usize = 1_000_000;

/// Names that no segment may have.
const NAMES: [&str; 5] = [
    "../../etc/passwd",
    "/etc/passwd",
    "backup\0incr",
    "..",
    LONG_NAME,
];
const LONG_NAME: &str = concat!(
    "backup_incr_000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000001.wal"
);

/// What stands where a file should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    LinkToItself,
    LinkToZeros,
    LinkToFile,
    Pipe,
    Zeros,
    Folder,
    Socket,
}

/// What a file declares, or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trap {
    /// Something else than a file.
    Node(&'static str, Node),
    /// A file as large as a disk, with its own beginning and nothing after it.
    Sparse(&'static str),
    /// The same, and the manifest says so.
    DeclaredSparse(&'static str),
    /// Every segment has 2^63 bytes.
    Sizes,
    /// The manifest names so many segments.
    Entries(usize),
    /// It names a segment so.
    Name(&'static str),
    /// It names one twice.
    Twice,
    /// It names them in another order.
    Reversed,
    /// Its epochs and times are the highest numbers there are.
    Numbers,
    /// JSON, as deep as a file can be.
    Deep(&'static str),
    /// `apograph.json` says that each segment has every epoch.
    Epochs,
    /// Bytes of a segment: where, and what; the manifest has its checksum.
    Bytes(&'static str, usize, &'static [u8]),
    /// So many files in the folder: a name before and one after the number.
    Files(usize, &'static str, &'static str),
}

/// Every trap.
pub(super) fn all(extent: RowExtent) -> Vec<Trap> {
    let nodes = [
        Node::LinkToItself,
        Node::LinkToZeros,
        Node::LinkToFile,
        Node::Pipe,
        Node::Zeros,
        Node::Folder,
        Node::Socket,
    ];
    let files = match extent {
        RowExtent::Quick => QUICK_FILES,
        RowExtent::Long => MANY,
    };
    let small = [MANIFEST_FILE_NAME, HISTORY_FILE_NAME];
    let mut traps = Vec::new();
    for file in [FULL, INCREMENT].into_iter().chain(small) {
        traps.extend(nodes.map(|node| Trap::Node(file, node)));
        traps.push(Trap::Sparse(file));
    }
    traps.extend([FULL, INCREMENT].map(Trap::DeclaredSparse));
    traps.extend([Trap::Sizes, Trap::Entries(MANY)]);
    traps.extend(NAMES.map(Trap::Name));
    traps.extend([Trap::Twice, Trap::Reversed, Trap::Numbers, Trap::Epochs]);
    traps.extend(small.map(Trap::Deep));
    let body = SEGMENT_HEADER_BYTES;
    traps.extend([
        Trap::Bytes(INCREMENT, body, &[0xff; 4]),
        Trap::Bytes(INCREMENT, body, &[0xff; 8]),
        Trap::Bytes(INCREMENT, body - 8, &[0xff; 8]),
        Trap::Bytes(INCREMENT, 8, &[0xff; 24]),
        Trap::Files(files, "stray-", ""),
        Trap::Files(QUICK_SEGMENTS, "backup_incr_1", ".wal"),
        Trap::Files(QUICK_SEGMENTS, "backup_full_1", ".grafeo"),
    ]);
    if extent == RowExtent::Long {
        traps.push(Trap::Files(MANY, "backup_incr_1", ".wal"));
        traps.push(Trap::Files(MANY, ".stray-", ".apograph-tmp"));
    }
    traps
}

impl Trap {
    /// The file that it is in.
    pub(super) const fn file(&self) -> &'static str {
        match self {
            Self::Node(file, _)
            | Self::Sparse(file)
            | Self::DeclaredSparse(file)
            | Self::Deep(file)
            | Self::Bytes(file, ..) => file,
            Self::Epochs => HISTORY_FILE_NAME,
            _ => MANIFEST_FILE_NAME,
        }
    }

    /// Whether a command cannot do what it was asked for.
    pub(super) fn bars(&self, reader: Reader) -> bool {
        let in_manifest = self.file() == MANIFEST_FILE_NAME;
        match self {
            Self::Node(..) => match reader {
                Reader::Verify => true,
                Reader::List | Reader::Restore | Reader::Inspect | Reader::Backup => in_manifest,
                Reader::Rebuild => false,
            },
            Self::Name(_) | Self::Twice => reader != Reader::Rebuild,
            Self::Sizes => [Reader::Verify, Reader::Restore].contains(&reader),
            Self::Sparse(_) | Self::DeclaredSparse(_) => reader == Reader::Verify,
            Self::Deep(_) => reader == Reader::Inspect,
            Self::Bytes(_, offset, _) => {
                reader == Reader::Verify && *offset >= SEGMENT_HEADER_BYTES
            }
            _ => false,
        }
    }

    /// Whether only root can make it.
    pub(super) fn takes_root(&self) -> bool {
        matches!(self, Self::Node(_, Node::Zeros))
    }

    /// Puts it into a sound repository.
    pub(super) fn set(&self, repository: &Path) -> Result<()> {
        let path = repository.join(self.file());
        match self {
            Self::Node(_, node) => {
                fs::remove_file(&path)?;
                node.make(&path)
            }
            Self::Sparse(_) => stretch(&path),
            Self::DeclaredSparse(file) => {
                stretch(&path)?;
                change(repository, |segment| {
                    if segment.file.as_str() == *file {
                        segment.size_bytes = HUGE;
                    }
                })
            }
            Self::Sizes => change(repository, |segment| segment.size_bytes = 1 << 63),
            Self::Entries(count) => name_many(repository, *count),
            Self::Name(name) => rename(repository, name),
            Self::Twice => edit(repository, |manifest| {
                let first = manifest.segments.first().cloned();
                manifest.segments.extend(first);
            }),
            Self::Reversed => edit(repository, |manifest| manifest.segments.reverse()),
            Self::Numbers => change(repository, |segment| {
                segment.end_epoch = Epoch::new(u64::MAX);
                segment.created_at = UnixMillis::new(u64::MAX);
            }),
            Self::Deep(_) => {
                let deep = ["{\"version\":2,\"body\":", &"[".repeat(DEPTH)].concat();
                Ok(fs::write(path, deep)?)
            }
            Self::Epochs => claim_all_epochs(&path),
            Self::Bytes(file, offset, bytes) => {
                let mut content = fs::read(&path)?;
                content[*offset..][..bytes.len()].copy_from_slice(bytes);
                fs::write(&path, &content)?;
                change(repository, |segment| {
                    if segment.file.as_str() == *file {
                        segment.checksum = Crc32::of(&content);
                    }
                })
            }
            Self::Files(count, before, behind) => (0..*count).try_for_each(|index| {
                let name = format!("{before}{index:07}{behind}");
                File::create(repository.join(name))?;
                Ok(())
            }),
        }
    }
}

impl Node {
    fn make(self, path: &Path) -> Result<()> {
        let mode = Mode::RUSR | Mode::WUSR;
        match self {
            Self::LinkToItself => symlink(path, path)?,
            Self::LinkToZeros => symlink("/dev/zero", path)?,
            Self::LinkToFile => {
                let folder = path.parent().context("no folder")?;
                let other = folder.with_file_name("other");
                fs::write(&other, "other")?;
                symlink(other, path)?;
            }
            Self::Pipe => mknodat(CWD, path, FileType::Fifo, mode, 0)?,
            Self::Zeros => {
                let zeros = rustix::fs::makedev(1, 5);
                mknodat(CWD, path, FileType::CharacterDevice, mode, zeros)?;
            }
            Self::Folder => fs::create_dir(path)?,
            Self::Socket => drop(UnixListener::bind(path)?),
        }
        Ok(())
    }
}

fn stretch(path: &Path) -> Result<()> {
    Ok(File::options().write(true).open(path)?.set_len(HUGE)?)
}

/// Another manifest, and no records that contradict it.
fn edit(repository: &Path, edit: impl FnOnce(&mut Manifest)) -> Result<()> {
    let path = repository.join(MANIFEST_FILE_NAME);
    let mut manifest = Manifest::decode(&fs::read(&path)?, &path)?;
    edit(&mut manifest);
    fs::write(&path, manifest.encode())?;
    Ok(fs::remove_file(repository.join(HISTORY_FILE_NAME))?)
}

fn change(repository: &Path, change: impl FnMut(&mut Segment)) -> Result<()> {
    edit(repository, |manifest| {
        manifest.segments.iter_mut().for_each(change);
    })
}

fn name_many(repository: &Path, count: usize) -> Result<()> {
    let mut named = Vec::new();
    for index in 1..=count as u64 {
        let kind = SegmentKind::Incremental;
        let name = SegmentName { kind, index }.to_string();
        named.push(FileName::try_from(name).map_err(anyhow::Error::msg)?);
    }
    edit(repository, |manifest| {
        let last = manifest.segments.last().cloned();
        let entries = named.into_iter().zip(last.into_iter().cycle());
        let entries = entries.map(|(file, segment)| Segment {
            kind: SegmentKind::Incremental,
            file,
            ..segment
        });
        manifest.segments.truncate(1);
        manifest.segments.extend(entries);
    })
}

/// A name goes into the file as it is: the types refuse it.
fn rename(repository: &Path, name: &str) -> Result<()> {
    let path = repository.join(MANIFEST_FILE_NAME);
    let bytes = fs::read(&path)?;
    let is_json = bytes.starts_with(b"{");
    let (old, new) = if is_json {
        (
            format!("\"{INCREMENT}\"").into_bytes(),
            serde_json::to_vec(name)?,
        )
    } else {
        let length = |name: &str| match (u8::try_from(name.len()), u16::try_from(name.len())) {
            (Ok(length), _) if length <= 250 => vec![length],
            (_, length) => [&[251][..], &length.unwrap_or(u16::MAX).to_le_bytes()].concat(),
        };
        let encoded = |name: &str| [&length(name)[..], name.as_bytes()].concat();
        (encoded(INCREMENT), encoded(name))
    };
    let place = bytes.windows(old.len()).position(|window| window == old);
    let place = place.context("the manifest does not name it")?;
    let (before, behind) = (&bytes[..place], &bytes[place + old.len()..]);
    Ok(fs::write(&path, [before, &new, behind].concat())?)
}

fn claim_all_epochs(path: &Path) -> Result<()> {
    let mut history = History::decode(&fs::read(path)?).context("no history")?;
    for record in &mut history.records {
        if let SegmentContent::Increment(increment) = &mut record.content {
            for stretch in &mut increment.stretches {
                stretch.epochs = RangeSet::from(vec![(0, u64::MAX)]);
            }
        }
    }
    Ok(fs::write(path, history.encode())?)
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(file, node) => write!(f, "{file} is {node:?}"),
            Self::Bytes(file, offset, bytes) => write!(f, "{file} has {bytes:02x?} at {offset}"),
            other => write!(f, "{other:?}"),
        }
    }
}
