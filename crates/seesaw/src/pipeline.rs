//! Loading items ahead on several threads, in order and in bounded memory.

use std::{
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// Loads `items` in windows of `window` on `threads` threads and hands each window to `take`, in
/// order. While `take` works, the next windows are loaded; no more than three are in memory.
///
/// # Errors
/// The first error of `take`, after which no further window is loaded.
pub fn windows<'a, T: Sync, L: Send, E>(
    items: &'a [T],
    window: usize,
    threads: usize,
    load: impl Fn(&'a T) -> L + Sync,
    mut take: impl FnMut(Vec<L>) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(|| {
            // Owned here, so that the receiver's loop ends with this thread.
            let sender = sender;
            for items in items.chunks(window) {
                if sender.send(load_all(items, threads, &load)).is_err() {
                    return;
                }
            }
        });
        let receiver: Receiver<Vec<L>> = receiver;
        // By value: an early return drops the receiver, which ends the sender.
        receiver.into_iter().try_for_each(&mut take)
    })
}

/// Loads every item, the n-th on thread `n % threads`.
fn load_all<'a, T: Sync, L: Send>(
    items: &'a [T],
    threads: usize,
    load: &(impl Fn(&'a T) -> L + Sync),
) -> Vec<L> {
    let share = |first: usize| items.iter().skip(first).step_by(threads).map(load).collect();
    let shares: Vec<Vec<L>> = thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads.min(items.len())).map(|n| scope.spawn(move || share(n))).collect();
        let mut shares = vec![share(0)];
        for other in others {
            match other.join() {
                Ok(share) => shares.push(share),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        shares
    });
    interleave(shares)
}

/// The first item of every share, then the second of every share, and so on.
fn interleave<L>(shares: Vec<Vec<L>>) -> Vec<L> {
    let mut shares: Vec<_> = shares.into_iter().map(Vec::into_iter).collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(shares.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn everything_arrives_in_order() {
        for (count, window, threads) in [(0, 4, 2), (1, 4, 8), (10, 3, 2), (17, 8, 3), (5, 1, 1)] {
            let items: Vec<usize> = (0..count).collect();
            let mut seen = Vec::new();
            let done = windows(
                &items,
                window,
                threads,
                |n| n * 2,
                |loaded| {
                    assert!(loaded.len() <= window);
                    seen.extend(loaded);
                    Ok::<_, ()>(())
                },
            );
            assert_eq!(done, Ok(()));
            assert_eq!(seen, items.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_stops_the_loading() {
        let loads = AtomicUsize::new(0);
        let items = [(); 1000];
        let load = |_: &()| loads.fetch_add(1, Ordering::SeqCst);
        assert_eq!(windows(&items, 1, 1, load, |_| Err("stop")), Err("stop"));
        assert!(loads.load(Ordering::SeqCst) <= 4);
    }
}
