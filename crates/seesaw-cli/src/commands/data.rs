//! `seesaw data`: downloading data sets, and showing what they hold.

use std::io::Write;

use indicatif::ProgressBar;
use seesaw_data::{
    Dataset,
    datasets::{OpenOptions, open},
    download::{self, Progress},
};
use serde::Serialize;

use crate::{
    args::{Cifar10Args, DataArgs, DataCommand, DataInfoArgs},
    commands::{Outcome, check},
    failure::Failure,
    output::{self, Align, Table},
};

pub fn run(args: &DataArgs) -> Result<Outcome, Failure> {
    match &args.command {
        DataCommand::Cifar10(args) => cifar10(args),
        DataCommand::Info(args) => info(args),
    }
}

fn cifar10(args: &Cifar10Args) -> Result<Outcome, Failure> {
    let mut bar = None;
    let mut progress = |progress: Progress| match progress {
        Progress::Downloading { done, total } => {
            let bar = bar.get_or_insert_with(|| output::bytes_bar(total));
            bar.set_position(done);
        }
        Progress::Checking => {
            bar.take().iter().for_each(ProgressBar::finish_and_clear);
            output::say("checking the archive");
        }
        Progress::Unpacking(name) => output::say(format_args!("unpacking {name}")),
        _ => {}
    };
    let done = download::cifar10(&args.folder, args.url.as_deref(), &mut progress);
    bar.iter().for_each(ProgressBar::finish_and_clear);
    let folder = done?;
    let mut out = output::stdout();
    writeln!(out, "{}", folder.display())?;
    out.flush()?;
    Ok(Outcome::Complete)
}

/// A data set, as `--json` prints it.
#[derive(Serialize)]
struct Info {
    data: String,
    kind: String,
    train: usize,
    val: usize,
    /// How many images cannot be decoded; unknown without `--check`.
    broken: Option<usize>,
    classes: Vec<Class>,
}

#[derive(Serialize)]
struct Class {
    class: String,
    train: usize,
    val: usize,
}

fn info(args: &DataInfoArgs) -> Result<Outcome, Failure> {
    // No image is read twice.
    let options = OpenOptions::new().val_split(args.val_split).cache_bytes(0);
    let mut parts = open(&args.data, &options)?;
    let mut broken = None;
    if args.check {
        for part in [&mut parts.train, &mut parts.val] {
            let threads = args.threads.count();
            *broken.get_or_insert(0) += check::verify(part, threads, "images checked")?;
        }
    }
    let info = Info {
        data: args.data.display().to_string(),
        kind: parts.kind.to_string(),
        train: parts.train.len(),
        val: parts.val.len(),
        broken,
        classes: classes(&parts.train, &parts.val),
    };
    if args.json {
        output::json(&info)?;
    } else {
        info.print()?;
    }
    Ok(if broken.unwrap_or(0) == 0 { Outcome::Complete } else { Outcome::SomeFailed })
}

fn classes(train: &Dataset, val: &Dataset) -> Vec<Class> {
    let counts = train.class_counts().into_iter().zip(val.class_counts());
    let names = train.classes().iter().cloned();
    names.zip(counts).map(|(class, (train, val))| Class { class, train, val }).collect()
}

impl Info {
    fn print(&self) -> Result<(), Failure> {
        let mut out = output::stdout();
        let [train, val] = [self.train, self.val].map(|n| output::thousands(n as u64));
        writeln!(
            out,
            "{}: {}, {} classes, {train} training images, {val} validation images",
            self.data,
            self.kind,
            self.classes.len()
        )?;
        if let Some(broken) = self.broken {
            writeln!(out, "{} broken images", output::thousands(broken as u64))?;
        }
        writeln!(out)?;
        let mut table =
            Table::new([("class", Align::Left), ("train", Align::Right), ("val", Align::Right)]);
        for Class { class, train, val } in &self.classes {
            table.row([class.clone(), train.to_string(), val.to_string()]);
        }
        table.write(&mut out)?;
        Ok(out.flush()?)
    }
}
