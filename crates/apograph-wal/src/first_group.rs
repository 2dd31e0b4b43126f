//! What tells one folder database from another: the first group in its log.

use apograph_format::Blake3;

use crate::error::Result;
use crate::folder::LogFolder;
use crate::group::{Group, LogEvent};
use crate::part::{LogPart, Run};
use crate::reader::GroupReader;

/// At most so many bytes of the first group tell one database from another.
const FRONT_BYTES: usize = 64 << 10;

/// The hash of the first group in a log that has a record. (A close logs a commit of nothing.)
/// At most 64 KiB of it count.
///
/// # Errors
///
/// [`WalError::Io`](crate::WalError::Io).
pub fn first_group(log: &LogFolder) -> Result<Option<Blake3>> {
    let parts = log.all().parts;
    for event in GroupReader::new(&parts) {
        if let LogEvent::Group(group) = event?
            && group.records > 0
        {
            return Ok(Some(Blake3::of(&front_of(&group, &parts)?)));
        }
    }
    Ok(None)
}

/// The first bytes of a group.
fn front_of(group: &Group<'_>, parts: &[LogPart<'_>]) -> Result<Vec<u8>> {
    let mut front = Vec::new();
    for (part, of) in parts.iter().enumerate() {
        if part < group.start.part || part > group.end.part {
            continue;
        }
        let is_first = part == group.start.part;
        let start = if is_first { group.start.offset } else { 0 };
        let is_last = part == group.end.part;
        let end = if is_last {
            group.end.offset
        } else {
            of.bytes.len()
        };
        let end = end.min(start.saturating_add(FRONT_BYTES.saturating_sub(front.len())));
        let run = Run { part, start, end };
        front.extend_from_slice(&run.bytes(parts).read()?);
    }
    Ok(front)
}
