//! A training that is killed and resumed ends like one that is not interrupted.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

mod common;
use common::{
    args, command, run as run_command, seesaw,
    training::{Album, steps},
};

/// How often the process is killed.
const KILLS: u64 = 10;
/// 16 epochs of 12 batches, two a step.
const STEPS: u64 = 96;

/// The log, and every tensor of the checkpoint to the last bit.
fn result(run: &Path) -> (String, BTreeMap<String, Vec<u32>>) {
    let log = std::fs::read_to_string(run.join("log.csv")).unwrap();
    let tensors = seesaw_format::load(&run.join("checkpoint.safetensors")).unwrap().tensors;
    let bits = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect();
    (log, tensors.iter().map(|(name, t)| (name.to_owned(), bits(&t.data))).collect())
}

/// Lets a training run until its checkpoint holds so many steps; `None` if it ended before.
fn run_until(mut command: Command, run: &Path, step: u64) -> Option<Child> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while steps(run).is_none_or(|done| done < step) {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "no step {step}");
        thread::sleep(Duration::from_micros(200));
    }
    Some(child)
}

fn resume(run: &Path, save_every: u64) -> Command {
    let mut command = command();
    // The number of threads makes no difference.
    let threads = (1 + save_every % 2).to_string();
    command.args(args!["resume", run, "--threads", threads]);
    command.args(["--checkpoint-every", &save_every.to_string()]);
    command
}

#[test]
fn killed_at_ten_steps_and_resumed() {
    let album = Album::new();
    album.train("alone", &[]).ok();
    let expected = result(&album.path("alone"));
    assert_eq!(expected.0.lines().count(), 17);

    let run = album.path("killed");
    let mut kills = Vec::new();
    for kill in 0..KILLS {
        let random = RandomState::new().hash_one(kill);
        // One kill in each tenth of the training; checkpoints lie up to three steps apart, so that
        // steps after the last one are lost, and the instant within a step is random too.
        let step = 1 + (kill * STEPS + random % STEPS) / (KILLS + 1);
        let next = match run.join("config.toml").exists() {
            true => resume(&run, 1 + kill % 3),
            false => {
                let mut first = command();
                first.args(album.training("killed", &["--checkpoint-every", "1"]));
                first
            }
        };
        let Some(mut child) = run_until(next, &run, step) else { break };
        thread::sleep(Duration::from_micros(random >> 32 & 0x1fff));
        child.kill().unwrap();
        child.wait().unwrap();
        kills.push(steps(&run).unwrap());
    }
    assert!(kills.len() as u64 == KILLS && kills[9] < STEPS, "killed at {kills:?}");
    seesaw(args!["resume", run]).ok();
    let found = result(&run);
    assert_eq!(found.0, expected.0, "killed at {kills:?}");
    assert!(found.1 == expected.1, "other numbers; killed at {kills:?}");
}

/// A training that has taken five steps, and a whole one in `alone`.
fn begun(album: &Album) -> (PathBuf, Child) {
    album.train("alone", &[]).ok();
    let run = album.path("stopped");
    let mut training = command();
    training.args(album.training("stopped", &["--checkpoint-every", "1"]));
    let child = run_until(training, &run, 5).unwrap();
    (run, child)
}

#[test]
fn ctrl_c_saves_and_says_how_to_resume() {
    let album = Album::new();
    let (run, child) = begun(&album);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    let hint = format!("seesaw resume {}", run.display());
    assert!(said.contains("finishing the step") && said.contains(&hint), "{said}");
    let at = steps(&run).unwrap();
    assert!((5..STEPS).contains(&at), "stopped at step {at}");

    let resumed = seesaw(args!["resume", run]);
    resumed.ok();
    assert!(resumed.stderr().contains(&format!("resuming after step {at}")));
    assert!(result(&run) == result(&album.path("alone")));
}

#[test]
fn more_ctrl_c_loses_no_checkpoint() {
    let album = Album::new();
    let (run, mut child) = begun(&album);
    let pid = child.id().to_string();
    let code = loop {
        // Fails once the process is gone.
        let _ = Command::new("kill").args(["-INT", &pid]).stderr(Stdio::null()).status().unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
    };
    assert_eq!(code, Some(130));
    assert!(steps(&run).unwrap() >= 5);
    seesaw(args!["resume", run]).ok();
    assert!(result(&run) == result(&album.path("alone")));
}

#[test]
fn a_full_disk_loses_no_checkpoint() {
    let album = Album::new();
    let (run, mut child) = begun(&album);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = steps(&run);

    // Files may have two blocks, a write beyond them fails: to the program, a full disk.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$@\"", "sh"]);
    limited.arg(env!("CARGO_BIN_EXE_seesaw")).args(args!["resume", run]);
    run_command(&mut limited).fails(&["too large"]);
    assert_eq!(steps(&run), before);
    let left: Vec<_> = std::fs::read_dir(&run).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("tmp")), "{left:?}");
    seesaw(args!["resume", run]).ok();
    assert!(result(&run) == result(&album.path("alone")));
}
