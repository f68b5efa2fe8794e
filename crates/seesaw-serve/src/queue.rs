//! A bounded queue from which workers take what is waiting, several at a time and without delay.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Something that waits, and for which nobody may be waiting any more.
pub trait Waiting {
    /// Whether the result is no longer wanted.
    fn is_abandoned(&self) -> bool;
}

/// Why something is not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// As many wait as may.
    Full,
    /// Nothing is taken any more.
    Closed,
}

/// A queue of at most `capacity` things, those included that were taken and are not yet
/// [done](Self::done): so a thing is done after at most as many others.
#[derive(Debug)]
pub struct Queue<T> {
    capacity: usize,
    inner: Mutex<Inner<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner<T> {
    waiting: VecDeque<T>,
    /// How many were taken and are not done.
    taken: usize,
    /// Workers that wait for something to do.
    idle: usize,
    closed: bool,
}

impl<T: Waiting> Queue<T> {
    /// An empty queue.
    pub fn new(capacity: usize) -> Self {
        let waiting = VecDeque::with_capacity(capacity);
        let inner = Inner { waiting, taken: 0, idle: 0, closed: false };
        Self { capacity, inner: Mutex::new(inner), changed: Condvar::new() }
    }

    /// Appends `thing`. What was abandoned makes room for it where there is none.
    ///
    /// # Errors
    /// When the queue is full or closed.
    pub fn push(&self, thing: T) -> Result<(), Refused> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed);
        }
        if inner.is_full(self.capacity) {
            return Err(Refused::Full);
        }
        inner.waiting.push_back(thing);
        drop(inner);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes from one to `most` things as soon as there are any: all that are waiting, or the caller's
    /// share of them where other workers are idle too. `None` once the queue is closed and empty.
    pub fn take(&self, most: usize) -> Option<Vec<T>> {
        let mut inner = self.lock();
        inner.idle += 1;
        loop {
            // Where nobody waits for the result any more, there is nothing to do.
            while inner.waiting.front().is_some_and(Waiting::is_abandoned) {
                inner.waiting.pop_front();
            }
            if !inner.waiting.is_empty() {
                let share = inner.waiting.len().div_ceil(inner.idle).min(most.max(1));
                inner.idle -= 1;
                inner.taken += share;
                return Some(inner.waiting.drain(..share).collect());
            }
            if inner.closed {
                inner.idle -= 1;
                return None;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes room for as many as were taken and are done.
    pub fn done(&self, count: usize) {
        self.lock().taken -= count;
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether a [`push`](Self::push) would be refused now.
    pub fn is_full(&self) -> bool {
        self.lock().is_full(self.capacity)
    }

    /// Lets workers end once nothing is waiting.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing is left half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Waiting> Inner<T> {
    /// Whether there is no room, not even in the place of what was abandoned.
    fn is_full(&mut self, capacity: usize) -> bool {
        if self.waiting.len() + self.taken >= capacity {
            self.waiting.retain(|waiting| !waiting.is_abandoned());
        }
        self.waiting.len() + self.taken >= capacity
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    };

    use super::*;

    #[derive(Debug, Clone)]
    struct Thing(usize, Arc<AtomicBool>);

    impl Waiting for Thing {
        fn is_abandoned(&self) -> bool {
            self.1.load(Ordering::Relaxed)
        }
    }

    fn thing(number: usize) -> Thing {
        Thing(number, Arc::default())
    }

    fn numbers(things: Option<Vec<Thing>>) -> Vec<usize> {
        things.unwrap().into_iter().map(|thing| thing.0).collect()
    }

    #[test]
    fn what_waits_is_taken_in_order_and_no_more_than_asked_for() {
        let queue = Queue::new(5);
        (0..5).for_each(|number| queue.push(thing(number)).unwrap());
        assert_eq!(queue.push(thing(5)), Err(Refused::Full));
        assert!(queue.is_full());
        assert_eq!(numbers(queue.take(3)), [0, 1, 2]);
        assert_eq!(numbers(queue.take(3)), [3, 4]);
        assert_eq!(queue.push(thing(5)), Err(Refused::Full), "they are not done");
        queue.done(3);
        queue.push(thing(6)).unwrap();
        queue.close();
        assert_eq!(queue.push(thing(7)), Err(Refused::Closed));
        assert_eq!(numbers(queue.take(3)), [6], "what was waiting is done");
        assert!(queue.take(3).is_none());
    }

    #[test]
    fn what_nobody_waits_for_makes_room_and_is_not_done() {
        let queue = Queue::new(2);
        let [first, second] = [0, 1].map(thing);
        queue.push(first.clone()).unwrap();
        queue.push(second.clone()).unwrap();
        first.1.store(true, Ordering::Relaxed);
        queue.push(thing(2)).unwrap();
        assert_eq!(queue.len(), 2);
        second.1.store(true, Ordering::Relaxed);
        assert_eq!(numbers(queue.take(1)), [2]);
    }

    #[test]
    fn idle_workers_share_what_waits() {
        let queue = Arc::new(Queue::new(8));
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    let mut taken = Vec::new();
                    while let Some(things) = queue.take(8) {
                        taken.push(things.len());
                    }
                    taken
                })
            })
            .collect();
        while queue.lock().idle < 2 {
            thread::yield_now();
        }
        {
            // Both are idle, and see all of these at once.
            let mut inner = queue.lock();
            inner.waiting.extend((0..8).map(thing));
        }
        queue.changed.notify_all();
        while queue.len() > 0 {
            thread::yield_now();
        }
        queue.close();
        let taken: Vec<Vec<usize>> = workers.into_iter().map(|w| w.join().unwrap()).collect();
        assert_eq!(taken.concat().iter().sum::<usize>(), 8);
        assert!(taken.concat()[0] <= 4, "no more than its share: {taken:?}");
    }
}
