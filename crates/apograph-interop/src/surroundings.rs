//! What a process finds around it: who it is, and what time it is.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is around a process.
#[derive(Debug, Clone, Default)]
pub struct ProcessSurroundings {
    /// The user and the group that it runs as, where it is another one.
    pub user: Option<u32>,
    /// The clock, where it is another one.
    pub clock: Option<FakeClock>,
}

/// A clock that can be set, by libfaketime: the processes that see it read how far it is off from
/// a file.
#[derive(Debug, Clone)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
}

/// Where Debian and its like have the library.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

impl FakeClock {
    /// A clock whose file is this one. `None` where libfaketime is not installed.
    pub fn at(file: &Path) -> Option<Self> {
        let library = LIBRARIES.iter().map(Path::new).find(|it| it.exists())?;
        let clock = Self {
            library: library.to_owned(),
            file: file.to_owned(),
        };
        clock.set(0);
        Some(clock)
    }

    /// Sets it to so many seconds after or before the true time.
    ///
    /// # Panics
    ///
    /// If its file cannot be written.
    pub fn set(&self, seconds: i64) {
        std::fs::write(&self.file, format!("{seconds:+}\n")).expect("a file can be written");
    }
}

impl ProcessSurroundings {
    /// Removes what libfaketime leaves of a process that was killed.
    pub(crate) fn clean_up(&self, process: u32) {
        if self.clock.is_some() {
            for name in ["faketime_shm_", "sem.faketime_sem_"] {
                let _ = std::fs::remove_file(format!("/dev/shm/{name}{process}"));
            }
        }
    }

    pub(crate) fn put_around(&self, command: &mut Command) {
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        if let Some(clock) = &self.clock {
            command.env("LD_PRELOAD", &clock.library);
            command.env("FAKETIME_TIMESTAMP_FILE", &clock.file);
            command.env("FAKETIME_NO_CACHE", "1");
            // Only the time of day: what waits goes on waiting.
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
    }
}
