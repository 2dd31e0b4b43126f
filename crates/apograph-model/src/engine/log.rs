//! The log files, with what stands where in them.

/// A group, or what else is whole in a log file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) number: Option<u32>,
    /// From this length of the file on it is there.
    pub(super) committed: usize,
    /// The length of the file after it.
    pub(super) end: usize,
}

/// A log file.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    pub(super) start: u64,
    pub(super) bytes: Vec<u8>,
    /// How much of it a crash does not take.
    synced: usize,
    /// Length of its header.
    header: usize,
    events: Vec<Event>,
}

/// What a crash did to a log.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub(super) lost: Vec<u32>,
    /// The commit that lost its epoch.
    pub(super) without_epoch: Option<u32>,
    pub(super) is_torn: bool,
}

/// The log files.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) files: Vec<LogFile>,
    /// Generation 2: where a log without files goes on.
    base: u64,
    /// Whether the newest is not written to any more.
    is_left: bool,
}

impl Log {
    pub(super) fn at(base: u64) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }

    pub(super) fn begin_file(&mut self, start: u64, header: Vec<u8>) {
        self.is_left = false;
        self.files.push(LogFile {
            start,
            synced: header.len(),
            header: header.len(),
            bytes: header,
            events: Vec::new(),
        });
    }

    /// Generation 2: the position after the log. (Generation 1 never asks.)
    pub(super) fn end(&self) -> u64 {
        let last = self.files.last();
        last.map_or(self.base, |file| {
            file.start + (file.bytes.len() - file.header) as u64
        })
    }

    pub(super) fn newest_start(&self) -> u64 {
        self.files.last().map_or(self.base, |file| file.start)
    }

    pub(super) fn newest_len(&self) -> usize {
        self.files.last().map_or(0, |file| file.bytes.len())
    }

    pub(super) fn synced_position(&self) -> u64 {
        let last = self.files.last();
        last.map_or(self.base, |file| {
            file.start + file.synced.saturating_sub(file.header) as u64
        })
    }

    /// Whether the next group needs a new file.
    pub(super) fn wants_file(&self) -> bool {
        self.files.is_empty() || self.is_left && self.has_frames()
    }

    pub(super) fn has_frames(&self) -> bool {
        let last = self.files.last();
        last.is_some_and(|file| file.bytes.len() > file.header)
    }

    /// How much of the newest file is whole.
    pub(super) fn whole_len(&self) -> usize {
        let Some(file) = self.files.last() else {
            return 0;
        };
        let last = file.events.last();
        last.map_or(file.header, |event| event.end.min(file.bytes.len()))
    }

    pub(super) fn ends_torn(&self) -> bool {
        self.newest_len() != self.whole_len()
            || self.files.last().is_some_and(|file| {
                let last = file.events.last();
                last.is_some_and(|event| event.end > file.bytes.len())
            })
    }

    /// Whether the last group has no epoch after it.
    pub(super) fn ends_without_epoch(&self) -> bool {
        let ends = self
            .files
            .iter()
            .rev()
            .flat_map(|file| file.events.iter().rev());
        let mut groups = ends.filter(|event| event.number.is_some());
        groups
            .next()
            .is_some_and(|event| event.committed == event.end)
    }

    pub(super) fn event(&self, committed: usize, length: usize, number: u32) -> Event {
        let start = self.newest_len();
        Event {
            number: Some(number),
            committed: start + committed,
            end: start + length,
        }
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if let Some(file) = self.files.last_mut() {
            file.bytes.extend_from_slice(bytes);
        }
    }

    pub(super) fn note(&mut self, event: Event) {
        if let Some(file) = self.files.last_mut() {
            file.events.push(event);
        }
    }

    pub(super) fn append(&mut self, bytes: &[u8], number: Option<u32>) {
        self.extend(bytes);
        let end = self.newest_len();
        self.note(Event {
            number,
            committed: end,
            end,
        });
    }

    /// A process has read the log: no crash of it takes that.
    pub(super) fn sync(&mut self) {
        self.is_left = true;
        if let Some(file) = self.files.last_mut() {
            file.synced = file.bytes.len();
        }
    }

    /// All but the last bytes are synced.
    pub(super) fn sync_before(&mut self, length: usize) {
        if let Some(file) = self.files.last_mut() {
            file.synced = file.synced.max(file.bytes.len() - length);
        }
    }

    /// Takes bytes off the end, as far as they were not synced.
    pub(super) fn crash(&mut self, lost_bytes: usize) -> Cut {
        self.is_left = true;
        let Some(file) = self.files.last_mut() else {
            return Cut::default();
        };
        let length = file.bytes.len().saturating_sub(lost_bytes).max(file.synced);
        file.bytes.truncate(length);
        let lost = file.events.iter().filter(|event| event.committed > length);
        let mut cut = Cut {
            lost: lost.filter_map(|event| event.number).collect(),
            ..Cut::default()
        };
        file.events.retain(|event| event.committed <= length);
        let clean = match file.events.last_mut() {
            Some(event) if event.end > length => {
                cut.without_epoch = event.number;
                event.end = event.committed;
                event.committed
            }
            Some(event) => event.end,
            None => file.header,
        };
        cut.is_torn = length != clean;
        cut
    }

    /// Generation 2: cuts off what is no whole group.
    pub(super) fn cut_off_torn(&mut self) {
        let whole = self.whole_len();
        if let Some(file) = self.files.last_mut() {
            file.bytes.truncate(whole);
        }
    }

    /// Removes the files that end up to a position, but for the newest.
    pub(super) fn remove_before(&mut self, position: u64, end: impl Fn(&LogFile) -> u64) {
        let newest = self.newest_start();
        self.files
            .retain(|file| file.start == newest || end(file) > position);
    }
}
