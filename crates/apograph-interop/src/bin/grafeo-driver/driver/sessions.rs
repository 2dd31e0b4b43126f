//! Background sessions that commit while the driver goes on obeying.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use apograph_interop::protocol::Load;
use grafeo_engine::GrafeoDB;

pub(super) struct Sessions {
    stop: Arc<AtomicBool>,
    running: Vec<Running>,
}

struct Running {
    acknowledged: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), String>>,
}

impl Sessions {
    pub(super) fn start(db: &Arc<GrafeoDB>, load: &Load) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |session| {
            let acknowledged = Arc::new(AtomicU64::new(0));
            let thread = thread::spawn({
                let (db, load) = (Arc::clone(db), load.clone());
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                move || commit(&db, &load, session, &stop, &acknowledged)
            });
            Running {
                acknowledged,
                thread,
            }
        };
        let running = (0..load.sessions).map(start).collect();
        Self { stop, running }
    }

    pub(super) fn counts(&self) -> Vec<u64> {
        self.running.iter().map(Running::count).collect()
    }

    pub(super) fn stop(self) -> Result<Vec<u64>, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish()
    }

    pub(super) fn finish(self) -> Result<Vec<u64>, String> {
        self.running.into_iter().map(Running::finish).collect()
    }
}

impl Running {
    fn count(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    fn finish(self) -> Result<u64, String> {
        let outcome = self.thread.join();
        outcome.unwrap_or_else(|_| Err("a background session panicked".into()))?;
        Ok(self.acknowledged.load(Ordering::Acquire))
    }
}

fn commit(
    db: &GrafeoDB,
    load: &Load,
    session: u64,
    stop: &AtomicBool,
    acknowledged: &AtomicU64,
) -> Result<(), String> {
    let own = db.session();
    let value = match load.value_bytes {
        0 => String::new(),
        bytes => format!(", v:'{}'", "v".repeat(bytes)),
    };
    for n in 1..=load.commits_per_session.unwrap_or(u64::MAX) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        own.execute(&format!(
            "INSERT (:{} {{s:{session}, n:{n}{value}}})",
            load.label
        ))
        .map_err(|error| format!("session {session}, commit {n}: {error}"))?;
        acknowledged.store(n, Ordering::Release);
    }
    Ok(())
}
