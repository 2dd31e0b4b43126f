//! Whether another process holds an exclusive lock on a file, without asking for the lock.
//!
//! To try a lock makes another process fail that takes it in that moment. So the kernel's list of
//! locks is read instead.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{fstatfs, major, minor};

/// The kernel's list of locks.
const LOCKS: &str = "/proc/locks";
/// File systems whose locks name another device than the file does.
const BTRFS: i64 = 0x9123_683e;
const OVERLAY: i64 = 0x794c_7630;

/// More than the kernel gives at once.
const PIECE_BYTES: usize = 64 << 10;
/// How often a list that came in pieces is read.
const ATTEMPTS: usize = 5;

/// Whether a process holds an exclusive lock on a file, as far as the kernel tells.
pub fn is_locked_by_writer(file: &File) -> bool {
    let Ok(found) = file.metadata() else {
        return false;
    };
    let names_other_device = fstatfs(file).is_ok_and(|it| [BTRFS, OVERLAY].contains(&it.f_type));
    let device = (major(found.dev()), minor(found.dev()));
    let is_it = |(at, inode): ((u32, u32), u64)| {
        inode == found.ino() && (at == device || names_other_device)
    };
    for _ in 0..ATTEMPTS {
        let Ok((locks, pieces)) = read_locks() else {
            return false;
        };
        if locks.lines().filter_map(write_lock).any(is_it) {
            return true;
        }
        if pieces <= 1 {
            break;
        }
    }
    false
}

/// The list, and in how many pieces it came. Each piece is of one moment, and begins after as many
/// lines as were read: where a lock before it goes in between, a line is left out. So the pieces
/// are as large as can be; `read_to_string` begins with a few bytes.
fn read_locks() -> std::io::Result<(String, usize)> {
    let mut list = File::open(LOCKS)?;
    let mut buffer = vec![0; PIECE_BYTES];
    let (mut bytes, mut pieces) = (Vec::new(), 0);
    loop {
        let count = list.read(&mut buffer)?;
        if count == 0 {
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), pieces));
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        pieces += 1;
    }
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Locks that others take and leave meanwhile hide none.
    #[test]
    fn a_lock_is_seen_beside_locks_that_come_and_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let create = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let held = ["a", "b", "c", "d"].map(create);
        for file in &held {
            file.lock().expect("a lock");
        }
        if read_locks().is_err() {
            return;
        }
        let other = create("other");
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    other.lock().expect("a lock");
                    other.unlock().expect("a lock that is held");
                }
            });
            let is_missed = |_: &u32| held.iter().any(|file| !is_locked_by_writer(file));
            let missed = (0..5000).filter(is_missed).count();
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(missed, 0);
        });
    }

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
