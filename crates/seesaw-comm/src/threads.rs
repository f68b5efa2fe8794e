//! Ranks that are threads of one process.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{CommError, Group, Incoming, Outgoing, group::check_lens};

/// One of several ranks that are threads of this process.
///
/// When it is dropped, calls of the others that wait for it fail.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    patience: Mutex<Option<Duration>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified of every change of the state.
    changed: Condvar,
}

/// A call of all ranks goes through two states: they bring what they have, and when all have done so,
/// each takes what it needs.
#[derive(Debug)]
struct State {
    brought: Vec<Option<Brought>>,
    /// Ranks that have not taken yet; 0 while they bring.
    takers: usize,
    /// A rank that was dropped.
    ended: Option<usize>,
}

#[derive(Debug)]
struct Brought {
    call: Call,
    bytes: Vec<u8>,
    lens: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    AllToAll,
    AllGather,
    Broadcast(usize),
    Barrier,
}

impl Threads {
    /// A group of so many ranks, one for each thread to take.
    ///
    /// # Panics
    /// When there are none.
    pub fn group(ranks: usize) -> Vec<Self> {
        assert!(ranks > 0, "a group has at least one rank");
        let brought = (0..ranks).map(|_| None).collect();
        let state = Mutex::new(State { brought, takers: 0, ended: None });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let rank = |rank| Self { rank, patience: Mutex::new(None), shared: Arc::clone(&shared) };
        (0..ranks).map(rank).collect()
    }

    /// Brings something, waits for all, and calls `take` with what all have brought.
    fn meet(
        &self,
        own: Brought,
        take: impl FnOnce(&[&Brought]) -> Result<(), CommError>,
    ) -> Result<(), CommError> {
        let since = Instant::now();
        let call = own.call;
        let mut state = self.shared.lock();
        while state.takers > 0 {
            state = self.wait(state, since)?;
        }
        state.brought[self.rank] = Some(own);
        if state.brought.iter().all(Option::is_some) {
            state.takers = state.brought.len();
            self.shared.changed.notify_all();
        }
        while state.takers == 0 {
            if let Some(rank) = state.ended {
                return Err(CommError::Ended { rank });
            }
            state = self.wait(state, since)?;
        }
        let all: Vec<&Brought> = state.brought.iter().flatten().collect();
        let taken = match all.iter().position(|other| other.call != call) {
            Some(rank) => Err(CommError::OtherCall { rank }),
            None => take(&all),
        };
        state.takers -= 1;
        if state.takers == 0 {
            state.brought.fill_with(|| None);
            self.shared.changed.notify_all();
        }
        taken
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        since: Instant,
    ) -> Result<MutexGuard<'a, State>, CommError> {
        let changed = &self.shared.changed;
        let Some(limit) = *self.patience.lock().unwrap_or_else(PoisonError::into_inner) else {
            return Ok(changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = limit.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(CommError::NoAnswer { after: limit });
        }
        let (state, _) = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        Ok(state)
    }

    fn brought(&self, call: Call, bytes: &[u8]) -> Brought {
        Brought { call, bytes: bytes.to_vec(), lens: Vec::new() }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.lock().ended.get_or_insert(self.rank);
        self.shared.changed.notify_all();
    }
}

impl Group for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.shared.lock().brought.len()
    }

    fn host(&self) -> String {
        String::new()
    }

    fn all_to_all(&self, send: Outgoing<'_>, receive: Incoming<'_>) -> Result<(), CommError> {
        let ranks = self.ranks();
        check_lens("sent", send.bytes.len(), send.lens, ranks);
        check_lens("received", receive.bytes.len(), receive.lens, ranks);
        let own = Brought { lens: send.lens.to_vec(), ..self.brought(Call::AllToAll, send.bytes) };
        let Incoming { bytes: mut room, lens } = receive;
        self.meet(own, |all| {
            for (rank, (other, &len)) in all.iter().zip(lens).enumerate() {
                if other.lens[self.rank] != len {
                    return Err(CommError::OtherCall { rank });
                }
                let at = other.lens[..self.rank].iter().sum::<usize>();
                let (now, rest) = std::mem::take(&mut room).split_at_mut(len);
                now.copy_from_slice(&other.bytes[at..at + len]);
                room = rest;
            }
            Ok(())
        })
    }

    fn all_gather(&self, send: &[u8], receive: Incoming<'_>) -> Result<(), CommError> {
        check_lens("received", receive.bytes.len(), receive.lens, self.ranks());
        let Incoming { bytes: mut room, lens } = receive;
        self.meet(self.brought(Call::AllGather, send), |all| {
            for (rank, (other, &len)) in all.iter().zip(lens).enumerate() {
                if other.bytes.len() != len {
                    return Err(CommError::OtherCall { rank });
                }
                let (now, rest) = std::mem::take(&mut room).split_at_mut(len);
                now.copy_from_slice(&other.bytes);
                room = rest;
            }
            Ok(())
        })
    }

    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), CommError> {
        assert!(root < self.ranks(), "a rank of this group");
        let own = if root == self.rank { &*bytes } else { &[] };
        self.meet(self.brought(Call::Broadcast(root), own), |all| {
            if all[root].bytes.len() != bytes.len() {
                return Err(CommError::OtherCall { rank: root });
            }
            bytes.copy_from_slice(&all[root].bytes);
            Ok(())
        })
    }

    fn barrier(&self) -> Result<(), CommError> {
        self.meet(self.brought(Call::Barrier, &[]), |_| Ok(()))
    }

    fn set_patience(&self, limit: Option<Duration>) {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }
}
