//! Searches that are killed, joined, and run out of disk.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "a test says that it is skipped")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use seesaw_search::{
    journal::{Kind, Proposal, Record},
    search::Search,
    state::Outcome,
};
use tempfile::TempDir;

mod common;
use common::{args, command, run, seesaw};

/// Images of the data set.
const IMAGES: usize = 2_000;

/// A data set of two classes, and a space of nets that are trained in a second.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for class in ["dark", "light"] {
            fs::create_dir_all(folder.path().join("data").join(class)).unwrap();
        }
        for image in 0..IMAGES {
            let shade = |x: u32, y: u32| {
                let noise = (image as u32 * 31 + x * 7 + y * 13).wrapping_mul(2_654_435_761) >> 25;
                [(noise + 90 * (image as u32 % 2)) as u8; 3]
            };
            let class = ["dark", "light"][image % 2];
            let path = folder.path().join(format!("data/{class}/{image:04}.bmp"));
            fs::write(path, seesaw_testing::bmp_of(16, 16, shade)).unwrap();
        }
        let space = r#"
            name = "tiny"
            references = []
            [base]
            name = "tiny"
            input_size = 16
            classes = 2
            stem = { channels = 8, stride = 2 }
            head = { channels = 16 }
            stages = [
                { expansion = 2, channels = 8, repeat = 1, stride = 1, expand = "1", project = "1" },
                { expansion = 2, channels = 16, repeat = 2, stride = 2, expand = "1", project = "1" },
            ]
            [[zones]]
            name = "all"
            stages = [1, 2]
            expand = ["1", "1:1", "1:3"]
            project = ["1", "1:1", "3:1"]
            flow = ["keep", "shuffle(2)"]
            expansion = [2, 4]
        "#;
        fs::write(folder.path().join("space.toml"), space).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A search of eight nets.
    fn search(&self, out: &Path) -> Command {
        self.search_with(out, "0.1", "150000")
    }

    fn search_with(&self, out: &Path, hours: &str, madds: &str) -> Command {
        let (data, space) = (self.path("data"), self.path("space.toml"));
        let mut command = command();
        command.args(args!["search", "--data", data, "--space", space, "--out", out]);
        command.args(["--hours", hours, "--madds", madds, "--short-epochs", "2"]);
        command.args(["--long-epochs", "2", "--trials", "8", "--start", "4", "--finalists", "2"]);
        command.args(["--seeds", "1", "--workers", "1", "--checkpoint-every", "1"]);
        command.args(["--set", "batch=50"]);
        command
    }
}

fn resume(search: &Path) -> Command {
    let mut command = command();
    command.args(args!["search", "--resume", search]);
    command.args(["--workers", "1", "--checkpoint-every", "1"]);
    command
}

fn records(search: &Path) -> Vec<Record> {
    let text = fs::read_to_string(search.join("journal.jsonl")).unwrap_or_default();
    // The last line may be half written.
    text.split_inclusive('\n').filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What was proposed and found, without times.
fn results(search: &Path) -> Vec<(Proposal, f64, f64)> {
    let state = Search::open(search).unwrap().state();
    let results = state.trials.into_iter().map(|trial| match trial.outcome {
        Some(Outcome::Finished { score, top1, .. }) => {
            (Proposal { clock: 0.0, ..trial.proposal }, score, top1)
        }
        other => panic!("{other:?}"),
    });
    results.collect()
}

/// Starts a command and waits until the journal has so many lines; `None` if it ended before.
fn run_until(mut command: Command, search: &Path, lines: usize) -> Option<Child> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while records(search).len() < lines {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        assert!(begun.elapsed() < Duration::from_secs(300), "no line {lines}");
        thread::sleep(Duration::from_millis(2));
    }
    Some(child)
}

fn signal(child: &Child, signal: &str) {
    assert!(
        Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success()
    );
}

#[test]
fn a_search_that_is_killed_proposes_and_finds_the_same() {
    let lab = Lab::new();
    let alone = lab.path("alone");
    let report = run(&mut lab.search(&alone));
    let report = report.ok();
    for part in
        ["# Search of `tiny` at 0.1M MAdds", "complete.", "## Final comparison", "all.expand"]
    {
        assert!(report.contains(part), "{part}: {report}");
    }
    let expected = results(&alone);
    let count = |is: &dyn Fn(&Kind) -> bool| expected.iter().filter(|(p, ..)| is(&p.kind)).count();
    assert_eq!(count(&|kind| matches!(kind, Kind::Explore { .. })), 8);
    assert_eq!(count(&|kind| matches!(kind, Kind::Selection { .. })), 2);
    for file in ["report.md", "report.json", "winner.toml", "top1-madds.svg", "top1-ms.svg"] {
        assert!(alone.join(file).is_file(), "{file}");
    }
    seesaw(args!["summary", alone.join("winner.toml")]).ok();
    seesaw(args!["compare", alone.join("trials/0000")]).ok();

    let killed = lab.path("killed");
    let mut kills = 0;
    for lines in [2, 3, 7, 12, 20, 30, 41] {
        let next = if killed.exists() { resume(&killed) } else { lab.search(&killed) };
        let Some(mut child) = run_until(next, &killed, lines) else { break };
        thread::sleep(Duration::from_millis(40 * (lines as u64 % 5)));
        if kills % 2 == 0 {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            signal(&child, "-TERM");
            assert_eq!(child.wait().unwrap().code(), Some(143));
        }
        kills += 1;
    }
    assert!(kills >= 5, "{kills}");
    run(&mut resume(&killed)).ok();
    assert_eq!(results(&killed), expected);
}

#[test]
fn three_processes_share_a_search_and_one_is_killed() {
    let lab = Lab::new();
    let search = lab.path("search");
    let mut first = run_until(lab.search(&search), &search, 2).unwrap();
    let join = || {
        let mut command = command();
        command.args(args!["search", "--join", &search]);
        command.args(["--workers", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let (mut second, mut third) = (join(), join());
    let begun = |child: &Child| {
        let process = format!("process {},", child.id());
        records(&search).iter().any(
            |record| matches!(record, Record::Started { worker, .. } if worker.contains(&process)),
        )
    };
    let since = Instant::now();
    while !(begun(&second) && begun(&third)) {
        assert!(since.elapsed() < Duration::from_secs(120), "both take a trial");
        thread::sleep(Duration::from_millis(2));
    }
    second.kill().unwrap();
    second.wait().unwrap();
    for child in [&mut first, &mut third] {
        assert!(child.wait().unwrap().success());
    }
    // What the killed one had begun, or what the others could not wait for, is done now.
    let report = run(&mut resume(&search));
    assert!(report.ok().contains("complete."), "{}", report.ok());
    let explored =
        results(&search).iter().filter(|(p, ..)| matches!(p.kind, Kind::Explore { .. })).count();
    assert_eq!(explored, 8);
}

#[test]
fn a_full_disk_loses_nothing() {
    let lab = Lab::new();
    let disk = lab.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |options: &str| {
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !mount("size=200k") {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let search = disk.join("search");
    let failed = run(&mut lab.search(&search));
    let text = failed.stderr().to_owned();
    assert_eq!(failed.code(), Some(2), "{text}");
    assert!(text.contains("space") && text.contains("os error 28"), "{text}");
    assert!(mount("remount,size=200m"));
    let resumed = run(&mut resume(&search));
    let found = resumed.code().map(|code| (code, results(&search).len()));
    let unmounted = Command::new("umount").arg("-l").arg(&disk).status().unwrap().success();
    assert_eq!(found.map(|(code, _)| code), Some(0), "{}", resumed.stderr());
    assert!(unmounted);
}

#[test]
fn what_cannot_be_searched_is_said() {
    let lab = Lab::new();
    let out = lab.path("out");
    let fails = |mut command: Command, part: &str| {
        let failed = run(&mut command);
        let text = failed.stderr();
        assert_eq!(failed.code(), Some(2), "{text}");
        assert!(text.contains(part), "{part}: {text}");
    };
    fails(lab.search_with(&out, "0", "150000"), "hours");
    assert!(!out.exists(), "nothing was begun");
    fails(lab.search_with(&out, "0.1", "100G"), "no net of this cost");
    fs::remove_dir_all(&out).unwrap();
    fails(lab.search_with(&out, "0.00001", "150000"), "hours are too few");
    // More time continues it.
    fails(lab.search(&out), "already holds a search");
    let mut more = resume(&out);
    more.args(["--hours", "0.1"]);
    run(&mut more).ok();

    let journal = out.join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("\"format\":1", "\"format\":7")).unwrap();
    fails(resume(&out), "format 7");
    fs::write(&journal, text.replacen("\"trial\":3", "\"trial\":9", 1)).unwrap();
    fails(resume(&out), "journal.jsonl, line");

    fs::write(lab.path("space.toml"), "name = \"x\"\nbase = \"nothing\"\nzones = []").unwrap();
    fails(lab.search(&lab.path("other")), "space.toml");
    fails(resume(&lab.path("nothing")), "holds no search");
    let mut join = command();
    join.args(args!["search", "--join", &out, "--space", lab.path("space.toml")]);
    fails(join, "cannot be used with");
    let mut sample = command();
    sample.args(["search", "--choose", "early.expand=1:5"]);
    fails(sample, "choose one of 1, 1:1, 1:3");
}

#[test]
fn spaces_are_shown() {
    let space = seesaw(["search", "--show-space"]);
    assert!(space.ok().contains("name = \"uneven-blocks-cifar\""));
    let sample = seesaw(["search", "--sample", "4", "--madds", "60M"]);
    assert_eq!(sample.ok().lines().count(), 5);
    let lab = tempfile::tempdir().unwrap();
    let net = lab.path().join("net.toml");
    let chosen =
        seesaw(["search", "--choose", "late.kernel=5", "--choose", "early.flow=shuffle(4)"]);
    fs::write(&net, chosen.ok()).unwrap();
    seesaw(args!["summary", &net]).ok();
}
