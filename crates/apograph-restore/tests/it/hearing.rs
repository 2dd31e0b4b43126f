//! What a command tells while it reads, and what happens meanwhile.

use std::sync::Mutex;

use apograph_io::Monitor;

/// A monitor that keeps the warnings, and does something once the reading begins.
pub(crate) struct Hearing<'a> {
    meanwhile: &'a (dyn Fn() + Sync),
    warnings: Mutex<Vec<String>>,
}

impl<'a> Hearing<'a> {
    pub(crate) fn new(meanwhile: &'a (dyn Fn() + Sync)) -> Self {
        Self {
            meanwhile,
            warnings: Mutex::default(),
        }
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().expect("a lock").clone()
    }
}

impl Monitor for Hearing<'_> {
    fn phase(&self, _name: &'static str, _total_bytes: u64) {
        (self.meanwhile)();
    }

    fn warn(&self, message: &str) {
        let mut warnings = self.warnings.lock().expect("a lock");
        warnings.push(message.to_owned());
    }
}
