//! Repositories of many small segments.

use std::fs;
use std::path::Path;

use apograph_format::{
    Epoch, Generation, SegmentFlags, SegmentHeader, SegmentKind, SegmentName, log_folder,
};
use apograph_io::{Context, Folder, Mode, RealDisk, Threads};
use apograph_manifest::write_records;
use apograph_repository::{Repository, Writer};
use apograph_wal::{GroupReader, LogEvent};

use crate::repository::{DATABASE, REPOSITORY};
use crate::scan::with_parts;
use crate::{Frames, Result, database, log};

/// Makes a repository of a full backup and increments of one commit each, `count` segments
/// together, with the manifest and the records that the library makes of them.
///
/// The increments are cut from one log. To capture them one by one would take hours: each backup
/// writes the manifest anew.
pub(crate) fn make(folder: &Path, count: u64) -> Result<()> {
    let database = folder.join(DATABASE);
    database::create_empty(&database, Generation::One)?;
    log::open(&log_folder(&database), Generation::One, Frames::Small)?.write(count - 1)?;

    let repository = folder.join(REPOSITORY);
    fs::create_dir(&repository)?;
    let segment = |kind, index| repository.join(SegmentName { kind, index }.to_string());
    fs::copy(&database, segment(SegmentKind::Full, 0))?;
    with_parts(&log_folder(&database), Generation::One, |parts| {
        let groups = GroupReader::new(parts).filter_map(|event| match event {
            Ok(LogEvent::Group(group)) => Some(group),
            _ => None,
        });
        for (group, index) in groups.zip(1..) {
            let mut bytes = header(Epoch::new(index)).encode().to_vec();
            for run in group.runs() {
                bytes.extend_from_slice(&run.bytes(parts).read()?);
            }
            fs::write(segment(SegmentKind::Incremental, index), bytes)?;
        }
        Ok(())
    })?;
    record(&repository)
}

fn header(epoch: Epoch) -> SegmentHeader {
    SegmentHeader {
        generation: Generation::One,
        start_epoch: epoch,
        end_epoch: epoch,
        count: 1,
        flags: SegmentFlags {
            continues: true,
            ..SegmentFlags::default()
        },
    }
}

fn record(repository: &Path) -> Result<()> {
    let folder = Folder::open(repository)?;
    let threads = Threads::default();
    let context = Context {
        threads: &threads,
        ..Context::default()
    };
    Writer::lock(&folder, context)?.rebuild()?;
    let repository = Repository::open(repository, context)?;
    let records = repository.records();
    Ok(write_records(
        &RealDisk,
        &folder,
        Mode::PRIVATE,
        records,
        None,
    )?)
}
