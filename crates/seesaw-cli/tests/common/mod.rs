//! The command as a user meets it: arguments in, output and exit code out.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Output},
};

use seesaw_testing::engine_golden;

pub mod training;

/// Texts and paths as one list of arguments.
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        [$(std::ffi::OsString::from(&$argument)),*]
    };
}
pub(crate) use args;

/// The built command, without the environment variables that change what it does.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seesaw"));
    command.env_remove("SEESAW_ISA").env_remove("CLICOLOR_FORCE");
    command
}

/// Runs the command.
pub fn seesaw<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    run(command().args(arguments))
}

pub fn run(command: &mut Command) -> Run {
    let what = format!("{command:?}");
    Run { what, output: command.output().unwrap() }
}

/// How a command ended.
pub struct Run {
    /// The command.
    pub what: String,
    pub output: Output,
}

impl Run {
    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    pub fn stdout(&self) -> &str {
        str::from_utf8(&self.output.stdout).unwrap()
    }

    pub fn stderr(&self) -> &str {
        str::from_utf8(&self.output.stderr).unwrap()
    }

    /// Standard output of a command that went well.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code(), Some(0), "{}\n{}", self.what, self.stderr());
        self.stdout()
    }

    /// The same as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.ok()).unwrap()
    }

    /// Asserts exit code 2, nothing on standard output, and one error that contains all of `parts`.
    #[track_caller]
    pub fn fails(&self, parts: &[&str]) {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        assert_eq!(self.code(), Some(2), "{}\n{stdout}\n{stderr}", self.what);
        assert_eq!(stdout, "", "{}", self.what);
        assert!(stderr.contains("error: "), "{}\n{stderr}", self.what);
        assert!(!stderr.contains("panicked"), "{}\n{stderr}", self.what);
        for part in parts {
            assert!(stderr.contains(part), "{}: no {part:?} in\n{stderr}", self.what);
        }
    }
}

/// A small net, as TOML and with weights, and PyTorch's outputs for an input.
pub struct Tiny {
    pub folder: tempfile::TempDir,
    /// The net's description.
    pub net: PathBuf,
    /// Its weights under the published names, without metadata.
    pub weights: PathBuf,
    /// `input`, `logits` and `features.N`.
    pub io: PathBuf,
}

impl Tiny {
    /// Writes the files into a folder of their own.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [net, weights, io] =
            ["tiny.toml", "weights.safetensors", "io.safetensors"].map(|f| folder.path().join(f));
        std::fs::copy(engine_golden("tiny.toml"), &net).unwrap();
        let all = seesaw_format::load(&engine_golden("tiny.safetensors")).unwrap().tensors;
        let part = |pick: &dyn Fn(&str) -> Option<String>| -> seesaw_format::Tensors {
            all.iter().filter_map(|(name, t)| Some((pick(name)?, t.clone()))).collect()
        };
        let named = part(&|name| name.strip_prefix("weights.").map(str::to_owned));
        let rest = part(&|name| (!name.starts_with("weights.")).then(|| name.to_owned()));
        for (path, tensors) in [(&weights, named), (&io, rest)] {
            let precision = seesaw_format::StoredPrecision::F32;
            seesaw_format::safetensors::write(path, &tensors, None, precision).unwrap();
        }
        Self { folder, net, weights, io }
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The weights with metadata and the class names `class 0`, `class 1` and so on.
    pub fn imported(&self) -> PathBuf {
        let (labels, output) = (self.path("labels.txt"), self.path("tiny.safetensors"));
        let names: String = (0..7).map(|class| format!("class {class}\n")).collect();
        std::fs::write(&labels, names).unwrap();
        seesaw(args!["import", self.weights, output, "--net", self.net, "--labels", labels]).ok();
        output
    }
}

/// A BMP of one color, `side` pixels wide and high.
pub fn bmp(side: u32, color: [u8; 3]) -> Vec<u8> {
    seesaw_testing::bmp(side, side, color)
}
