//! Whether another process holds an exclusive lock on a file, without asking for the lock.
//!
//! To try a lock makes another process fail that takes it in that moment. So the kernel's list of
//! locks is read instead.

use std::fs::{File, read_to_string};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{fstatfs, major, minor};

/// The kernel's list of locks.
const LOCKS: &str = "/proc/locks";
/// File systems whose locks name another device than the file does.
const BTRFS: i64 = 0x9123_683e;
const OVERLAY: i64 = 0x794c_7630;

/// Whether a process holds an exclusive lock on a file, as far as the kernel tells.
pub fn is_locked_by_writer(file: &File) -> bool {
    let (Ok(found), Ok(locks)) = (file.metadata(), read_to_string(LOCKS)) else {
        return false;
    };
    let names_other_device = fstatfs(file).is_ok_and(|it| [BTRFS, OVERLAY].contains(&it.f_type));
    let device = (major(found.dev()), minor(found.dev()));
    locks
        .lines()
        .filter_map(write_lock)
        .any(|(at, inode)| inode == found.ino() && (at == device || names_other_device))
}

/// The device and the file of a line that is an exclusive `flock`: `1: FLOCK  ADVISORY  WRITE 4711
/// fe:00:131 0 EOF`. A line of somebody who waits for one has an arrow.
fn write_lock(line: &str) -> Option<((u32, u32), u64)> {
    let mut words = line.split_whitespace().skip(1);
    let kind = [words.next()?, words.next()?, words.next()?];
    if kind != ["FLOCK", "ADVISORY", "WRITE"] {
        return None;
    }
    let mut file = words.nth(1)?.split(':');
    let mut hex = || u32::from_str_radix(file.next()?, 16).ok();
    let device = (hex()?, hex()?);
    Some((device, file.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let rows = [
            (
                "1: FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF",
                Some(((254, 0), 131)),
            ),
            (
                "3: FLOCK  ADVISORY  WRITE -1 00:2b:77 0 EOF",
                Some(((0, 43), 77)),
            ),
            ("2: FLOCK  ADVISORY  READ 4711 fe:00:131 0 EOF", None),
            ("2: -> FLOCK  ADVISORY  WRITE 4711 fe:00:131 0 EOF", None),
            ("2: POSIX  ADVISORY  WRITE 4711 fe:00:131 0 EOF", None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(write_lock(line), expected, "{line}");
        }
    }

    #[test]
    fn a_lock_is_seen_while_it_is_held() {
        let temporary = tempfile::NamedTempFile::new().expect("a file");
        let file = temporary.reopen().expect("the file");
        assert!(!is_locked_by_writer(&file));
        let holder = temporary.reopen().expect("the file");
        holder.lock_shared().expect("a shared lock");
        assert!(!is_locked_by_writer(&file));
        holder.unlock().expect("no lock");
        holder.lock().expect("an exclusive lock");
        assert!(is_locked_by_writer(&file));
        drop(holder);
        assert!(!is_locked_by_writer(&file));
    }
}
