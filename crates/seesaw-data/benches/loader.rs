//! Images per second that one core decodes, augments and puts into batches.
//!
//! `cargo bench -p seesaw-data --bench loader -- DATASET SIZE CROP` with `resized` or `padded` for
//! CROP prints one figure. Photos are decoded each time; with `kept`, they are decoded in an epoch that is
//! not timed and then come from memory, as in training. Without arguments, the data are noise in the
//! layout of CIFAR-10. `bench/loader/compare.py` compares the loader with torchvision's.
#![allow(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::{error::Error, fs, path::Path, sync::Arc, time::Instant};

use seesaw_arch::Preprocess;
use seesaw_data::{
    Augment, Loader, LoaderOptions,
    augment::Crop,
    datasets::{OpenOptions, open},
};

/// Long enough for a steady figure, short enough to alternate with a peer.
const SECONDS: f64 = 3.0;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match &arguments[..] {
        [] => {
            let folder = tempfile::tempdir()?;
            make_cifar(folder.path())?;
            time(folder.path(), 32, Crop::Padded, false)
        }
        [path, size, crop, kept @ ..] => {
            let crop = if crop == "padded" { Crop::Padded } else { Crop::Resized };
            time(Path::new(path), size.parse()?, crop, kept == ["kept"])
        }
        _ => Err("arguments: DATASET SIZE padded|resized [kept]".into()),
    }
}

fn time(path: &Path, size: u32, crop: Crop, kept: bool) -> Result<(), Box<dyn Error>> {
    let mut options = OpenOptions::new().val_split(0.0);
    if !kept {
        options.cache_bytes = 0;
    }
    let dataset = Arc::new(open(path, &options)?.train);
    let augment = Augment { crop, scale: [0.35, 1.0], flip: true, ..Augment::default() };
    let preprocess = Preprocess { crop: size, ..Preprocess::imagenet(size) };
    let options = LoaderOptions::train(&preprocess, 64, augment, 0);
    let loader = Loader::new(dataset, options.workers(0))?;
    if kept {
        loader.epoch(0, 0).try_for_each(|batch| batch.map(drop))?;
    }
    let (mut images, mut sum) = (0, 0.0);
    let start = Instant::now();
    for epoch in 0.. {
        for batch in loader.epoch(epoch, 0) {
            let batch = batch?;
            images += batch.len();
            sum += f64::from(batch.images[0]);
            let seconds = start.elapsed().as_secs_f64();
            if seconds > SECONDS {
                std::hint::black_box(sum);
                println!("{{\"images_per_second\": {:.1}}}", images as f64 / seconds);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// 2,400 images of noise in the layout of CIFAR-10: their content does not affect the time.
fn make_cifar(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut state = 1_u32;
    let mut record = |n: usize| {
        let mut record = vec![(n % 10) as u8];
        record.extend((0..3072).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        record
    };
    for name in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ] {
        let bytes: Vec<u8> = (0..400).flat_map(&mut record).collect();
        fs::write(folder.join(name).with_extension("bin"), bytes)?;
    }
    fs::write(folder.join("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n")?;
    Ok(())
}
