//! Reading a log on several threads.
//!
//! Where a frame begins, only the frame before it tells for certain; but what the end of a group
//! looks like is known, and so one can be looked for from anywhere in a log. So the log is cut into
//! *stretches*. A thread looks for the first group that begins in a stretch, and reads on from
//! there, as any log is read, until a group ends at or behind the end of the stretch. Whoever asked
//! gets the events of the stretches in the order of the log.
//!
//! What looks like a group need not be one. A stretch counts only if it was read from the very
//! place at which what comes before it ends, to its own end, with nothing but sound groups. Any
//! other is read again, from that place on, as if nothing had been read ahead: what a defect is,
//! and what stands behind it, is told in one place alone.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use apograph_format::Generation;
use apograph_io::Threads;

use crate::group::{LogEnd, LogEvent};
use crate::part::{LogPart, Place};
use crate::reader::GroupReader;
use crate::{v1, v2};

/// The fewest bytes of a stretch: they and the events of small groups stay in a core's own cache.
const STRETCH_BYTES: NonZero<usize> = NonZero::new(256 << 10).expect("not zero");
/// The most: what is searched for the first group is little of it, and two threads that have pages
/// mapped seldom meet in one table of pages, which is of 2 MiB.
const LONG_STRETCH_BYTES: NonZero<usize> = NonZero::new(2 << 20).expect("not zero");
/// Behind a stretch of fewer events the next ones are longer.
const FEW_EVENTS: usize = 1 << 10;
/// How many stretches for each thread are read and not yet asked for, at most: what bounds memory.
const STRETCHES_PER_THREAD: usize = 3;

/// Reads a log group by group, where other threads check frames ahead of the caller.
///
/// `read` gets a reader that is like [`GroupReader::new`] in all it says. `threads` counts the
/// caller's own. Memory is bounded by the number of threads, some MiB for each; it does not grow
/// with the log.
pub fn read_ahead<'a, R>(
    parts: &'a [LogPart<'a>],
    threads: Threads,
    read: impl FnOnce(GroupReader<'a>) -> R,
) -> R {
    let bytes = parts.iter().map(|part| part.bytes.len());
    let bytes = bytes.fold(0, usize::saturating_add);
    if threads.get() == 1 || bytes <= STRETCH_BYTES.get() {
        return read(GroupReader::new(parts));
    }
    read_lengths(parts, threads, STRETCH_BYTES..=LONG_STRETCH_BYTES, read)
}

/// The same in stretches of another length than those which were found to be fast, however short
/// the log is.
pub fn read_stretches<'a, R>(
    parts: &'a [LogPart<'a>],
    threads: Threads,
    stretch_bytes: NonZero<usize>,
    read: impl FnOnce(GroupReader<'a>) -> R,
) -> R {
    read_lengths(parts, threads, stretch_bytes..=stretch_bytes, read)
}

fn read_lengths<'a, R>(
    parts: &'a [LogPart<'a>],
    threads: Threads,
    lengths: RangeInclusive<NonZero<usize>>,
    read: impl FnOnce(GroupReader<'a>) -> R,
) -> R {
    let stretches = Arc::new(Stretches::new(parts, lengths, threads));
    thread::scope(|scope| {
        let _stop = StopAtEnd(&stretches);
        for _ in 1..threads.get() {
            // Where there is no thread to be had, the others do its work.
            drop(thread::Builder::new().spawn_scoped(scope, || stretches.read_on()));
        }
        read(GroupReader::of(Ahead::of(Arc::clone(&stretches))))
    })
}

struct StopAtEnd<'s, 'a>(&'s Stretches<'a>);

impl Drop for StopAtEnd<'_, '_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The stretches of a log that are being read.
#[derive(Debug)]
struct Stretches<'a> {
    parts: &'a [LogPart<'a>],
    /// The shortest and the longest stretch, in bytes.
    lengths: RangeInclusive<usize>,
    /// How many are read and not yet asked for, at most.
    most: usize,
    state: Mutex<State<'a>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<'a> {
    /// Where the next stretch begins; none behind the last one.
    next: Option<Place>,
    /// How many bytes it has.
    length: usize,
    /// The number of the next stretch to be begun.
    begun: usize,
    /// The number of the next stretch to be asked for.
    asked: usize,
    /// What was read, by its number.
    done: BTreeMap<usize, Stretch<'a>>,
    /// Lists of events that were used up.
    spare: Vec<Vec<LogEvent<'a>>>,
}

/// A stretch that was read.
#[derive(Debug)]
struct Stretch<'a> {
    /// Where the next stretch begins.
    limit: Place,
    /// What is in it; none where it is not sound, or no group begins in it.
    sound: Option<Sound<'a>>,
}

#[derive(Debug)]
struct Sound<'a> {
    start: Place,
    events: Vec<LogEvent<'a>>,
    /// Behind its last group, which ends in a later stretch.
    end: Place,
}

/// A stretch that is to be read.
struct Task<'a> {
    number: usize,
    part: usize,
    range: Range<usize>,
    events: Vec<LogEvent<'a>>,
}

impl<'a> Stretches<'a> {
    fn new(
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

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State<'a>>) -> MutexGuard<'s, State<'a>> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads stretch after stretch, until there are no more.
    fn read_on(&self) {
        let mut state = self.lock();
        loop {
            state = match self.begin(&mut state) {
                Some(task) => {
                    drop(state);
                    self.read(task)
                }
                None if state.next.is_none() => return,
                None => self.wait(state),
            };
        }
    }

    /// The next stretch in the order of the log, which this thread reads itself where no other
    /// does; `None` behind the last one.
    fn take(&self, used: Vec<LogEvent<'a>>) -> Option<Stretch<'a>> {
        let mut state = self.lock();
        state.spare.push(used);
        let number = state.asked;
        loop {
            if let Some(stretch) = state.done.remove(&number) {
                state.asked = number.saturating_add(1);
                self.changed.notify_all();
                return Some(stretch);
            }
            state = match self.begin(&mut state) {
                Some(task) => {
                    drop(state);
                    self.read(task)
                }
                None if state.begun <= number => return None,
                None => self.wait(state),
            };
        }
    }

    /// The next stretch to be read; `None` where enough are, or there is none.
    fn begin(&self, state: &mut State<'a>) -> Option<Task<'a>> {
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

    /// Where a stretch begins that is behind one with this end.
    fn behind(&self, part: usize, end: usize) -> Option<Place> {
        let length = self.parts.get(part)?.bytes.len();
        if end < length {
            return Some(Place { part, offset: end });
        }
        let part = part.saturating_add(1);
        (part < self.parts.len()).then_some(Place { part, offset: 0 })
    }

    fn read(&self, task: Task<'a>) -> MutexGuard<'_, State<'a>> {
        // Whatever happens to this thread, the stretch is not waited for in vain.
        let mut slot = Slot {
            stretches: self,
            number: task.number,
            stretch: Some(Stretch {
                limit: Place {
                    part: task.part,
                    offset: task.range.end,
                },
                sound: None,
            }),
        };
        let sound = self.sound(task);
        if let Some(stretch) = &mut slot.stretch {
            stretch.sound = sound;
        }
        drop(slot);
        self.lock()
    }

    fn sound(&self, task: Task<'a>) -> Option<Sound<'a>> {
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
            Generation::One => v1::boundary::find(part.bytes, task.range)?,
            Generation::Two => v2::boundary::find(part, task.range)?,
        };
        let start = Place {
            part: task.part,
            offset,
        };
        let end = match generation {
            Generation::One => {
                let mut reader = v1::reader::Reader::ahead(self.parts, start);
                while reader.place() < limit {
                    events.push(reader.next()?);
                }
                reader.place()
            }
            Generation::Two => {
                let mut reader = v2::reader::Reader::ahead(self.parts, start);
                while reader.place() < limit {
                    events.push(reader.next()?);
                }
                reader.place()
            }
        };
        Some(Sound { start, events, end })
    }

    /// The place as that of the byte that comes next.
    fn normal(&self, mut place: Place) -> Place {
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

    /// A stretch was read.
    fn end(&self, number: usize, stretch: Stretch<'a>) {
        let mut state = self.lock();
        let events = stretch.sound.as_ref().map_or(0, |sound| sound.events.len());
        state.length = if events < FEW_EVENTS {
            state.length.saturating_mul(2).min(*self.lengths.end())
        } else {
            *self.lengths.start()
        };
        state.done.insert(number, stretch);
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.lock().next = None;
        self.changed.notify_all();
    }
}

/// The place of a stretch that is being read.
struct Slot<'s, 'a> {
    stretches: &'s Stretches<'a>,
    number: usize,
    stretch: Option<Stretch<'a>>,
}

impl Drop for Slot<'_, '_> {
    fn drop(&mut self) {
        if let Some(stretch) = self.stretch.take() {
            self.stretches.end(self.number, stretch);
        }
    }
}

/// The events of a log that is read ahead.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    stretches: Arc<Stretches<'a>>,
    /// Those of a stretch, and how many of them were given out.
    events: Vec<LogEvent<'a>>,
    given: usize,
    /// Behind what was read so far.
    place: Place,
    /// Reads what could not be used, up to a place, or to the end of the log.
    again: Option<(Box<GroupReader<'a>>, Option<Place>)>,
}

impl<'a> Ahead<'a> {
    fn of(stretches: Arc<Stretches<'a>>) -> Self {
        Self {
            stretches,
            events: Vec::new(),
            given: 0,
            place: Place::default(),
            again: None,
        }
    }

    /// Behind what was read so far.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    pub(crate) const fn end(&self) -> Option<LogEnd> {
        match &self.again {
            Some((reader, _)) => reader.end(),
            None => None,
        }
    }

    pub(crate) fn next(&mut self) -> Option<LogEvent<'a>> {
        loop {
            if let Some(event) = self.events.get(self.given) {
                self.given = self.given.saturating_add(1);
                return Some(*event);
            }
            if let Some((reader, limit)) = &mut self.again {
                self.place = reader.place();
                if reader.end().is_some() || limit.is_none_or(|limit| self.place < limit) {
                    return reader.next();
                }
                self.again = None;
            }
            self.go_on();
        }
    }

    /// Takes the next stretch.
    fn go_on(&mut self) {
        self.given = 0;
        let used = std::mem::take(&mut self.events);
        let Some(stretch) = self.stretches.take(used) else {
            self.read_again(None);
            return;
        };
        if self.place >= stretch.limit {
            return;
        }
        match stretch.sound {
            Some(sound) if sound.start == self.stretches.normal(self.place) => {
                self.place = sound.end;
                self.events = sound.events;
            }
            _ => self.read_again(Some(stretch.limit)),
        }
    }

    fn read_again(&mut self, limit: Option<Place>) {
        let reader = GroupReader::from(self.stretches.parts, self.place);
        self.again = Some((Box::new(reader), limit));
    }
}

#[cfg(test)]
mod tests {
    use apograph_format::{Crc32, LogPosition, LogSequence, Lsn};

    use super::*;

    const GROUPS: usize = 60;

    fn group(number: u8) -> Vec<u8> {
        let payloads = [&[4, number, 7, 7, 7][..], &[35, number], &[38, number]];
        payloads.map(frame).concat()
    }

    /// A group with the longest commit and epoch records.
    fn long_group(number: u64) -> Vec<u8> {
        let number = [&[253], &(u64::from(u32::MAX) + number).to_le_bytes()[..]].concat();
        let long = |tag| frame(&[&[tag], &number[..]].concat());
        [frame(&[4, 7]), long(35), long(38)].concat()
    }

    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("a payload");
        let checksum = Crc32::of(payload).get();
        [&length.to_le_bytes(), payload, &checksum.to_le_bytes()].concat()
    }

    fn sealed_group(lsn: u64) -> Vec<u8> {
        let mut frame = 40_u32.to_le_bytes().to_vec();
        frame.extend(lsn.to_le_bytes());
        frame.extend(3_u64.to_le_bytes());
        frame.push(3);
        frame.extend([9; 40]);
        let checksum = Crc32::of(&frame).get().to_le_bytes();
        frame.splice(4..4, checksum);
        frame
    }

    fn file(number: u64, bytes: &[u8]) -> LogPart<'_> {
        LogPart::of_file(LogSequence::new(number), 0, bytes)
    }

    fn sealed_part(start: usize, bytes: &[u8]) -> LogPart<'_> {
        LogPart {
            start: LogPosition::Lsn(Lsn::new(start as u64)),
            is_encrypted: true,
            ..file(0, bytes)
        }
    }

    fn stretches<'a>(parts: &'a [LogPart<'a>], length: usize) -> Stretches<'a> {
        let length = NonZero::new(length).expect("not zero");
        Stretches::new(parts, length..=length, Threads::ONE)
    }

    /// Takes every stretch of a sound log: each begins where the one before it ended.
    fn take_all(parts: &[LogPart<'_>], length: usize) {
        let stretches = stretches(parts, length);
        let (mut place, mut events, mut taken) = (Place::default(), 0, 0);
        while let Some(stretch) = stretches.take(Vec::new()) {
            taken += 1;
            if place >= stretch.limit {
                continue;
            }
            let sound = stretch.sound.expect("a sound stretch");
            assert_eq!(sound.start, stretches.normal(place));
            assert!(sound.end >= stretch.limit);
            (place, events) = (sound.end, events + sound.events.len());
        }
        let last = parts.last().expect("a part").bytes.len();
        assert_eq!((place.part, place.offset), (parts.len() - 1, last));
        let expected = parts.iter().map(|part| part.bytes.len().div_ceil(length));
        assert_eq!((taken, events), (expected.sum(), GROUPS));
    }

    #[test]
    fn every_stretch_of_a_sound_log_counts() {
        let log: Vec<u8> = (1..=60).flat_map(group).collect();
        let (front, back) = log.split_at(group(1).len() * 23);
        for length in [1, 10, 33, 50, 101, 1000, 10_000] {
            take_all(&[file(0, &log)], length);
            take_all(&[file(0, front), file(1, back)], length);
        }
        let log: Vec<u8> = (1..=60).flat_map(long_group).collect();
        for groups in [1, 2, 7, 60] {
            take_all(&[file(0, &log)], groups * long_group(1).len());
        }
        let length = sealed_group(0).len();
        let log: Vec<u8> = (0..GROUPS)
            .flat_map(|index| sealed_group((index * length) as u64))
            .collect();
        let (front, back) = log.split_at(length * 31);
        for stretch in [1, 10, 64, 65, 66, 300, 10_000] {
            take_all(&[sealed_part(0, &log)], stretch);
            take_all(
                &[sealed_part(0, front), sealed_part(front.len(), back)],
                stretch,
            );
        }
    }

    /// The lengths of the stretches of a log.
    fn lengths(groups: &[&[u8]], lengths: RangeInclusive<usize>) -> Vec<usize> {
        let log = groups.concat();
        let parts = [file(0, &log)];
        let [least, most] = [lengths.start(), lengths.end()].map(|it| NonZero::new(*it));
        let lengths = least.expect("not zero")..=most.expect("not zero");
        let stretches = Stretches::new(&parts, lengths, Threads::ONE);
        let mut limits = vec![0];
        while let Some(stretch) = stretches.take(Vec::new()) {
            limits.push(stretch.limit.offset);
        }
        let lengths = limits.windows(2).map(|pair| pair[1] - pair[0]);
        lengths.collect()
    }

    #[test]
    fn a_stretch_is_the_longer_the_fewer_groups_are_in_one() {
        let group = group(1);
        let length = group.len();
        let short = group.repeat(FEW_EVENTS * 4);
        assert_eq!(
            lengths(&[&short], length * FEW_EVENTS..=length << 20),
            [length * FEW_EVENTS; 4]
        );
        let few = length * (FEW_EVENTS - 1);
        assert_eq!(
            lengths(&[&short], few..=few * 3),
            [few, few * 2, few, short.len() - few * 4]
        );
        assert_eq!(
            lengths(&[&group.repeat(64)], length..=length * 7)[..5],
            [1, 2, 4, 7, 7].map(|it| it * length)
        );
    }

    #[test]
    fn as_many_stretches_are_read_as_may_be_and_no_more() {
        let log: Vec<u8> = (1..=60).flat_map(group).collect();
        let parts = [file(0, &log)];
        let stretches = stretches(&parts, 40);
        thread::scope(|scope| {
            scope.spawn(|| stretches.read_on());
            let mut state = stretches.lock();
            while state.done.len() < STRETCHES_PER_THREAD {
                state = stretches.wait(state);
            }
            assert_eq!(state.begun, STRETCHES_PER_THREAD);
            drop(state);
            stretches.take(Vec::new()).expect("a stretch");
            let mut state = stretches.lock();
            while state.done.len() < STRETCHES_PER_THREAD {
                state = stretches.wait(state);
            }
            assert_eq!(state.begun, STRETCHES_PER_THREAD + 1);
            drop(state);
            stretches.stop();
        });
    }

    #[test]
    fn who_asks_for_a_stretch_that_another_reads_waits_for_it() {
        let log = group(1);
        let parts = [file(0, &log)];
        let stretches = stretches(&parts, log.len());
        let task = stretches.begin(&mut stretches.lock()).expect("a stretch");
        thread::scope(|scope| {
            let asks = scope.spawn(|| stretches.take(Vec::new()));
            // It has asked as soon as it has given its list back, under the lock.
            while stretches.lock().spare.is_empty() {
                thread::yield_now();
            }
            drop(stretches.read(task));
            let stretch = asks.join().expect("no panic").expect("a stretch");
            assert_eq!(stretch.sound.map(|sound| sound.events.len()), Some(1));
        });
        assert!(stretches.take(Vec::new()).is_none());
    }

    #[test]
    fn the_stretch_with_a_defect_alone_is_not_sound() {
        let mut log: Vec<u8> = (1..=60).flat_map(group).collect();
        let wrong = group(1).len() * 30 + 5;
        log.iter_mut()
            .skip(wrong)
            .take(1)
            .for_each(|byte| *byte ^= 1);
        let parts = [file(0, &log)];
        let stretches = stretches(&parts, 200);
        let mut sound = Vec::new();
        while let Some(stretch) = stretches.take(Vec::new()) {
            sound.push(stretch.sound.is_some());
        }
        let damaged = wrong / 200;
        let expected: Vec<bool> = (0..sound.len()).map(|index| index != damaged).collect();
        assert_eq!(sound, expected);
    }

    #[test]
    fn what_is_not_sound_is_read_again_up_to_the_next_stretch() {
        // In the place of a group: the front of one that a crash tore, and the seal behind it.
        let seal = frame(&[36, 253, 255, 255, 255, 255, 255, 255, 255, 255]);
        let length = group(1).len();
        let sealed = [&group(1)[..length - seal.len()], &seal].concat();
        let mut groups: Vec<Vec<u8>> = (1..=60).map(group).collect();
        groups[25] = sealed;
        let log = groups.concat();
        let parts = [LogPart {
            joints: 1,
            ..file(0, &log)
        }];
        let mut ahead = Ahead::of(Arc::new(stretches(&parts, 10 * length)));
        let mut again = Vec::new();
        while let Some(_event) = ahead.next() {
            again.push(ahead.again.is_some());
        }
        let expected: Vec<bool> = (0..GROUPS).map(|index| index / 10 == 2).collect();
        assert_eq!(again, expected);
    }
}
