//! The threads that share a computation.
//!
//! They are the caller's own and those of a pool of rayon, which belongs to a [`Threads`] and its
//! clones: it starts when it is first needed, and ends with the last of them. No other pool is
//! touched, not even the global one. The caller's thread does what the pool has not begun yet:
//! where it only waited for what others do, a log of small frames took a tenth longer to read.
//!
//! A thread of any pool that asks for a computation does it alone. While it waited for another
//! pool, rayon would let it take up other work of its own pool, in the middle of this: a program
//! that embeds this library could then wait for a lock that its own thread holds. And a thread of
//! this pool could wait for work that no thread is left to do.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

/// How many threads share a computation.
///
/// [`Threads::default`] is one for each core that the process may use. Clones are the same threads:
/// whoever begins several computations makes it once.
///
/// A thread that belongs to a pool of rayon, whosever that is, computes alone whatever it asks for.
#[derive(Debug, Clone)]
pub struct Threads(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    count: NonZero<usize>,
    /// All but the caller's own; `None` where there were none to be had.
    pool: OnceLock<Option<ThreadPool>>,
}

impl Threads {
    /// The caller's own thread alone.
    pub const ONE: Self = Self(None);

    /// This many threads, the caller's own among them.
    pub fn new(count: NonZero<usize>) -> Self {
        let pool = OnceLock::new();
        let is_one = count == NonZero::<usize>::MIN;
        Self((!is_one).then(|| Arc::new(Shared { count, pool })))
    }

    /// The number of threads.
    pub fn get(&self) -> usize {
        self.0.as_ref().map_or(1, |shared| shared.count.get())
    }

    /// One fewer, for who has another thread at work beside these; at least one.
    #[must_use]
    pub fn but_one(&self) -> Self {
        NonZero::new(self.get() - 1).map_or(Self::ONE, Self::new)
    }

    /// Whether the caller's own thread does all the work: there is no other, or none was to be had,
    /// or the caller is itself a thread of a pool.
    pub fn is_alone(&self) -> bool {
        self.pool().is_none()
    }

    /// Calls `work` once for each index below `count`, spread over the threads.
    pub fn for_each(&self, count: usize, work: impl Fn(usize) + Sync) {
        let work = |index| {
            work(index);
            Ok::<(), Infallible>(())
        };
        let Ok(()) = self.try_for_each(count, work);
    }

    /// The same, until one fails. The threads take the indexes in their order: who reads a file so
    /// reads it from its front to its back.
    ///
    /// # Errors
    ///
    /// That of `work` for the lowest index for which it failed.
    pub fn try_for_each<E: Send>(
        &self,
        count: usize,
        work: impl Fn(usize) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        if count <= 1 {
            return (0..count).try_for_each(work);
        }
        let indexes = Mutex::new(0..count);
        let failed = Mutex::new(None);
        let next = || locked(&indexes).next();
        let work = || {
            while let Some(index) = next() {
                if let Err(error) = work(index) {
                    *locked(&indexes) = count..count;
                    let mut failed = locked(&failed);
                    if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                        *failed = Some((index, error));
                    }
                }
            }
        };
        self.scope(|tasks| {
            for _ in 0..self.get().min(count) {
                tasks.spawn(work);
            }
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Lets `hand_out` give tasks to the threads, of which the caller's is one as soon as it has
    /// given out all; returns when all of them are done.
    ///
    /// No task may wait for another one.
    pub fn scope<'scope, R>(&self, hand_out: impl FnOnce(&Tasks<'_, 'scope>) -> R) -> R {
        match self.pool() {
            Some(pool) => pool.in_place_scope(|scope| {
                let tasks = Tasks::of(Some(scope));
                let handed_out = hand_out(&tasks);
                while tasks.help() {}
                handed_out
            }),
            None => hand_out(&Tasks::of(None)),
        }
    }

    /// The pool, for whoever may wait for it.
    fn pool(&self) -> Option<&ThreadPool> {
        let shared = self.0.as_ref()?;
        if rayon::current_thread_index().is_some() {
            return None;
        }
        let started = || {
            let pool = ThreadPoolBuilder::new().num_threads(shared.count.get() - 1);
            let pool = pool.thread_name(|index| format!("apograph-{index}"));
            pool.build().ok()
        };
        shared.pool.get_or_init(started).as_ref()
    }
}

impl Default for Threads {
    fn default() -> Self {
        // To find out reads some files.
        static CORES: OnceLock<NonZero<usize>> = OnceLock::new();
        let found = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self::new(*CORES.get_or_init(found))
    }
}

/// Where tasks are given to threads, which take them in their order.
pub struct Tasks<'s, 'scope> {
    scope: Option<&'s Scope<'scope>>,
    waiting: Arc<Mutex<VecDeque<Task<'scope>>>>,
}

type Task<'scope> = Box<dyn FnOnce() + Send + 'scope>;

impl<'s, 'scope> Tasks<'s, 'scope> {
    fn of(scope: Option<&'s Scope<'scope>>) -> Self {
        Self {
            scope,
            waiting: Arc::default(),
        }
    }

    /// Gives a task to the threads. The caller's own thread, where it is alone, does it at once.
    pub fn spawn(&self, task: impl FnOnce() + Send + 'scope) {
        let Some(scope) = self.scope else {
            return task();
        };
        locked(&self.waiting).push_back(Box::new(task));
        let waiting = Arc::clone(&self.waiting);
        scope.spawn(move |_| {
            do_next(&waiting);
        });
    }

    /// How many no thread has begun.
    pub fn waiting(&self) -> usize {
        locked(&self.waiting).len()
    }

    /// Does the next one that no thread has begun; tells whether there was one.
    pub fn help(&self) -> bool {
        do_next(&self.waiting)
    }
}

impl fmt::Debug for Tasks<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tasks").field(&self.waiting()).finish()
    }
}

fn do_next(waiting: &Mutex<VecDeque<Task<'_>>>) -> bool {
    let next = locked(waiting).pop_front();
    next.map(|task| task()).is_some()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
