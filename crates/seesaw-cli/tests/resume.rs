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

/// Sends a signal to a process.
fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let name = format!("-{name}");
    assert!(Command::new("kill").args([&name, &pid]).status().unwrap().success());
}

/// The number of SIGUSR1 is the system's own.
const USR1: i32 = if cfg!(target_os = "linux") { 10 } else { 30 };

#[test]
fn polite_kills_save_as_ctrl_c_does() {
    let album = Album::new();
    let (mut run, mut child) = begun(&album);
    for (name, code) in [("TERM", 143), ("HUP", 129), ("USR1", 128 + USR1)] {
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let hint = format!("seesaw resume {}", run.display());
        assert!(said.contains("finishing the step") && said.contains(&hint), "{name}: {said}");
        let at = steps(&run).unwrap();
        assert!((5..STEPS).contains(&at), "{name}: stopped at step {at}");
        seesaw(args!["resume", run]).ok();
        assert!(result(&run) == result(&album.path("alone")), "{name}");

        run = album.path(&format!("after-{name}"));
        let mut training = command();
        training.args(album.training(&format!("after-{name}"), &["--checkpoint-every", "1"]));
        child = run_until(training, &run, 5).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A terminal that closes sends SIGHUP, and from then on writing to it fails.
#[test]
fn a_terminal_that_closes_loses_no_checkpoint() {
    let album = Album::new();
    album.train("alone", &[]).ok();
    let run = album.path("closed");
    let mut training = command();
    training.args(album.training("closed", &["--checkpoint-every", "1000", "--json"]));
    let mut child = training.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !run.join("log.csv").exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never began");
        thread::sleep(Duration::from_micros(200));
    }
    drop((child.stdout.take(), child.stderr.take()));
    signal(&child, "HUP");
    assert_eq!(child.wait().unwrap().code(), Some(129));
    seesaw(args!["resume", run]).ok();
    assert!(result(&run) == result(&album.path("alone")));
}

/// `nohup` starts a process that ignores SIGHUP, and it has to go on without its terminal.
#[test]
fn nohup_outlives_its_terminal() {
    let album = Album::new();
    album.train("alone", &[]).ok();
    let run = album.path("nohup");
    let mut training = Command::new("sh");
    training.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(env!("CARGO_BIN_EXE_seesaw"));
    training.args(album.training("nohup", &["--checkpoint-every", "1"]));
    let child = run_until(training, &run, 5).unwrap();
    signal(&child, "HUP");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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

/// Temporary files in a run.
fn unfinished(run: &Path) -> usize {
    let names = std::fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".seesaw-")).count()
}

#[test]
fn a_kill_while_writing_leaves_nothing_after_the_next_start() {
    let album = Album::new();
    let (run, mut child) = begun(&album);
    child.kill().unwrap();
    child.wait().unwrap();
    // As the process would have left it, had it been writing just then.
    let name = format!(".seesaw-{}-1000000", child.id());
    std::fs::write(run.join(name), "half a checkpoint").unwrap();
    let resumed = seesaw(args!["resume", run]);
    resumed.ok();
    assert!(resumed.stderr().contains("unfinished files"), "{}", resumed.stderr());
    assert_eq!(unfinished(&run), 0);
    assert!(result(&run) == result(&album.path("alone")));
}

#[test]
fn more_epochs_or_the_command_for_them() {
    let album = Album::new();
    album.train("cosine", &["--epochs", "3"]).ok();
    let run = album.path("cosine");
    let shown = run.display();
    let resumed = seesaw(args!["resume", run, "--epochs", "9"]);
    resumed.fails(&[
        "cannot go on to 9 epochs",
        "its schedule `cosine`",
        &format!("--init {shown}/last.safetensors --recipe {shown} --epochs 6"),
        "--set optimizer.rate=0.005",
    ]);
    seesaw(args!["resume", run, "--epochs", "2"]).fails(&["3 epochs are already done"]);
    let old = seesaw(args!["train", "--resume", run, "--epochs", "9"]);
    old.fails(&["--epochs", &format!("`seesaw resume {shown} --epochs 9`")]);

    // The command that the hint names works, and starts where the run ended.
    let hint = resumed.stderr().split("`seesaw ").nth(1).unwrap().split('`').next().unwrap();
    let mut words: Vec<&str> = hint.split(' ').collect();
    let out = album.path("continued");
    words.extend(["--out", out.to_str().unwrap(), "--threads", "2"]);
    seesaw(words).ok();
    let log = |run: &Path| seesaw_train::run::read_log(&run.join("log.csv")).unwrap();
    let (before, after) = (log(&run), log(&out));
    assert_eq!(after.len(), 6);
    let last = |rows: &[seesaw_train::run::EpochRow]| rows.last().unwrap().val_loss.unwrap();
    assert!(last(&after) < last(&before), "{} after {}", last(&after), last(&before));

    let constant = ["--set", "schedule.kind=constant"];
    album.train("whole", &[&constant[..], &["--epochs", "5"]].concat()).ok();
    album.train("grown", &[&constant[..], &["--epochs", "3"]].concat()).ok();
    let again = seesaw(args!["resume", album.path("grown")]);
    assert!(again.stderr().contains("all 3 epochs are done"), "{}", again.stderr());
    seesaw(args!["resume", album.path("grown"), "--epochs", "5"]).ok();
    assert!(result(&album.path("grown")) == result(&album.path("whole")));
    let config = std::fs::read_to_string(album.path("grown").join("config.toml")).unwrap();
    assert!(config.contains("epochs = 5"), "{config}");
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
    // The models come first of what an epoch writes, and do not fit.
    run_command(&mut limited).fails(&[".safetensors: ", "too large"]);
    assert_eq!(steps(&run), before);
    assert_eq!(unfinished(&run), 0);
    seesaw(args!["resume", run]).ok();
    assert!(result(&run) == result(&album.path("alone")));
}
