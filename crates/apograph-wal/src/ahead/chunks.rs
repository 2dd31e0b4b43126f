//! The chunks of a log, which threads take and read, and give back in the order of the log.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::{Range, RangeInclusive};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use apograph_format::Generation;
use apograph_io::Threads;

use crate::group::LogEvent;
use crate::part::{LogPart, Place};
use crate::window::LogWindow;
use crate::{v1, v2};

/// After a chunk of fewer events the next ones are longer.
pub(super) const FEW_EVENTS: usize = 1 << 10;
/// How many chunks for each thread are read and not yet asked for, at most: what bounds memory.
pub(super) const STRETCHES_PER_THREAD: usize = 3;

/// The chunks of a log that are being read.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    pub(super) parts: &'a [LogPart<'a>],
    /// The shortest and the longest chunk, in bytes.
    lengths: RangeInclusive<usize>,
    /// How many are read and not yet asked for, at most.
    most: usize,
    state: Mutex<State<'a>>,
    changed: Condvar,
}

#[derive(Debug)]
pub(super) struct State<'a> {
    /// Where the next chunk begins; none behind the last one.
    next: Option<Place>,
    /// How many bytes it has.
    length: usize,
    /// The number of the next chunk to be begun.
    pub(super) begun: usize,
    /// The number of the next chunk to be asked for.
    asked: usize,
    /// What was read, by its number.
    pub(super) done: BTreeMap<usize, Chunk<'a>>,
    /// Lists of events that were used up.
    pub(super) spare: Vec<Vec<LogEvent<'a>>>,
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

/// A chunk that is to be read.
pub(super) struct Task<'a> {
    number: usize,
    part: usize,
    range: Range<usize>,
    events: Vec<LogEvent<'a>>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(
        parts: &'a [LogPart<'a>],
        lengths: RangeInclusive<NonZero<usize>>,
        threads: Threads,
    ) -> Self {
        let length = lengths.start().get();
        Self {
            parts,
            lengths: length..=lengths.end().get(),
            most: threads.get().saturating_mul(STRETCHES_PER_THREAD),
            state: Mutex::new(State {
                next: (!parts.is_empty()).then(Place::default),
                length,
                begun: 0,
                asked: 0,
                done: BTreeMap::new(),
                spare: Vec::new(),
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'s>(&self, state: MutexGuard<'s, State<'a>>) -> MutexGuard<'s, State<'a>> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads chunk after chunk, until there are no more.
    pub(super) fn read_on(&self) {
        let mut window = LogWindow::of(self.parts);
        let mut state = self.lock();
        loop {
            state = match self.begin(&mut state) {
                Some(task) => {
                    drop(state);
                    self.read(task, &mut window)
                }
                None if state.next.is_none() => return,
                None => self.wait(state),
            };
        }
    }

    /// The next chunk in the order of the log, which this thread reads itself where no other
    /// does; `None` after the last one.
    pub(super) fn take(
        &self,
        used: Vec<LogEvent<'a>>,
        window: &mut LogWindow<'a>,
    ) -> Option<Chunk<'a>> {
        let mut state = self.lock();
        state.spare.push(used);
        let number = state.asked;
        loop {
            if let Some(chunk) = state.done.remove(&number) {
                state.asked = number.saturating_add(1);
                self.changed.notify_all();
                return Some(chunk);
            }
            state = match self.begin(&mut state) {
                Some(task) => {
                    drop(state);
                    self.read(task, window)
                }
                None if state.begun <= number => return None,
                None => self.wait(state),
            };
        }
    }

    /// The next chunk to be read; `None` where enough are, or there is none.
    pub(super) fn begin(&self, state: &mut State<'a>) -> Option<Task<'a>> {
        let Place { part, offset } = state.next?;
        if state.begun.saturating_sub(state.asked) >= self.most {
            return None;
        }
        let length = self.parts.get(part).map_or(0, |part| part.bytes.len());
        let end = offset.saturating_add(state.length).min(length);
        state.next = self.behind(part, end);
        let number = state.begun;
        state.begun = number.saturating_add(1);
        Some(Task {
            number,
            part,
            range: offset..end,
            events: state.spare.pop().unwrap_or_default(),
        })
    }

    /// Where a chunk begins that is after one with this end.
    fn behind(&self, part: usize, end: usize) -> Option<Place> {
        let length = self.parts.get(part)?.bytes.len();
        if end < length {
            return Some(Place { part, offset: end });
        }
        let part = part.saturating_add(1);
        (part < self.parts.len()).then_some(Place { part, offset: 0 })
    }

    pub(super) fn read(
        &self,
        task: Task<'a>,
        window: &mut LogWindow<'a>,
    ) -> MutexGuard<'_, State<'a>> {
        // Whatever happens to this thread, the chunk is not waited for in vain.
        let mut slot = Slot {
            chunks: self,
            number: task.number,
            chunk: Some(Chunk {
                limit: Place {
                    part: task.part,
                    offset: task.range.end,
                },
                sound: None,
            }),
        };
        let sound = self.sound(task, window);
        if let Some(chunk) = &mut slot.chunk {
            chunk.sound = sound;
        }
        drop(slot);
        self.lock()
    }

    /// What is in a chunk. Where it cannot be read, whoever reads it again tells.
    fn sound(&self, task: Task<'a>, window: &mut LogWindow<'a>) -> Option<Sound<'a>> {
        let limit = Place {
            part: task.part,
            offset: task.range.end,
        };
        let mut events = task.events;
        events.clear();
        let part = self.parts.get(task.part)?;
        let generation = part.generation();
        let offset = match generation {
            // Most log files begin with a group.
            _ if task.range.start == 0 => 0,
            Generation::One => v1::boundary::find(window, task.part, task.range).ok()??,
            Generation::Two => {
                v2::boundary::find(window, self.parts, task.part, task.range).ok()??
            }
        };
        let start = Place {
            part: task.part,
            offset,
        };
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

    /// The place as that of the byte that comes next.
    pub(super) fn normal(&self, mut place: Place) -> Place {
        let is_at_end = |place: Place| {
            let part = self.parts.get(place.part);
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

    /// A chunk was read.
    fn end(&self, number: usize, chunk: Chunk<'a>) {
        let mut state = self.lock();
        let events = chunk.sound.as_ref().map_or(0, |sound| sound.events.len());
        state.length = if events < FEW_EVENTS {
            state.length.saturating_mul(2).min(*self.lengths.end())
        } else {
            *self.lengths.start()
        };
        state.done.insert(number, chunk);
        self.changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.lock().next = None;
        self.changed.notify_all();
    }
}

/// The place of a chunk that is being read.
struct Slot<'s, 'a> {
    chunks: &'s Chunks<'a>,
    number: usize,
    chunk: Option<Chunk<'a>>,
}

impl Drop for Slot<'_, '_> {
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk.take() {
            self.chunks.end(self.number, chunk);
        }
    }
}
