//! The machine that a record is of.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What tells machines apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
}

impl Machine {
    /// This one, with the file system that a folder is on.
    pub(crate) fn this(folder: &Path) -> Result<Self> {
        let read = |path| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned())
        };
        let memory = value(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let kib: u64 = memory.trim_end_matches(" kB").parse().context("MemTotal")?;
        let folder = folder.canonicalize()?;
        Ok(Self {
            cpu: value(&read("/proc/cpuinfo")?, "model name").unwrap_or_default(),
            cores: thread::available_parallelism()?.get(),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(&read("/proc/mounts")?, &folder).unwrap_or_default(),
        })
    }

    /// Whether ratios of both can be compared.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let shape = |it: &Self| {
            (
                it.cpu.clone(),
                it.cores,
                it.memory_gib,
                it.file_system.clone(),
            )
        };
        shape(self) == shape(other)
    }
}

/// The type of what is mounted nearest above a folder.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    let above = mounts.filter(|(point, _)| folder.starts_with(point));
    let nearest = above.max_by_key(|(point, _)| point.components().count());
    nearest.map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n";
        for (folder, kind) in [
            ("/home/me", "ext4"),
            ("/tmp/y", "tmpfs"),
            ("/tmp/x/y", "xfs"),
        ] {
            assert_eq!(
                file_system(mounts, Path::new(folder)).as_deref(),
                Some(kind)
            );
        }
    }
}
