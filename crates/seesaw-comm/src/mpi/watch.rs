//! Notices calls that wait for too long.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::library;
use crate::CommError;

/// A thread that ends the process when a call outlasts the limit.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a call starts that has a limit, and when the watch ends.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    limit: Option<Duration>,
    /// The call that is being made: when it has lasted too long, and its limit.
    call: Option<(Instant, Duration)>,
    ended: bool,
}

/// A call that is being made, until it is dropped.
#[derive(Debug)]
pub struct Call<'a>(&'a Watch);

impl Watch {
    /// A watch without a limit.
    pub fn start(give_up: impl Fn(CommError) + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        // Without the thread, nothing ends a call for which nobody comes; that is how MPI itself is.
        let _ = thread::Builder::new().name("watch".to_owned()).spawn(move || {
            if let Some(after) = watched.outlasted() {
                give_up(CommError::NoAnswer { after });
                library::exit(2);
            }
        });
        Self { shared }
    }

    /// Sets how long the following calls may last.
    pub fn set_limit(&self, limit: Option<Duration>) {
        self.shared.lock().limit = limit;
    }

    /// A call starts.
    pub fn call(&self) -> Call<'_> {
        let mut state = self.shared.lock();
        if let Some(limit) = state.limit {
            state.call = Some((Instant::now() + limit, limit));
        }
        Call(self)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.shared.lock().call = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// Waits for a call that lasts too long, and returns its limit; `None` when the watch ends.
    fn outlasted(&self) -> Option<Duration> {
        /// Calls are as short as 20 microseconds: the thread looks now and then, and is not woken.
        const EVERY: Duration = Duration::from_millis(100);
        let mut state = self.lock();
        while !state.ended {
            match state.call {
                Some((end, limit)) if Instant::now() >= end => return Some(limit),
                _ => {}
            }
            let waited = self.changed.wait_timeout(state, EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_lasts_is_noticed() {
        let watch = Watch { shared: Arc::default() };
        watch.set_limit(Some(Duration::from_millis(1)));
        drop(watch.call());
        let shared = Arc::clone(&watch.shared);
        let watcher = thread::spawn(move || shared.outlasted());
        let call = watch.call();
        assert_eq!(watcher.join().unwrap(), Some(Duration::from_millis(1)));
        drop(call);
        // Without a call, nothing is.
        let shared = Arc::clone(&watch.shared);
        let watcher = thread::spawn(move || shared.outlasted());
        drop(watch);
        assert_eq!(watcher.join().unwrap(), None);
    }
}
