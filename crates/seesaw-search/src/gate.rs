//! Holding trainings for a moment while something is timed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Where trainings pass at each step, and wait while something is timed.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Trainings that compute.
    working: usize,
}

impl Gate {
    /// A training begins, once the gate is open.
    pub fn enter(&self) {
        let mut state = self.lock();
        while state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.working += 1;
    }

    /// A training ends.
    pub fn leave(&self) {
        self.lock().working -= 1;
        self.changed.notify_all();
    }

    /// Waits while the gate is closed.
    pub fn pass(&self) {
        if self.lock().closed {
            self.leave();
            self.enter();
        }
    }

    /// Does something that is no training, and may itself wait for who closes the gate.
    pub fn outside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.leave();
        let done = work();
        self.enter();
        done
    }

    /// Closes the gate, and waits until nothing computes. Only one at a time may close it, from outside.
    pub fn close(&self) -> Closed<'_> {
        let mut state = self.lock();
        state.closed = true;
        while state.working > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Closed(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gate that is closed until this is dropped.
pub struct Closed<'a>(&'a Gate);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn nothing_computes_while_the_gate_is_closed() {
        let (gate, computing, stop) =
            (Gate::default(), AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    gate.enter();
                    while !stop.load(Ordering::Relaxed) {
                        computing.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        computing.fetch_sub(1, Ordering::SeqCst);
                        gate.pass();
                        gate.outside(std::thread::yield_now);
                    }
                    gate.leave();
                });
            }
            for _ in 0..200 {
                let closed = gate.close();
                assert_eq!(computing.load(Ordering::SeqCst), 0);
                drop(closed);
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(gate.lock().working, 0);
    }
}
