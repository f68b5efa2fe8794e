//! An MPI library: the only unsafe code of this crate.
//!
//! MPI's functions are the same in all libraries, except for a few constants. With everything sent as
//! bytes, these are the handles of the world of all ranks and of a byte, and the number of a level of
//! thread support. The standard ABI of MPI 5 fixes them (<https://www.mpi-forum.org/docs/>, appendix A),
//! and so does the ABI that MPICH, Intel MPI, Cray MPICH and MVAPICH have shared since 2014. In Open MPI,
//! handles are the addresses of variables.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr::null_mut,
};

use crate::CommError;

/// An MPI handle. `int` in MPICH's ABI, a pointer in the others. As an argument, either is one register
/// or one slot of the stack whose low half is the `int`, on the little-endian machines that there are.
type Handle = usize;
type Init = unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int) -> c_int;
type Number = unsafe extern "C" fn(Handle, *mut c_int) -> c_int;
type Name = unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int;
type Nothing = unsafe extern "C" fn() -> c_int;
type Wait = unsafe extern "C" fn(Handle) -> c_int;
type Broadcast = unsafe extern "C" fn(*mut c_void, c_int, Handle, c_int, Handle) -> c_int;
type AllGather = unsafe extern "C" fn(
    *const c_void,
    c_int,
    Handle,
    *mut c_void,
    *const c_int,
    *const c_int,
    Handle,
    Handle,
) -> c_int;
type AllToAll = unsafe extern "C" fn(
    *const c_void,
    *const c_int,
    *const c_int,
    Handle,
    *mut c_void,
    *const c_int,
    *const c_int,
    Handle,
    Handle,
) -> c_int;

/// The longest name of a machine in any ABI is 256 bytes.
const NAME_LEN: usize = 1024;

/// The constants of a library.
#[derive(Debug, Clone, Copy)]
struct Constants {
    world: Handle,
    byte: Handle,
    /// Only one thread calls MPI.
    funneled: c_int,
}

const STANDARD: Constants = Constants { world: 0x101, byte: 0x247, funneled: 1024 };
const MPICH: Constants = Constants { world: 0x4400_0000, byte: 0x4c00_010d, funneled: 1 };
/// The variables whose addresses are Open MPI's handles.
const OPEN_MPI: [&CStr; 2] = [c"ompi_mpi_comm_world", c"ompi_mpi_byte"];

/// A library and the functions that are used of it. It is never closed: MPI's threads may be running.
#[derive(Debug)]
pub struct Library {
    path: String,
    constants: Constants,
    init: Init,
    comm_rank: Number,
    comm_size: Number,
    processor_name: Name,
    all_to_all: AllToAll,
    all_gather: AllGather,
    broadcast: Broadcast,
    barrier: Wait,
    finalize: Nothing,
}

/// A library that was opened.
struct Opened(*mut c_void);

impl Opened {
    /// The address of a symbol, which is not null.
    fn symbol(&self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the handle is that of an open library, and the name ends with a null byte.
        let address = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        (!address.is_null()).then_some(address)
    }

    /// A function.
    ///
    /// # Safety
    /// `F` must be the type of the function of that name, and a pointer to a function.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F, String> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let address = self.symbol(name);
        let address = address.ok_or_else(|| format!("it has no {}", name.to_string_lossy()))?;
        // SAFETY: `F` is a pointer to a function by the contract of this function, and the systems that
        // have `dlsym` represent such pointers as they do addresses.
        Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
    }

    /// The constants, by the name of the library and by what only Open MPI has.
    fn constants(&self, path: &str) -> Constants {
        if path.rsplit('/').next().is_some_and(|file| file.contains("mpi_abi")) {
            return STANDARD;
        }
        match OPEN_MPI.map(|name| self.symbol(name)) {
            [Some(world), Some(byte)] => {
                Constants { world: world as Handle, byte: byte as Handle, funneled: MPICH.funneled }
            }
            _ => MPICH,
        }
    }
}

impl Library {
    /// Opens a library by its path, or by its name where the system finds libraries.
    ///
    /// `Err` has the system's reason why it cannot be opened; `Ok` has an error where it can be, and is
    /// no MPI.
    pub fn open(path: &str) -> Result<Result<Self, CommError>, String> {
        let name = CString::new(path).map_err(|_| "its name has a null byte".to_owned())?;
        // Open MPI's own modules look for its symbols among the global ones.
        // SAFETY: the name ends with a null byte. Opening a library runs its initializers: it is the
        // MPI that the user has installed or named.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        if handle.is_null() {
            return Err(last_error(path));
        }
        let unusable = |why| CommError::Unusable { library: path.into(), why };
        Ok(Self::from_opened(&Opened(handle), path).map_err(unusable))
    }

    fn from_opened(opened: &Opened, path: &str) -> Result<Self, String> {
        // SAFETY: these are the types of the functions in all ABIs, where a handle is as `Handle` says.
        unsafe {
            Ok(Self {
                path: path.to_owned(),
                constants: opened.constants(path),
                init: opened.function(c"MPI_Init_thread")?,
                comm_rank: opened.function(c"MPI_Comm_rank")?,
                comm_size: opened.function(c"MPI_Comm_size")?,
                processor_name: opened.function(c"MPI_Get_processor_name")?,
                all_to_all: opened.function(c"MPI_Alltoallv")?,
                all_gather: opened.function(c"MPI_Allgatherv")?,
                broadcast: opened.function(c"MPI_Bcast")?,
                barrier: opened.function(c"MPI_Barrier")?,
                finalize: opened.function(c"MPI_Finalize")?,
            })
        }
    }

    /// The path or name that it was opened by.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Initializes MPI; this process's rank, and how many there are. All other functions need this one
    /// first, and may be called by the same thread alone.
    pub fn init(&self) -> Result<(usize, usize), CommError> {
        let (mut provided, mut rank, mut ranks) = (0, 0, 0);
        let Constants { world, funneled, .. } = self.constants;
        // SAFETY: MPI allows null for the arguments of the program; it writes to `provided`.
        let code = unsafe { (self.init)(null_mut(), null_mut(), funneled, &raw mut provided) };
        check("MPI_Init_thread", code)?;
        if provided < funneled {
            let why = "it does not support programs with threads".to_owned();
            return Err(CommError::Unusable { library: self.path.clone().into(), why });
        }
        // SAFETY: MPI is initialized, and writes to `rank` and `ranks`.
        let codes = unsafe {
            [(self.comm_rank)(world, &raw mut rank), (self.comm_size)(world, &raw mut ranks)]
        };
        check("MPI_Comm_rank", codes[0])?;
        check("MPI_Comm_size", codes[1])?;
        Ok((rank as usize, ranks as usize))
    }

    /// The name of this machine.
    pub fn host(&self) -> Result<String, CommError> {
        let (mut name, mut len) = ([0u8; NAME_LEN], 0);
        // SAFETY: MPI is initialized; the buffer is longer than any name, and what MPI does not write of
        // it is zero.
        let code = unsafe { (self.processor_name)(name.as_mut_ptr().cast(), &raw mut len) };
        check("MPI_Get_processor_name", code)?;
        Ok(String::from_utf8_lossy(&name[..(len as usize).min(NAME_LEN)]).into_owned())
    }

    /// Exchanges bytes with all ranks. Each side has its counts and places.
    ///
    /// # Panics
    /// When a count or place is beyond the bytes.
    pub fn all_to_all(
        &self,
        send: (&[u8], &(Vec<i32>, Vec<i32>)),
        receive: (&mut [u8], &(Vec<i32>, Vec<i32>)),
    ) -> Result<(), CommError> {
        let ((out, sent), (into, received)) = (send, receive);
        let Constants { world, byte, .. } = self.constants;
        assert_inside(sent, out.len());
        assert_inside(received, into.len());
        // SAFETY: MPI is initialized. The buffers do not overlap, since one is borrowed mutably, and hold
        // all parts, which was checked. There are as many counts as ranks, which callers check.
        let code = unsafe {
            (self.all_to_all)(
                out.as_ptr().cast(),
                sent.0.as_ptr(),
                sent.1.as_ptr(),
                byte,
                into.as_mut_ptr().cast(),
                received.0.as_ptr(),
                received.1.as_ptr(),
                byte,
                world,
            )
        };
        check("MPI_Alltoallv", code)
    }

    /// Sends the same bytes to all ranks.
    ///
    /// # Panics
    /// When a count or place is beyond the bytes.
    pub fn all_gather(
        &self,
        out: &[u8],
        (into, received): (&mut [u8], &(Vec<i32>, Vec<i32>)),
    ) -> Result<(), CommError> {
        let Constants { world, byte, .. } = self.constants;
        assert_inside(received, into.len());
        let count = c_int::try_from(out.len()).expect("no more than is received of this rank");
        // SAFETY: as for `all_to_all`.
        let code = unsafe {
            (self.all_gather)(
                out.as_ptr().cast(),
                count,
                byte,
                into.as_mut_ptr().cast(),
                received.0.as_ptr(),
                received.1.as_ptr(),
                byte,
                world,
            )
        };
        check("MPI_Allgatherv", code)
    }

    /// Sends the bytes of a rank to all others.
    ///
    /// # Panics
    /// When there are more than 2^31 - 1 bytes.
    pub fn broadcast(&self, root: i32, bytes: &mut [u8]) -> Result<(), CommError> {
        let Constants { world, byte, .. } = self.constants;
        let count = c_int::try_from(bytes.len()).expect("a piece of a broadcast");
        // SAFETY: MPI is initialized, and reads or writes `count` bytes, which there are.
        let code = unsafe { (self.broadcast)(bytes.as_mut_ptr().cast(), count, byte, root, world) };
        check("MPI_Bcast", code)
    }

    /// Waits for all ranks.
    pub fn barrier(&self) -> Result<(), CommError> {
        // SAFETY: MPI is initialized.
        check("MPI_Barrier", unsafe { (self.barrier)(self.constants.world) })
    }

    /// Ends the use of MPI.
    pub fn finalize(&self) -> Result<(), CommError> {
        // SAFETY: MPI is initialized; a second call of this function is an error that MPI reports.
        check("MPI_Finalize", unsafe { (self.finalize)() })
    }
}

/// Ends the process at once. The functions that a process calls at its end are those of an MPI too,
/// which may wait for the other ranks.
pub fn exit(code: i32) -> ! {
    // SAFETY: it takes any code, and does not return.
    unsafe { libc::_exit(code) }
}

fn check(call: &'static str, code: c_int) -> Result<(), CommError> {
    if code == 0 { Ok(()) } else { Err(CommError::Mpi { call, code }) }
}

/// Checks that parts with these counts and places lie within so many bytes.
fn assert_inside((counts, places): &(Vec<i32>, Vec<i32>), bytes: usize) {
    assert_eq!(counts.len(), places.len(), "a place for each count");
    let is_inside = |(count, place): (&i32, &i32)| {
        *count >= 0 && *place >= 0 && (*count as usize) + (*place as usize) <= bytes
    };
    assert!(counts.iter().zip(places).all(is_inside), "parts within the bytes");
}

/// Why the system did not open a library, without the name, which the caller knows.
fn last_error(path: &str) -> String {
    // SAFETY: it returns null or a text that stays until the next such call of this thread.
    let text = unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            None
        } else {
            Some(CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    };
    let text = text.unwrap_or_else(|| "cannot be opened".to_owned());
    text.trim_start_matches(path).trim_start_matches(": ").to_owned()
}
