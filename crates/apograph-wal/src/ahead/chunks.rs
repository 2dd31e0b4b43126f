//! The chunks of a log, which threads read, and which are given out in the order of the log.

use std::collections::VecDeque;
use std::num::NonZero;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apograph_format::Generation;
use apograph_io::Tasks;

use crate::group::LogEvent;
use crate::part::{LogPart, Place};
use crate::window::LogWindow;
use crate::{v1, v2};

/// After a chunk of fewer events the next ones are longer.
pub(super) const FEW_EVENTS: usize = 1 << 10;

/// The chunks of a log that are being read.
#[derive(Debug)]
pub(super) struct Chunks<'a, 's> {
    log: Arc<Log<'a>>,
    tasks: &'s Tasks<'s, 'a>,
    /// The shortest and the longest chunk, in bytes.
    lengths: RangeInclusive<usize>,
    /// How many are read and not yet asked for, at most: what bounds memory.
    most: usize,
    /// Where the next chunk begins; none after the last one.
    next: Option<Place>,
    /// How many bytes it has.
    length: usize,
    /// Those that were not asked for yet, in the order of the log.
    pub(super) begun: VecDeque<Begun<'a>>,
    /// Lists of events that were used up.
    spare: Vec<Vec<LogEvent<'a>>>,
    _stop: StopAtEnd,
}

/// A chunk that some thread reads, or has read.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    limit: Place,
    sound: Receiver<Option<Sound<'a>>>,
}

/// A chunk that was read.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    /// Where the next chunk begins.
    pub(super) limit: Place,
    /// What is in it; none where it is not sound, or no group begins in it.
    pub(super) sound: Option<Sound<'a>>,
}

#[derive(Debug)]
pub(super) struct Sound<'a> {
    pub(super) start: Place,
    pub(super) events: Vec<LogEvent<'a>>,
    /// After its last group, which ends in a later chunk.
    pub(super) end: Place,
}

impl<'a, 's> Chunks<'a, 's> {
    /// The chunks of a log, of which the first ones are given to the threads.
    pub(super) fn new(
        parts: &'a [LogPart<'a>],
        lengths: RangeInclusive<NonZero<usize>>,
        most: usize,
        tasks: &'s Tasks<'s, 'a>,
    ) -> Self {
        let length = lengths.start().get();
        let is_over = Arc::<AtomicBool>::default();
        let mut chunks = Self {
            _stop: StopAtEnd(Arc::clone(&is_over)),
            log: Arc::new(Log {
                parts,
                windows: Mutex::default(),
                is_over,
            }),
            tasks,
            lengths: length..=lengths.end().get(),
            most,
            next: (!parts.is_empty()).then(Place::default),
            length,
            begun: VecDeque::new(),
            spare: Vec::new(),
        };
        chunks.begin();
        chunks
    }

    pub(super) fn parts(&self) -> &'a [LogPart<'a>] {
        self.log.parts
    }

    /// The next chunk in the order of the log, once it was read; `None` after the last one.
    pub(super) fn take(&mut self, used: Vec<LogEvent<'a>>) -> Option<Chunk<'a>> {
        let Begun { limit, sound } = self.begun.pop_front()?;
        self.spare.push(used);
        let sound = loop {
            match sound.try_recv() {
                Err(TryRecvError::Empty) if self.tasks.help() => {}
                Err(TryRecvError::Empty) => break sound.recv().ok().flatten(),
                // Whoever panics sends nothing.
                read => break read.ok().flatten(),
            }
        };
        let events = sound.as_ref().map_or(0, |sound| sound.events.len());
        self.length = if events < FEW_EVENTS {
            self.length.saturating_mul(2).min(*self.lengths.end())
        } else {
            *self.lengths.start()
        };
        self.begin();
        Some(Chunk { limit, sound })
    }

    /// Gives chunks to the threads, until as many are begun as may be.
    fn begin(&mut self) {
        while let Some(Place { part, offset }) = self.next
            && self.begun.len() < self.most
        {
            let length = self.parts().get(part).map_or(0, |part| part.bytes.len());
            let end = offset.saturating_add(self.length).min(length);
            self.next = self.after(part, end);
            let (sender, sound) = sync_channel(1);
            let limit = Place { part, offset: end };
            self.begun.push_back(Begun { limit, sound });
            let log = Arc::clone(&self.log);
            let events = self.spare.pop().unwrap_or_default();
            self.tasks.spawn(move || {
                if !log.is_over.load(Ordering::Relaxed) {
                    // Who does not ask for it any more does not need it.
                    let _ = sender.send(log.sound(part, offset..end, events));
                }
            });
        }
    }

    /// Where a chunk begins that is after one with this end.
    fn after(&self, part: usize, end: usize) -> Option<Place> {
        let length = self.parts().get(part)?.bytes.len();
        if end < length {
            return Some(Place { part, offset: end });
        }
        let part = part.saturating_add(1);
        (part < self.parts().len()).then_some(Place { part, offset: 0 })
    }

    /// The place as that of the byte that comes next.
    pub(super) fn normal(&self, mut place: Place) -> Place {
        let is_at_end = |place: Place| {
            let part = self.parts().get(place.part);
            part.is_some_and(|part| place.offset >= part.bytes.len())
        };
        while is_at_end(place) {
            place = Place {
                part: place.part.saturating_add(1),
                offset: 0,
            };
        }
        place
    }
}

/// Nobody asks for more: of what was given to the threads, what is not begun is not read.
#[derive(Debug)]
struct StopAtEnd(Arc<AtomicBool>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The log, as the threads see it that read chunks of it.
#[derive(Debug)]
struct Log<'a> {
    parts: &'a [LogPart<'a>],
    /// Those through which no thread looks now.
    windows: Mutex<Vec<LogWindow<'a>>>,
    is_over: Arc<AtomicBool>,
}

impl<'a> Log<'a> {
    /// What is in a chunk. Where it cannot be read, whoever reads it again tells.
    fn sound(
        &self,
        part: usize,
        range: Range<usize>,
        events: Vec<LogEvent<'a>>,
    ) -> Option<Sound<'a>> {
        let window = self.windows().pop();
        let mut window = window.unwrap_or_else(|| LogWindow::of(self.parts));
        let sound = self.seen(part, range, events, &mut window);
        self.windows().push(window);
        sound
    }

    fn windows(&self) -> MutexGuard<'_, Vec<LogWindow<'a>>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(
        &self,
        part: usize,
        range: Range<usize>,
        mut events: Vec<LogEvent<'a>>,
        window: &mut LogWindow<'a>,
    ) -> Option<Sound<'a>> {
        let limit = Place {
            part,
            offset: range.end,
        };
        events.clear();
        let generation = self.parts.get(part)?.generation();
        let offset = match generation {
            // Most log files begin with a group.
            _ if range.start == 0 => 0,
            Generation::One => v1::boundary::find(window, part, range).ok()??,
            Generation::Two => v2::boundary::find(window, self.parts, part, range).ok()??,
        };
        let start = Place { part, offset };
        let own = std::mem::replace(window, LogWindow::of(self.parts));
        let end = match generation {
            Generation::One => {
                let mut reader = v1::reader::Reader::ahead(own, self.parts, start);
                while reader.place() < limit {
                    events.push(reader.next()?.ok()?);
                }
                let end = reader.place();
                *window = reader.into_window();
                end
            }
            Generation::Two => {
                let mut reader = v2::reader::Reader::ahead(own, self.parts, start);
                while reader.place() < limit {
                    events.push(reader.next()?.ok()?);
                }
                let end = reader.place();
                *window = reader.into_window();
                end
            }
        };
        Some(Sound { start, events, end })
    }
}
