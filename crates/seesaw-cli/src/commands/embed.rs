//! `seesaw embed`: the features of photos.

mod file;

use std::{
    io::Write,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use seesaw::{Builder, Classifier, similarity::Rows};
use serde::Serialize;

use crate::{
    args::EmbedArgs,
    commands::{Outcome, photos, predict},
    failure::{self, Failure},
    model, output, resolve,
};

use file::Features;

/// Two photos that look alike, as `--json` prints them.
#[derive(Serialize)]
struct Similar<'a> {
    similarity: f32,
    photos: [&'a str; 2],
}

pub fn run(args: &EmbedArgs) -> Result<Outcome, Failure> {
    if let Some(path) = &args.out {
        output::check_file(path, &["safetensors", "npy", "csv"])?;
    }
    let model = predict::load(args.weights.as_deref(), &args.net)?;
    let preprocess = model::preprocess(&model, &args.sizes)?;
    let found = photos::find(&args.paths, [None; 2])?;
    let batch = args.batch.min(found.photos.len().max(1));
    resolve::check_batch(batch, preprocess.crop as usize)?;
    let machine = args.threads.machine()?;
    let classifier = Builder::new(&machine).batch(batch).preprocess(preprocess).build(model)?;
    let (features, failed) = embed(&classifier, &found.photos)?;
    if let Some(path) = &args.out {
        features.write(path)?;
    }
    if let Some(least) = args.near_duplicates {
        print_similar(args, features, least as f32, machine.threads())?;
    }
    found.report_skipped();
    if failed > 0 {
        let photos = found.photos.len();
        failure::warn(format_args!("{failed} of {photos} photos could not be read"));
    }
    let complete = failed + found.problems == 0;
    Ok(if complete { Outcome::Complete } else { Outcome::SomeFailed })
}

/// The features of the photos that can be read, and how many cannot.
fn embed(classifier: &Classifier, photos: &[PathBuf]) -> Result<(Features, usize), Failure> {
    let bar = output::bar(photos.len() as u64, "photos");
    let mut features = Features::new(classifier.net().head.channels);
    let mut failed = 0;
    classifier.embed_files(photos, |path, row| {
        match row {
            Ok(row) if row.iter().all(|x| x.is_finite()) => features.push(path, row),
            Ok(_) => {
                return Err(Failure::new(
                    "the net's output is not finite; its weights are damaged",
                ));
            }
            Err(error) => {
                failed += 1;
                bar.suspend(|| failure::error(format_args!("{}: {error}", path.display())));
            }
        }
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    if features.is_empty() {
        let count = photos.len();
        return Err(Failure::new(format_args!("none of {count} photos could be read")));
    }
    Ok((features, failed))
}

fn print_similar(
    args: &EmbedArgs,
    features: Features,
    least: f32,
    threads: usize,
) -> Result<(), Failure> {
    let Features { photos, channels, values } = features;
    let rows = Rows::new(values, channels);
    let bar = output::bar(photos.len() as u64, "photos compared");
    let most = AtomicUsize::new(0);
    let progress = |done: usize| {
        let before = most.fetch_max(done, Ordering::Relaxed);
        bar.set_position(before.max(done) as u64);
    };
    let pairs = rows.similar(least, threads, &progress);
    bar.finish_and_clear();
    let mut out = output::stdout();
    for pair in &pairs {
        let (first, second) = (&photos[pair.first], &photos[pair.second]);
        if args.json {
            let similar = Similar { similarity: pair.similarity, photos: [first, second] };
            serde_json::to_writer(&mut out, &similar).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{:.3}  {first}  {second}", pair.similarity)?;
        }
    }
    out.flush()?;
    if pairs.is_empty() {
        output::say(format_args!("no two of the photos have a similarity of {least} or more"));
    }
    Ok(())
}
