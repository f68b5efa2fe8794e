//! What asks a long command to stop: Ctrl-C, and on Unix the signals that end processes.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use crate::{failure::Failure, output};

/// The exit code of a process that Ctrl-C ended, by the convention of shells: 128 and the number of
/// the signal.
const INTERRUPTED: u8 = 130;

/// Whether something asked the command to stop, and what.
#[derive(Debug, Default)]
pub struct Stop {
    asked: AtomicBool,
    /// The exit code, once `asked` is set.
    code: AtomicU8,
    /// What the command then does.
    doing: &'static str,
}

impl Stop {
    /// Listens from now on. The first signal only sets [`Self::asked`], and says what the command is then
    /// doing, unless that is nothing; the next ends the process.
    pub fn at_signals(doing: &'static str) -> Result<Arc<Self>, Failure> {
        let stop = Arc::new(Self { doing, ..Self::default() });
        listen(Arc::clone(&stop))
            .map_err(|error| Failure::new(format_args!("cannot handle signals: {error}")))?;
        Ok(stop)
    }

    /// Set once the command should stop.
    pub fn asked(&self) -> &AtomicBool {
        &self.asked
    }

    /// The exit code that tells what asked; that of Ctrl-C where another rank was asked.
    pub fn exit_code(&self) -> u8 {
        // Makes the code visible that was stored before.
        match self.asked.load(Ordering::Acquire) {
            true => self.code.load(Ordering::Relaxed),
            false => INTERRUPTED,
        }
    }

    /// Takes note of a signal that stands for this exit code.
    fn signal(&self, code: u8, again: &str) {
        if self.asked.load(Ordering::Relaxed) {
            process::exit(code.into());
        }
        self.code.store(code, Ordering::Relaxed);
        self.asked.store(true, Ordering::Release);
        if !self.doing.is_empty() {
            output::say(format_args!("\n{}; {again} to exit at once", self.doing));
        }
    }
}

#[cfg(unix)]
fn listen(stop: Arc<Stop>) -> std::io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
        iterator::Signals,
    };
    let mut heard = vec![SIGINT, SIGTERM, SIGUSR1];
    // `nohup` ignores the closing of the terminal, so that a training goes on without it.
    if !is_ignored(SIGHUP) {
        heard.push(SIGHUP);
    }
    let mut signals = Signals::new(heard)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let again = if signal == SIGINT { "press Ctrl-C again" } else { "send another signal" };
            stop.signal(u8::try_from(128 + signal).unwrap_or(INTERRUPTED), again);
        }
    })?;
    Ok(())
}

/// Whether the process was started with this signal ignored.
///
/// std and safe crates can set how signals are handled and not ask for it, so this asks the system's
/// own reports: Linux has a file, and others have `ps`.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mask = match std::fs::read_to_string("/proc/self/status") {
        Ok(status) => {
            status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::to_owned)
        }
        Err(_) => {
            let mut ps = process::Command::new("ps");
            let output = ps.args(["-o", "ignored=", "-p", &process::id().to_string()]).output();
            output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        }
    };
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
fn listen(stop: Arc<Stop>) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || stop.signal(INTERRUPTED, "press Ctrl-C again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_asks_and_gives_the_code() {
        let stop = Stop::default();
        assert!(!stop.asked().load(Ordering::Relaxed));
        stop.signal(143, "again");
        assert!(stop.asked().load(Ordering::Relaxed));
        assert_eq!(stop.exit_code(), 143);
    }
}
