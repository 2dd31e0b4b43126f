//! What a test works with.

use std::sync::LazyLock;

use apograph_io::{Context, Disk, Monitor, Threads};

/// The system's disk and clocks, and every core: the threads of all tests are the same.
pub fn every_core() -> Context<'static> {
    static THREADS: LazyLock<Threads> = LazyLock::new(Threads::default);
    Context {
        threads: &THREADS,
        ..Context::default()
    }
}

/// The same with another disk.
pub fn every_core_on(disk: &dyn Disk) -> Context<'_> {
    Context {
        disk,
        ..every_core()
    }
}

/// The same with a monitor.
pub fn every_core_heard_by(monitor: &dyn Monitor) -> Context<'_> {
    Context {
        monitor,
        ..every_core()
    }
}
