//! Reads a restored database back, as naively as the model writes one.
//!
//! Everything has to be exactly what the model's engine wrote: no frame may be damaged, no group
//! unfinished, no record unknown. The order of the commits in image and log is the state.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::Generation;

use crate::bytes::{PAGE_BYTES, checksum, read_image_content, read_varint, size, u32_at, u64_at};
use crate::truth::{ModelState, ScenarioTruth, apply};

type Read<T> = Result<T, String>;

/// The state of the database at a path.
///
/// # Errors
///
/// What is wrong with it.
pub fn state_of(
    database: &Path,
    generation: Generation,
    truth: &ScenarioTruth,
) -> Read<ModelState> {
    let image = fs::read(database).map_err(|error| format!("{}: {error}", database.display()))?;
    let logs = log_files(database)?;
    let (mut state, groups) = match generation {
        Generation::One => (v1::image(&image)?, v1::log(&logs)?),
        Generation::Two => {
            let (state, log_start) = v2::image(&image)?;
            (state, v2::log(&logs, log_start)?)
        }
    };
    for records in groups {
        if let Some(number) = truth.number_of(&records)? {
            apply(&mut state, number);
        }
    }
    Ok(state)
}

/// The log files of a database, by name.
fn log_files(database: &Path) -> Read<Vec<(String, Vec<u8>)>> {
    let mut folder = database.as_os_str().to_owned();
    folder.push(".wal");
    let Ok(entries) = fs::read_dir(PathBuf::from(folder)) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("wal_") {
            return Err(format!("{name} is beside the log"));
        }
        let bytes = fs::read(entry.path()).map_err(|error| format!("{name}: {error}"))?;
        files.push((name, bytes));
    }
    files.sort();
    Ok(files)
}

fn need<T>(found: Option<T>, what: &str) -> Read<T> {
    found.ok_or_else(|| format!("{what} is not whole"))
}

fn checked<'a>(file: &'a [u8], offset: u64, length: u64, sum: u32, what: &str) -> Read<&'a [u8]> {
    let end = offset.checked_add(length);
    let bytes = end.and_then(|end| file.get(size(offset)..size(end)));
    let bytes = need(bytes, what)?;
    if checksum(bytes) != sum.to_le_bytes() {
        return Err(format!("{what} has another checksum"));
    }
    Ok(bytes)
}

mod v1 {
    use super::{ModelState, PAGE_BYTES, Read, checked, checksum, need, read_image_content};
    use super::{read_varint, size, u32_at, u64_at};

    const DIRECTORY: u64 = 3 * PAGE_BYTES as u64;

    /// Iteration and checksum of a slot.
    fn slot(image: &[u8], page: usize) -> Read<(u64, u64)> {
        let bytes = need(image.get(page * PAGE_BYTES..), "a slot")?;
        let (iteration, rest) = need(read_varint(bytes), "a slot")?;
        let (sum, _) = need(read_varint(rest), "a slot")?;
        Ok((iteration, sum))
    }

    pub(super) fn image(image: &[u8]) -> Read<ModelState> {
        let slots = [slot(image, 1)?, slot(image, 2)?];
        let (iteration, sum) = slots[usize::from(slots[1].0 > slots[0].0)];
        if iteration == 0 {
            return Ok(ModelState::new());
        }
        let sum = u32::try_from(sum).map_err(|error| error.to_string())?;
        let directory = checked(image, DIRECTORY, PAGE_BYTES as u64, sum, "the directory")?;
        let offset = need(u64_at(directory, 16), "an entry")?;
        let length = need(u64_at(directory, 24), "an entry")?;
        let sum = need(u32_at(directory, 32), "an entry")?;
        let section = checked(image, offset, length, sum, "a section")?;
        Ok(read_image_content(section))
    }

    pub(super) fn log(files: &[(String, Vec<u8>)]) -> Read<Vec<Vec<Vec<u8>>>> {
        let (mut groups, mut group) = (Vec::new(), Vec::new());
        let frames = files.iter().map(|(_, bytes)| &bytes[..]);
        let log = frames.collect::<Vec<_>>().concat();
        let mut rest = &log[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = size(u32::from_le_bytes(*length));
            let (payload, behind) = need(behind.split_at_checked(length), "a frame")?;
            let (sum, behind) = need(behind.split_first_chunk::<4>(), "a frame")?;
            if checksum(payload) != *sum {
                return Err("a frame has another checksum".to_owned());
            }
            match payload.split_first() {
                Some((4, record)) => group.push(record.to_vec()),
                Some((35, _)) => groups.push(std::mem::take(&mut group)),
                Some((36, _)) => group.clear(),
                Some((38, _)) if group.is_empty() => {}
                _ => return Err("a frame of another kind".to_owned()),
            }
            rest = behind;
        }
        if group.is_empty() && rest.is_empty() {
            Ok(groups)
        } else {
            Err("the log ends in a group".to_owned())
        }
    }
}

mod v2 {
    use super::{ModelState, PAGE_BYTES, Read, checked, checksum, need, read_image_content};
    use super::{size, u32_at, u64_at};

    const HEADER_BYTES: usize = 128;
    const FRAME_HEADER_BYTES: usize = 25;

    pub(super) fn image(image: &[u8]) -> Read<(ModelState, u64)> {
        let slots = [1, 2].map(|page| {
            let slot = image.get(page * PAGE_BYTES..(page + 1) * PAGE_BYTES)?;
            let is_whole = slot.starts_with(b"GDBH") && checksum(&slot[..80]) == slot[80..84];
            is_whole.then_some(slot)
        });
        let newest = slots.into_iter().flatten();
        let newest = newest.max_by_key(|slot| u64_at(slot, 8));
        let slot = need(newest, "no slot")?;
        let log_start = need(u64_at(slot, 16), "a slot")?;
        let length = need(u32_at(slot, 48), "a slot")?;
        if length == 0 {
            return Ok((ModelState::new(), log_start));
        }
        let offset = need(u64_at(slot, 40), "a slot")?;
        let sum = need(u32_at(slot, 52), "a slot")?;
        let block = checked(image, offset, length.into(), sum, "the directory")?;
        let offset = need(u64_at(block, 56), "an entry")?;
        let length = need(u64_at(block, 64), "an entry")?;
        let sum = need(u32_at(block, 72), "an entry")?;
        let chunk = checked(image, offset, length, sum, "a chunk")?;
        Ok((read_image_content(chunk), log_start))
    }

    pub(super) fn log(files: &[(String, Vec<u8>)], from: u64) -> Read<Vec<Vec<Vec<u8>>>> {
        let mut groups = Vec::new();
        let mut next = None;
        for (name, file) in files {
            let first = need(u64_at(file, 32), name)?;
            let is_sound = file.starts_with(b"GRAFWAL\0")
                && file.get(..124).map(checksum).as_ref().map(|it| &it[..]) == file.get(124..128);
            if !is_sound || *name != format!("wal_{first:020}.log") {
                return Err(format!("{name} has a header of another file"));
            }
            if next.map_or(first > from, |next| next != first) {
                return Err(format!(
                    "{name} does not begin where the log before it ends"
                ));
            }
            frames(&file[HEADER_BYTES..], first, from, &mut groups)?;
            next = Some(first + (file.len() - HEADER_BYTES) as u64);
        }
        Ok(groups)
    }

    fn frames(bytes: &[u8], first: u64, from: u64, groups: &mut Vec<Vec<Vec<u8>>>) -> Read<()> {
        let mut group = None;
        let mut offset = 0;
        while offset < bytes.len() {
            let lsn = first + offset as u64;
            let rest = &bytes[offset..];
            let length = FRAME_HEADER_BYTES + size(need(u32_at(rest, 0), "a frame")?);
            let frame = need(rest.get(..length), "a frame")?;
            let covered = [&frame[..4], &frame[8..]].concat();
            if checksum(&covered) != frame[4..8] || u64_at(frame, 8) != Some(lsn) {
                return Err(format!("the frame at LSN {lsn} is damaged"));
            }
            let (flags, mut payload) = (frame[24], &frame[FRAME_HEADER_BYTES..]);
            if (flags & 1 == 1) != group.is_none() {
                return Err(format!("the frame at LSN {lsn} is out of its group"));
            }
            if flags & 1 == 1 {
                payload = need(payload.get(8..), "a prologue")?;
            }
            let is_marker = payload.is_empty() && flags == 3;
            let records = group.get_or_insert_with(Vec::new);
            while !payload.is_empty() {
                let length = 6 + size(need(u32_at(payload, 2), "a record")?);
                let (record, behind) = need(payload.split_at_checked(length), "a record")?;
                match record[0] {
                    1 => {}
                    20 => records.push(record[6..].to_vec()),
                    kind => return Err(format!("a record of kind {kind}")),
                }
                payload = behind;
            }
            if flags & 2 == 2
                && let Some(records) = group.take()
                && lsn >= from
                && !is_marker
            {
                groups.push(records);
            }
            offset += length;
        }
        match group {
            None => Ok(()),
            Some(_) => Err("the log ends in a group".to_owned()),
        }
    }
}
