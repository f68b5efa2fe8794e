//! Trainings of several processes over MPI, with the MPIs that `.ci/mpi` installs into a folder.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "says what is skipped")]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

mod common;
use common::{
    Run, args, command, run, seesaw,
    training::{Album, steps},
};

/// The longest that any of these trainings may take, on a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(120);

/// MPICH's ranks wait by looking again and again, so that only two at a time get on with two cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An MPI with its launcher.
#[derive(Clone)]
struct Installed {
    launcher: PathBuf,
    options: &'static [&'static str],
    library: PathBuf,
    /// The variable that tells a process its rank.
    rank: &'static str,
}

/// Both MPIs, and the right to use the cores; `None` where they are not installed.
struct Tools {
    mpich: Installed,
    open_mpi: Installed,
    _turn: MutexGuard<'static, ()>,
}

fn tools() -> Option<Tools> {
    let installed = std::env::var_os("SEESAW_MPI_TOOLS").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = installed.unwrap_or_else(|| workspace.join("target/mpi-tools"));
    let folder = std::path::absolute(folder).unwrap();
    let mpich = Installed {
        launcher: folder.join("mpich/bin/mpiexec"),
        options: &[],
        library: folder.join("mpich/lib/libmpi_abi.so.1"),
        rank: "PMI_RANK",
    };
    let open_mpi = Installed {
        launcher: folder.join("openmpi/bin/mpirun"),
        options: &["--allow-run-as-root", "--oversubscribe"],
        library: folder.join("openmpi/lib/libmpi.so.40"),
        rank: "OMPI_COMM_WORLD_RANK",
    };
    if ![&mpich, &open_mpi].iter().all(|mpi| mpi.launcher.exists() && mpi.library.exists()) {
        eprintln!("skipped: no MPIs in {}; `.ci/mpi` installs them", folder.display());
        return None;
    }
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Tools { mpich, open_mpi, _turn: turn })
}

impl Installed {
    /// The launcher with programs, each with its number of ranks and arguments of the command.
    fn command(&self, programs: &[(usize, Vec<OsString>)]) -> Command {
        let mut launch = Command::new(&self.launcher);
        launch.args(self.options).env("SEESAW_MPI", &self.library).env_remove("SEESAW_ISA");
        for (number, (ranks, arguments)) in programs.iter().enumerate() {
            launch.args((number > 0).then_some(":")).args(["-n", &ranks.to_string()]);
            launch.arg(env!("CARGO_BIN_EXE_seesaw")).args(arguments).args(["--ranks", "mpi"]);
        }
        launch
    }

    fn run(&self, ranks: usize, arguments: Vec<OsString>) -> Run {
        ended(start(self.command(&[(ranks, arguments)])))
    }

    /// The process of that rank of a run.
    fn process(&self, run: &Path, rank: usize) -> Option<u32> {
        let variable = format!("{}={rank}", self.rank);
        let run = run.to_string_lossy().into_owned();
        let has = |pid: u32, file: &str, text: &str| {
            let content = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            content.split(|byte| *byte == 0).any(|part| part == text.as_bytes())
        };
        let processes = std::fs::read_dir("/proc").unwrap();
        let mut numbers = processes.filter_map(|p| p.ok()?.file_name().to_str()?.parse().ok());
        let program = env!("CARGO_BIN_EXE_seesaw");
        numbers.find(|pid| {
            has(*pid, "environ", &variable)
                && has(*pid, "cmdline", program)
                && has(*pid, "cmdline", &run)
        })
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the end, which has to come.
fn ended(mut child: Child) -> Run {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("still running after {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Run { what: "a job of MPI".to_owned(), output: child.wait_with_output().unwrap() }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Starts a training on two ranks of MPICH, and waits until it has made so many steps.
fn started(tools: &Tools, album: &Album, run: &str, more: &[&str], step: u64) -> Child {
    let arguments = training(album, run, &[&["--checkpoint-every", "1"], more].concat());
    let mut child = start(tools.mpich.command(&[(2, arguments)]));
    let begun = Instant::now();
    while steps(&album.path(run)).is_none_or(|done| done < step) {
        if child.try_wait().unwrap().is_some() {
            let Run { output, .. } = ended(child);
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(begun.elapsed() < LIMIT, "no step {step}");
        thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Steps of eight batches, the last of an epoch of four.
fn training(album: &Album, run: &str, more: &[&str]) -> Vec<OsString> {
    let mut arguments = album.training(run, more);
    arguments.retain(|argument| argument != "--threads" && argument != "2");
    arguments.extend(args!["--threads", "1", "--set", "accumulate=8", "--epochs", "12"]);
    arguments
}

/// The log, and every tensor of the checkpoint to the last bit.
fn result(run: &Path) -> (String, BTreeMap<String, Vec<u32>>) {
    let log = std::fs::read_to_string(run.join("log.csv")).unwrap();
    let tensors = seesaw_format::load(&run.join("checkpoint.safetensors")).unwrap().tensors;
    let bits = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect();
    (log, tensors.iter().map(|(name, t)| (name.to_owned(), bits(&t.data))).collect())
}

fn alone(album: &Album) -> (String, BTreeMap<String, Vec<u32>>) {
    seesaw(training(album, "alone", &[])).ok();
    result(&album.path("alone"))
}

#[test]
fn every_mpi_learns_what_one_process_learns() {
    let Some(tools) = tools() else { return };
    let album = Album::new();
    let expected = alone(&album);
    // MPICH's own ABI, older than the standard one.
    let old = tools.mpich.library.with_file_name("libmpi.so.12");
    let old = Installed { library: old, ..tools.mpich.clone() };
    for (name, mpi, ranks) in
        [("mpich", &tools.mpich, 2), ("old", &old, 2), ("open-mpi", &tools.open_mpi, 4)]
    {
        let job = mpi.run(ranks, training(&album, name, &[]));
        let said = job.ok();
        // Rank 0 alone speaks.
        assert_eq!(said.matches("best: top-1").count(), 1, "{said}");
        let log = job.stderr();
        assert_eq!(log.matches("\nepoch ").count(), 12, "{log}");
        assert!(log.contains(&format!("{ranks} ranks, 1 threads")), "{log}");
        assert!(result(&album.path(name)) == expected, "{name} learned something else");
    }
    seesaw(training(&album, "threads", &["--ranks", "threads:3"])).ok();
    assert!(result(&album.path("threads")) == expected, "threads learned something else");
}

#[test]
fn a_killed_rank_ends_the_job_and_others_go_on() {
    let Some(tools) = tools() else { return };
    let album = Album::new();
    let expected = alone(&album);
    let run = album.path("killed");
    let child = started(&tools, &album, "killed", &[], 5);
    let victim = tools.mpich.process(&run, 1).expect("rank 1 is running");
    let killed = Instant::now();
    signal(victim, "KILL");
    let job = ended(child);
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    assert!(!job.output.status.success());
    let said = String::from_utf8_lossy(&job.output.stdout).into_owned() + job.stderr();
    assert!(!said.trim().is_empty(), "the launcher says what happened");
    assert!(steps(&run).unwrap() < 24, "it was not at its end");
    tools.open_mpi.run(3, args!["resume", run, "--threads", "1"].into()).ok();
    assert!(result(&run) == expected, "the resumed run learned something else");
}

#[test]
fn a_signal_to_one_rank_saves_and_stops_all() {
    let Some(tools) = tools() else { return };
    let album = Album::new();
    let expected = alone(&album);
    let run = album.path("stopped");
    let child = started(&tools, &album, "stopped", &[], 5);
    signal(tools.mpich.process(&run, 1).expect("rank 1 is running"), "USR1");
    let job = ended(child);
    assert!(!job.output.status.success());
    assert!(job.stderr().contains("saved; to resume"), "{}", job.stderr());
    seesaw(args!["resume", run]).ok();
    assert!(result(&run) == expected, "the resumed run learned something else");
}

#[test]
fn a_rank_that_hangs_ends_the_job() {
    let Some(tools) = tools() else { return };
    let album = Album::new();
    let child = started(&tools, &album, "hangs", &["--rank-timeout", "1"], 5);
    let victim = tools.mpich.process(&album.path("hangs"), 1).expect("rank 1 is running");
    signal(victim, "STOP");
    let job = ended(child);
    assert!(!job.output.status.success());
    assert!(job.stderr().contains("no answer from the other ranks"), "{}", job.stderr());
    assert!(job.stderr().contains("can be resumed"), "{}", job.stderr());
}

#[test]
fn different_ranks_are_refused_together() {
    let Some(tools) = tools() else { return };
    let album = Album::new();
    let other = album.path("other");
    std::fs::create_dir(&other).unwrap();
    for class in ["blue", "green", "red"] {
        std::fs::create_dir(other.join(class)).unwrap();
        std::fs::copy(album.data.join(class).join("00.bmp"), other.join(class).join("1.bmp"))
            .unwrap();
        std::fs::copy(album.data.join(class).join("01.bmp"), other.join(class).join("2.bmp"))
            .unwrap();
    }
    let mut data = training(&album, "run", &[]);
    data[2] = other.into();
    let mut missing = training(&album, "run", &[]);
    missing[2] = album.path("missing").into();
    let cases = [
        ("the recipe differs between ranks", training(&album, "run", &["--batch", "9"])),
        ("the data set's number of images differs between ranks", data),
        ("no such file or folder", missing),
    ];
    for mpi in [&tools.mpich, &tools.open_mpi] {
        for (expected, arguments) in &cases {
            let job = mpi.command(&[(1, training(&album, "run", &[])), (1, arguments.clone())]);
            let job = ended(start(job));
            let said = job.stderr();
            assert_eq!(said.matches(expected).count(), 1, "{said}");
            assert_eq!(job.output.status.code(), Some(2), "{said}");
        }
    }
    // What is wrong on all of them is said once.
    let job = tools.mpich.run(2, cases[2].1.clone());
    assert_eq!(job.stderr().matches("error: ").count(), 1, "{}", job.stderr());
}

#[test]
fn without_an_mpi_the_error_says_what_to_install() {
    let album = Album::new();
    let mut training = command();
    training.args(album.training("run", &["--ranks", "mpi"])).env("SEESAW_MPI", "/none/libmpi.so");
    let failed = run(&mut training);
    assert_eq!(failed.output.status.code(), Some(2));
    for part in
        ["no MPI library was found: looked for /none/libmpi.so", "apt install mpich", "mpirun"]
    {
        assert!(failed.stderr().contains(part), "{}", failed.stderr());
    }
}
