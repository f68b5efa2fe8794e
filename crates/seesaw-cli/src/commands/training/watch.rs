//! The progress of a training: a bar on a terminal, a line per epoch, JSON for machines.

use std::{
    io::{self, Write},
    path::Path,
    time::Instant,
};

use indicatif::{HumanDuration, ProgressBar};
use seesaw_train::{
    run::{Config, EpochRow, Progress, RunFolder},
    trainer::Event,
};
use serde::Serialize;

use crate::{
    commands::check::NAMED,
    failure::{self, Failure},
    output,
};

/// Listens to a training and shows its progress.
pub struct Watch {
    bar: ProgressBar,
    json: bool,
    broken: usize,
    /// Epochs of the whole training, and the current one.
    epochs: usize,
    epoch: usize,
    /// When the epoch was begun or resumed.
    begun: Instant,
    images: usize,
    /// The first error of writing to standard output.
    unwritten: Option<io::Error>,
}

/// What `--json` prints of an epoch.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: &'a EpochRow,
    images_per_second: f64,
}

impl Watch {
    /// Shows nothing until the first event.
    pub fn new(json: bool) -> Self {
        Self {
            bar: output::bar(0, ""),
            json,
            broken: 0,
            epochs: 0,
            epoch: 0,
            begun: Instant::now(),
            images: 0,
            unwritten: None,
        }
    }

    /// Says what is going to be trained.
    pub fn introduce(&mut self, config: &Config, folder: &RunFolder, progress: &Progress) {
        self.clear();
        if self.broken > NAMED {
            failure::warn(format_args!("{} broken images left out", self.broken));
        }
        output::say(format_args!(
            "{}, {} classes, {} training images, {} validation images: {}",
            config.net.name,
            config.net.classes,
            output::thousands(config.data.train_images as u64),
            output::thousands(config.data.val_images as u64),
            folder.path().display(),
        ));
        if progress.step == 0 {
            output::say(format_args!("starts from {}", start_of(config)));
        } else if progress.epoch >= config.recipe.epochs.count() {
            output::say(format_args!(
                "all {} epochs are done; `seesaw resume {} --epochs N` trains for more",
                progress.epoch,
                folder.path().display()
            ));
        } else {
            let epoch = progress.epoch + 1;
            output::say(format_args!("resuming after step {}, in epoch {epoch}", progress.step));
        }
    }

    /// Shows an event.
    pub fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Verifying { part, done, total } => {
                self.advance(done, total, &format!("{part} images checked"));
            }
            Event::Broken { path, reason } => self.broken(path, reason),
            Event::Fitting { done, total } => self.advance(done, total, "features"),
            Event::Note(note) => self.bar.suspend(|| failure::warn(note)),
            Event::EpochBegins { epoch, epochs, batches, done, .. } => {
                (self.epoch, self.epochs) = (epoch, epochs);
                (self.begun, self.images) = (Instant::now(), 0);
                self.restart(batches, &format!("epoch {epoch}/{epochs}"));
                self.bar.set_position(done as u64);
                self.bar.reset_eta();
            }
            Event::Batch { done, images, mean_loss, top1, .. } => {
                self.images += images;
                let rate = self.images as f64 / self.begun.elapsed().as_secs_f64();
                let top1 = 100.0 * top1;
                self.bar.set_position(done as u64);
                self.bar.set_message(format!(
                    "{rate:.0} images/s, loss {mean_loss:.3}, top-1 {top1:.1} %"
                ));
            }
            Event::Validating { done, total } => self.advance(done, total, "validating"),
            Event::EpochEnds { row, images_per_second } => self.epoch_ends(row, images_per_second),
            _ => {}
        }
    }

    fn broken(&mut self, path: &Path, reason: &str) {
        self.broken += 1;
        if self.broken <= NAMED {
            self.bar.suspend(|| {
                failure::warn(format_args!("{}: left out: {reason}", path.display()));
            });
        }
    }

    fn epoch_ends(&mut self, row: &EpochRow, images_per_second: f64) {
        self.clear();
        let left = self.begun.elapsed() * (self.epochs - self.epoch) as u32;
        output::say(format_args!(
            "epoch {}/{}: loss {:.3}, top-1 {:.1} %{}; {images_per_second:.0} images/s{}",
            row.epoch,
            self.epochs,
            row.train_loss,
            100.0 * row.train_top1,
            validation(row).unwrap_or_default(),
            if left.is_zero() { String::new() } else { format!(", {} left", HumanDuration(left)) },
        ));
        if self.json {
            let written = write_line(&Line { row, images_per_second });
            if let Err(error) = written {
                self.unwritten.get_or_insert(error);
            }
        }
    }

    /// Removes the bar.
    ///
    /// # Errors
    /// When a line of JSON could not be written.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.clear();
        self.unwritten.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Shows `done` on a bar of its own, which is replaced when other work begins.
    fn advance(&mut self, done: usize, total: usize, what: &str) {
        if self.bar.prefix() != what {
            self.restart(total, what);
        }
        self.bar.set_position(done as u64);
    }

    fn restart(&mut self, len: usize, what: &str) {
        self.clear();
        self.bar = output::bar(len as u64, what.to_owned());
    }

    fn clear(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What a run started from.
fn start_of(config: &Config) -> String {
    match (&config.run.bundled, &config.run.init) {
        (Some(name), _) => format!("the bundled weights {name}"),
        (None, Some(path)) => format!("the weights {}", path.display()),
        (None, None) => "random weights".to_owned(),
    }
}

fn write_line(line: &Line<'_>) -> io::Result<()> {
    let mut out = output::stdout();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    out.flush()
}

/// The part of an epoch's line about its validation, if it had one.
fn validation(row: &EpochRow) -> Option<String> {
    Some(format!(
        "; validation: loss {:.3}, top-1 {:.2} %, top-5 {:.2} %{}",
        row.val_loss?,
        100.0 * row.val_top1?,
        100.0 * row.val_top5?,
        if row.best { " (best)" } else { "" }
    ))
}
