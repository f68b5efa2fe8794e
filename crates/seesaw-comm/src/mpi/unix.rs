//! Where libraries are opened by `dlopen`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ThreadId},
    time::Duration,
};

use super::{candidates, library::Library, watch::Watch};
use crate::{CommError, Group, Incoming, Outgoing, group::check_lens};

/// The most bytes of a broadcast at once; longer ones are made of several.
const PIECE: usize = 1 << 30;

/// Whether MPI was opened in this process, which can be done once.
static OPENED: AtomicBool = AtomicBool::new(false);

/// A rank that a launcher of MPI started.
///
/// Only the thread that opened it may use it. A rank that ends without [`Self::finalize`] makes its
/// launcher end the others.
#[derive(Debug)]
pub struct Mpi {
    library: Library,
    thread: ThreadId,
    rank: usize,
    ranks: usize,
    watch: Watch,
}

impl Mpi {
    /// Opens the library that `SEESAW_MPI` names; or else the first of these that is installed: the
    /// standard ABI of MPI 5 (`libmpi_abi.so.1`, `libmpi_abi.so.0`), that of MPICH and Intel MPI
    /// (`libmpi.so.12`), Open MPI (`libmpi.so.40`), which is the first if its launcher started
    /// the process.
    ///
    /// Where a call waits for longer than the others' [patience](Group::set_patience), `give_up` gets
    /// this rank's number and the error, and the process ends with code 2 when it returns: no call of MPI can be stopped.
    ///
    /// # Errors
    /// [`CommError::NoMpi`] and [`CommError::Unusable`]; [`CommError::OtherLauncher`] when the
    /// process was started by the launcher of another MPI.
    pub fn from_env(
        give_up: impl Fn(usize, CommError) + Send + 'static,
    ) -> Result<Self, CommError> {
        if OPENED.swap(true, Ordering::SeqCst) {
            return Err(CommError::AlreadyOpen);
        }
        let library = open_first()?;
        let (rank, ranks) = library.init()?;
        let started = candidates::started();
        if ranks == 1 && started > 1 {
            let library = library.path().to_owned();
            return Err(CommError::OtherLauncher { started, library });
        }
        let thread = thread::current().id();
        Ok(Self {
            library,
            thread,
            rank,
            ranks,
            watch: Watch::start(move |error| give_up(rank, error)),
        })
    }

    /// The file or name of the library.
    pub fn library(&self) -> &str {
        self.library.path()
    }

    /// Ends the use of MPI, once all ranks are here. Only after it may a rank exit while others go
    /// on.
    ///
    /// # Errors
    /// When MPI reports one.
    pub fn finalize(&self) -> Result<(), CommError> {
        self.call("MPI_Finalize", |library| library.finalize())
    }

    /// Makes a call, which may take as long as the patience lasts.
    fn call<T>(
        &self,
        call: &'static str,
        make: impl FnOnce(&Library) -> Result<T, CommError>,
    ) -> Result<T, CommError> {
        if thread::current().id() != self.thread {
            return Err(CommError::OtherThread { call });
        }
        let _watched = self.watch.call();
        make(&self.library)
    }
}

/// Opens the first library that can be opened.
fn open_first() -> Result<Library, CommError> {
    let mut tried = Vec::new();
    for name in candidates::names() {
        match Library::open(&name) {
            Ok(library) => return library,
            Err(why) => tried.push((name, why)),
        }
    }
    Err(CommError::NoMpi { tried })
}

/// Lengths and places of the parts, as MPI takes them.
fn counts(call: &'static str, lens: &[usize]) -> Result<(Vec<i32>, Vec<i32>), CommError> {
    let bytes = lens.iter().sum::<usize>();
    let max = i32::MAX as usize;
    if bytes > max {
        return Err(CommError::TooLong { call, bytes, max });
    }
    let mut at = 0;
    let place = |len: &usize| {
        at += len;
        (*len as i32, (at - len) as i32)
    };
    Ok(lens.iter().map(place).unzip())
}

impl Group for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn host(&self) -> String {
        self.call("MPI_Get_processor_name", |library| library.host()).unwrap_or_default()
    }

    fn all_to_all(&self, send: Outgoing<'_>, receive: Incoming<'_>) -> Result<(), CommError> {
        check_lens("sent", send.bytes.len(), send.lens, self.ranks);
        check_lens("received", receive.bytes.len(), receive.lens, self.ranks);
        let name = "MPI_Alltoallv";
        let (sent, received) = (counts(name, send.lens)?, counts(name, receive.lens)?);
        self.call(name, |library| {
            library.all_to_all((send.bytes, &sent), (receive.bytes, &received))
        })
    }

    fn all_gather(&self, send: &[u8], receive: Incoming<'_>) -> Result<(), CommError> {
        check_lens("received", receive.bytes.len(), receive.lens, self.ranks);
        assert_eq!(send.len(), receive.lens[self.rank], "what this rank sends and receives");
        let name = "MPI_Allgatherv";
        let received = counts(name, receive.lens)?;
        self.call(name, |library| library.all_gather(send, (receive.bytes, &received)))
    }

    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), CommError> {
        assert!(root < self.ranks, "a rank of this group");
        bytes.chunks_mut(PIECE).try_for_each(|piece| {
            self.call("MPI_Bcast", |library| library.broadcast(root as i32, piece))
        })
    }

    fn barrier(&self) -> Result<(), CommError> {
        self.call("MPI_Barrier", |library| library.barrier())
    }

    fn set_patience(&self, limit: Option<Duration>) {
        self.watch.set_limit(limit);
    }
}
