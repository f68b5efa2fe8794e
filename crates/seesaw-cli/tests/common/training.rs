//! A small data set, a small net and a short recipe.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{Run, Tiny, args, bmp, seesaw};

/// Photos of three colors, each a class of its own, to train a tiny net on.
pub struct Album {
    tiny: Tiny,
    /// The data set: one folder of class folders.
    pub data: PathBuf,
    /// The net's description.
    pub net: PathBuf,
    /// The recipe.
    pub recipe: PathBuf,
}

/// Everything random is in it: order, augmentation, mixing, dropout.
const RECIPE: &str = r#"
epochs = 16
batch = 8
accumulate = 2
seed = 3
clip = 5.0
dropout = 0.2
center = 1.0

[optimizer]
kind = "sgd"
rate = 0.05
nesterov = true
weight_decay = 1e-4

[schedule]
kind = "cosine"
warmup = 1.0

[augment]
crop = "resized"
flip = true
mixup = 0.2

[ema]
decay = 0.9
"#;

/// The classes with their colors.
pub const COLORS: [(&str, [u8; 3]); 3] =
    [("blue", [30, 40, 220]), ("green", [40, 200, 30]), ("red", [210, 30, 50])];

impl Album {
    /// Forty photos a class, of shades and sizes of their own.
    pub fn new() -> Self {
        let tiny = Tiny::new();
        let data = tiny.path("album");
        for (class, color) in COLORS {
            std::fs::create_dir_all(data.join(class)).unwrap();
            for photo in 0..40_u8 {
                let shade = color.map(|sample| sample.saturating_add(photo));
                let bytes = bmp(20 + u32::from(photo % 5), shade);
                std::fs::write(data.join(class).join(format!("{photo:02}.bmp")), bytes).unwrap();
            }
        }
        let recipe = tiny.path("recipe.toml");
        std::fs::write(&recipe, RECIPE).unwrap();
        Self { data, net: tiny.net.clone(), recipe, tiny }
    }

    /// The path of a file in the same folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.tiny.path(name)
    }

    /// The arguments of a training into the folder of that name.
    pub fn training(&self, run: &str, more: &[&str]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = args![
            "train",
            "--data",
            self.data,
            "--net",
            self.net,
            "--recipe",
            self.recipe,
            "--out",
            self.path(run),
            "--threads",
            "2",
        ]
        .into();
        arguments.extend(more.iter().map(Into::into));
        arguments
    }

    /// Trains.
    pub fn train(&self, run: &str, more: &[&str]) -> Run {
        seesaw(self.training(run, more))
    }
}

/// Steps that a run's checkpoint holds; `None` while there is no checkpoint.
pub fn steps(run: &Path) -> Option<u64> {
    let bytes = std::fs::read(run.join("checkpoint.safetensors")).ok()?;
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let progress = header["__metadata__"]["seesaw-run"].as_str().unwrap();
    serde_json::from_str::<serde_json::Value>(progress).unwrap()["step"].as_u64()
}
