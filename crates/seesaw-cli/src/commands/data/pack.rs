//! `seesaw data pack`: many photos in few files.

use std::{io::Write, path::Path};

use indicatif::ProgressBar;
use seesaw_data::datasets::{
    PackedFacts,
    pack::{PackError, PackEvent, PackReport, pack},
};
use serde::Serialize;

use crate::{
    args::DataPackArgs,
    commands::{Outcome, check::NAMED, training::Stop},
    failure::{self, Failure},
    output,
};

pub fn run(args: &DataPackArgs) -> Result<Outcome, Failure> {
    let stop = Stop::at_signals("stopping")?;
    let mut progress = Progress::default();
    let packed = pack(&args.data, &args.out, &args.options(), stop.asked(), &mut |event| {
        progress.on(&event);
    });
    progress.finish();
    match packed {
        Ok(report) => {
            print(args, &report)?;
            let complete = report.facts.left_out == 0;
            Ok(if complete { Outcome::Complete } else { Outcome::SomeFailed })
        }
        Err(stopped @ PackError::Stopped { .. }) => {
            output::say(stopped);
            Ok(Outcome::Interrupted(stop.exit_code()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows how far packing is, and what is wrong with photos.
#[derive(Default)]
struct Progress {
    bar: Option<ProgressBar>,
    left_out: usize,
}

impl Progress {
    fn on(&mut self, event: &PackEvent<'_>) {
        match *event {
            PackEvent::Note(sentence) => failure::warn(sentence),
            PackEvent::Resumed(images) => {
                let images = output::thousands(images as u64);
                output::say(format_args!("{images} images are packed already"));
            }
            PackEvent::LeftOut { path, reason } => self.left_out(path, reason),
            PackEvent::Done { images, total } => {
                let bar =
                    self.bar.get_or_insert_with(|| output::bar(total as u64, "images packed"));
                bar.set_position(images as u64);
            }
            _ => {}
        }
    }

    fn left_out(&mut self, path: &Path, reason: &str) {
        self.left_out += 1;
        if self.left_out <= NAMED {
            let warn = || failure::warn(format_args!("{}: left out: {reason}", path.display()));
            match &self.bar {
                Some(bar) => bar.suspend(warn),
                None => warn(),
            }
        }
    }

    fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
        if self.left_out > NAMED {
            failure::warn(format_args!("{} broken images left out", self.left_out));
        }
    }
}

/// What was packed, as `--json` prints it.
#[derive(Serialize)]
struct Packed {
    data: String,
    out: String,
    /// Images that were packed by an earlier, interrupted command.
    resumed: usize,
    #[serde(flatten)]
    facts: Facts,
}

/// How images are stored, as `--json` prints it.
#[derive(Serialize)]
pub struct Facts {
    images: usize,
    shrunk: usize,
    left_out: usize,
    shards: usize,
    bytes: u64,
    shorter_side: Option<u32>,
    quality: u8,
}

impl From<PackedFacts> for Facts {
    fn from(facts: PackedFacts) -> Self {
        let PackedFacts { images, shrunk, left_out, shards, bytes, .. } = facts;
        let PackedFacts { shorter_side, quality, .. } = facts;
        Self { images, shrunk, left_out, shards, bytes, shorter_side, quality }
    }
}

fn print(args: &DataPackArgs, report: &PackReport) -> Result<(), Failure> {
    let facts: Facts = report.facts.into();
    let (data, out) = (args.data.display().to_string(), args.out.display().to_string());
    if args.json {
        return output::json(&Packed { data, out, resumed: report.resumed, facts });
    }
    let mut stdout = output::stdout();
    writeln!(stdout, "{out}: {}", facts.sentence())?;
    Ok(stdout.flush()?)
}

impl Facts {
    /// The same for people.
    pub fn sentence(&self) -> String {
        let [images, shards, shrunk, as_they_were, left_out] =
            [self.images, self.shards, self.shrunk, self.images - self.shrunk, self.left_out]
                .map(|n| output::thousands(n as u64));
        let bytes = output::bytes(self.bytes);
        let files = if self.shards == 1 { "file" } else { "files" };
        let stored = match self.shorter_side {
            Some(side) if self.shrunk > 0 => format!(
                "{shrunk} shrunk to a shorter side of {side} pixels (JPEG, quality {}), \
                 {as_they_were} as they were",
                self.quality
            ),
            _ => "all as they were".to_owned(),
        };
        let broken =
            if self.left_out > 0 { format!(", {left_out} left out") } else { String::new() };
        format!("{images} images in {shards} {files} of {bytes} together: {stored}{broken}")
    }
}
