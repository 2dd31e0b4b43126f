//! Who hears of a capture.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use apograph_io::Monitor;

/// What a capture warns of.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    pub(crate) fn words(self) -> Vec<String> {
        self.0.into_inner().expect("a lock")
    }
}

impl Monitor for Heard {
    fn warn(&self, message: &str) {
        self.0.lock().expect("a lock").push(message.to_owned());
    }
}

/// What a capture says that it does.
#[derive(Default)]
pub(crate) struct Phases(Mutex<Vec<&'static str>>);

impl Phases {
    pub(crate) fn names(self) -> Vec<&'static str> {
        self.0.into_inner().expect("a lock")
    }
}

impl Monitor for Phases {
    fn phase(&self, name: &'static str, _total_bytes: u64) {
        self.0.lock().expect("a lock").push(name);
    }
}

/// Does something while a capture pauses for the first time.
pub(crate) struct Later<'a> {
    asked: Mutex<Option<Instant>>,
    is_done: AtomicBool,
    act: &'a (dyn Fn() + Sync),
}

impl<'a> Later<'a> {
    pub(crate) fn new(act: &'a (dyn Fn() + Sync)) -> Self {
        Self {
            asked: Mutex::new(None),
            is_done: AtomicBool::new(false),
            act,
        }
    }
}

impl Monitor for Later<'_> {
    fn is_interrupted(&self) -> bool {
        const PAUSE: Duration = Duration::from_millis(20);
        let before = self.asked.lock().expect("a lock").replace(Instant::now());
        let has_paused = before.is_some_and(|before| before.elapsed() >= PAUSE);
        if has_paused && !self.is_done.swap(true, Ordering::Relaxed) {
            (self.act)();
        }
        false
    }
}
