//! Images per second from a data set and from its packed form, with nothing in the system's caches.
//!
//! `cargo bench -p seesaw-data --bench packed -- DATA PACKED THREADS ROUNDS` alternates between the two and
//! prints a line for each epoch. An epoch reads each training image once, in the order of training:
//! `read` without decoding, `blocks` the same in the order of blocks, which a folder does not have, and
//! `train` through the loader. Caches are dropped before the data set is opened,
//! which takes root on Linux; elsewhere the lines say that they are warm. Without arguments, it runs on
//! four images, to show that it works.
#![allow(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::{
    error::Error,
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use seesaw_arch::Preprocess;
use seesaw_data::{
    Augment, Dataset, Loader, LoaderOptions,
    augment::Crop,
    datasets::{OpenOptions, open},
};

/// Images that are read ahead at a time.
const WINDOW: usize = 4096;
/// Pixels of the batches' images.
const SIZE: u32 = 128;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match &arguments[..] {
        [] => {
            let folder = tempfile::tempdir()?;
            for name in ["a/1.bmp", "a/2.bmp", "b/1.bmp", "b/2.bmp"] {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().expect("it is in a class folder"))?;
                fs::write(path, seesaw_testing::bmp(8, 8, [1, 2, 3]))?;
            }
            alternate([folder.path(); 2], 1, 1)
        }
        [data, packed, threads, rounds] => {
            alternate([data.as_ref(), packed.as_ref()], threads.parse()?, rounds.parse()?)
        }
        _ => Err("arguments: DATA PACKED THREADS ROUNDS".into()),
    }
}

fn alternate(paths: [&Path; 2], threads: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    for _ in 0..rounds {
        for (path, what) in
            paths.into_iter().flat_map(|p| ["read", "blocks", "train"].map(|w| (p, w)))
        {
            let caches = if drop_caches() { "dropped" } else { "warm" };
            let start = Instant::now();
            let options = OpenOptions::new().val_split(0.0).cache_bytes(0);
            let loader = loader(open(path, &options)?.train, threads, what == "blocks")?;
            let opened = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let images = if what == "train" { train(&loader)? } else { read(&loader, threads)? };
            println!(
                "{{\"data\": {path:?}, \"what\": \"{what}\", \"threads\": {threads}, \"caches\": \
                 \"{caches}\", \"open_seconds\": {opened:.3}, \"images_per_second\": {:.0}}}",
                images as f64 / start.elapsed().as_secs_f64()
            );
        }
    }
    Ok(())
}

/// Whether nothing of any file is in memory now.
fn drop_caches() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

/// The loader of a training.
fn loader(dataset: Dataset, threads: usize, blocks: bool) -> Result<Loader, Box<dyn Error>> {
    let augment =
        Augment { crop: Crop::Resized, scale: [0.35, 1.0], flip: true, ..Augment::default() };
    let batch = dataset.len().min(64);
    let options = LoaderOptions::train(&Preprocess::imagenet(SIZE), batch, augment, 1);
    let options = options.workers(threads).ahead(2 * threads).blocks(blocks);
    Ok(Loader::new(Arc::new(dataset), options)?)
}

/// Reads each image once, in the order of training; ahead of that, as the loader does, window after window.
fn read(loader: &Loader, threads: usize) -> Result<usize, Box<dyn Error>> {
    let dataset = loader.dataset();
    let order: Vec<usize> = loader.order(0).into_iter().map(|index| index as usize).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<usize, String> {
        let mut bytes = 0;
        while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let encoded = dataset.encoded(index).map_err(|error| error.to_string())?;
            bytes += encoded.map_or(0, |encoded| encoded.len());
        }
        Ok(bytes)
    };
    let ahead = || {
        let mut start = 0;
        for window in order.chunks(WINDOW) {
            // One window ahead of the threads that need it.
            while next.load(Ordering::Relaxed) + WINDOW < start {
                thread::sleep(Duration::from_micros(100));
            }
            dataset.read_ahead(window.iter().copied(), &|| false);
            start += window.len();
        }
    };
    let bytes: Result<Vec<usize>, String> = thread::scope(|scope| {
        scope.spawn(ahead);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    std::hint::black_box(bytes?);
    Ok(dataset.len())
}

/// An epoch of batches.
fn train(loader: &Loader) -> Result<usize, Box<dyn Error>> {
    let mut images = 0;
    for batch in loader.epoch(0, 0) {
        images += batch?.len();
    }
    Ok(images)
}
