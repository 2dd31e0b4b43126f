//! Logs of generation 2, written from FORMAT.md: the engine that writes them is not in this
//! workspace.
//!
//! A commit is one frame, as the engine writes a small one: the prologue, the group's first record,
//! and one record that sets a property. The log begins at LSN 0, after the empty database of a
//! golden fixture, whose header the log files have.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use apograph_format::v2::{FRAME_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Crc32, LogPosition, Lsn, log_file_name, log_folder};

use crate::{Frames, LogWriter, Result};

/// A log file is left for the next one after so many bytes.
const LOG_FILE_BYTES: u64 = 64 << 20;
const FIRST_AND_LAST: u8 = 3;
const GROUP_BEGIN: u8 = 1;
const SET_NODE_PROPERTY: u8 = 20;
const REQUIRED: u8 = 1;
/// A commit of a session.
const ORIGIN: u64 = 0;
const BEGINNING_MS: u64 = 1_795_000_000_000;

/// A database of the engine that was opened, and in which nothing was committed.
pub(crate) fn empty_database() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/v2/10_live/source_precheckpoint/src.grafeo")
}

/// A writer of groups of one frame.
pub(crate) struct Writer {
    folder: PathBuf,
    header: WalSegmentHeader,
    file: BufWriter<File>,
    file_start: u64,
    lsn: u64,
    value: String,
    epoch: u64,
}

impl Writer {
    pub(crate) fn open(folder: &Path, frames: Frames) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let start = LogPosition::Lsn(Lsn::new(0));
        let model = log_folder(&empty_database()).join(log_file_name(start));
        let header = WalSegmentHeader::decode(&std::fs::read(model)?)?;
        Ok(Self {
            folder: folder.to_owned(),
            file: begin_file(folder, &header, 0)?,
            header,
            file_start: 0,
            lsn: 0,
            value: frames.value(),
            epoch: 0,
        })
    }

    fn payload(&self) -> Result<Vec<u8>> {
        let heads = (self.epoch, BEGINNING_MS + self.epoch, ORIGIN);
        let begin = bincode::encode_to_vec(heads, bincode::config::standard())?;
        let property = (self.epoch, "text", self.value.as_str());
        let property = bincode::encode_to_vec(property, bincode::config::standard())?;
        let mut payload = self.file_start.to_le_bytes().to_vec();
        for (kind, content) in [(GROUP_BEGIN, begin), (SET_NODE_PROPERTY, property)] {
            payload.extend([kind, REQUIRED]);
            payload.extend(u32::try_from(content.len())?.to_le_bytes());
            payload.extend(content);
        }
        Ok(payload)
    }
}

impl LogWriter for Writer {
    fn commit(&mut self) -> Result<()> {
        if self.lsn - self.file_start >= LOG_FILE_BYTES {
            self.file.flush()?;
            self.file = begin_file(&self.folder, &self.header, self.lsn)?;
            self.file_start = self.lsn;
        }
        self.epoch += 1;
        let payload = self.payload()?;
        let length = u32::try_from(payload.len())?.to_le_bytes();
        let mut covered = length.to_vec();
        covered.extend(self.lsn.to_le_bytes());
        covered.extend((self.epoch + 1).to_le_bytes());
        covered.push(FIRST_AND_LAST);
        covered.extend(payload);
        self.file.write_all(&length)?;
        let checksum = Crc32::of(&covered).get();
        self.file.write_all(&checksum.to_le_bytes())?;
        let rest = covered.get(length.len()..).unwrap_or_default();
        self.file.write_all(rest)?;
        self.lsn += (length.len() + size_of_val(&checksum) + rest.len()) as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.file.flush()?)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

const _: () = assert!(FRAME_HEADER_BYTES == 4 + 4 + 8 + 8 + 1);

fn begin_file(folder: &Path, header: &WalSegmentHeader, start: u64) -> Result<BufWriter<File>> {
    let start = Lsn::new(start);
    let path = folder.join(log_file_name(LogPosition::Lsn(start)));
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    file.write_all(header.beginning_at(start).bytes())?;
    Ok(file)
}
