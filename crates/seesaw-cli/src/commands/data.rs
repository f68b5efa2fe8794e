//! `seesaw data`: downloading data sets, packing them, and showing what they hold.

mod pack;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::Write,
};

use indicatif::ProgressBar;
use seesaw_data::{
    Dataset,
    datasets::{Content, OpenOptions, Part, Splits, Verify, open},
    download::{self, Progress},
};
use serde::Serialize;

use crate::{
    args::{Cifar10Args, DataArgs, DataCommand, DataInfoArgs},
    commands::{Outcome, check},
    failure::{self, Failure},
    output::{self, Align, Table},
};

pub fn run(args: &DataArgs) -> Result<Outcome, Failure> {
    match &args.command {
        DataCommand::Cifar10(args) => cifar10(args),
        DataCommand::Info(args) => info(args),
        DataCommand::Pack(args) => pack::run(args),
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
    test: usize,
    /// Whether the validation images are held out from those for training.
    held_out: bool,
    /// How many images cannot be decoded; unknown without `--check`.
    broken: Option<usize>,
    /// How many validation and test images are copies of training images; unknown without `--check`.
    copies: Option<usize>,
    /// How many images have copies in another class; unknown without `--check`.
    contradictions: Option<usize>,
    /// How many images are nearly black; unknown without `--check`.
    dark: Option<usize>,
    /// How many images match their checksums; unknown without `--verify`.
    verified: Option<usize>,
    /// How the images are stored in a packed data set.
    packed: Option<pack::Facts>,
    /// How the layout was understood, and what is not used.
    notes: Vec<String>,
    /// Files that were not looked at, by extension.
    skipped: BTreeMap<String, usize>,
    /// Hidden files and folders of systems, which are ignored.
    leftovers: usize,
    classes: Vec<Class>,
}

#[derive(Serialize)]
struct Class {
    class: String,
    train: usize,
    val: usize,
    test: usize,
}

/// What decoding every image showed.
#[derive(Default)]
struct Checked {
    broken: usize,
    copies: usize,
    contradictions: usize,
    dark: usize,
}

fn info(args: &DataInfoArgs) -> Result<Outcome, Failure> {
    // No image is read twice.
    let options =
        OpenOptions::new().val_split(args.val_split).group_by(args.group_by.clone()).cache_bytes(0);
    let mut splits = open(&args.data, &options)?;
    let checked =
        args.check.then(|| Checked::new(&mut splits, args.threads.count())).transpose()?;
    let verified = args.verify.then(|| verify_checksums(args, &splits)).transpose()?;
    let info = Info { verified, ..Info::new(args, &splits, checked.as_ref()) };
    if args.json {
        output::json(&info)?;
    } else {
        info.print()?;
    }
    let complete = checked.is_none_or(|checked| checked.broken == 0);
    Ok(if complete { Outcome::Complete } else { Outcome::SomeFailed })
}

impl Checked {
    /// Drops the images that cannot be decoded.
    fn new(splits: &mut Splits, threads: usize) -> Result<Self, Failure> {
        let mut checked = Self::default();
        let mut trained = HashSet::new();
        let parts = [
            (&mut splits.train, Part::Train),
            (&mut splits.val, Part::Val),
            (&mut splits.test, Part::Test),
        ];
        for (dataset, part) in parts {
            let how = Verify::new(threads).part(part);
            let report = check::verify(dataset, how, "images checked")?;
            checked.broken += report.broken.len();
            checked.dark += report.dark.len();
            let contents = report.entries.iter().filter(|e| e.broken.is_empty()).map(|e| e.content);
            if part == Part::Train {
                trained.extend(contents);
            } else {
                checked.copies += contents.filter(|content| trained.contains(content)).count();
            }
        }
        checked.contradictions = contradictions(splits)?;
        Ok(checked)
    }
}

/// How many images of a packed data set match their checksums, which is all of them.
fn verify_checksums(args: &DataInfoArgs, splits: &Splits) -> Result<usize, Failure> {
    let Some(packed) = splits.packed else {
        let what = "this data set is not packed, and has no checksums";
        return Err(Failure::file(&args.data, what).hint("`--check` decodes every image"));
    };
    let bar = output::bar(packed.images as u64, "images compared");
    let mut verified = 0;
    for dataset in [&splits.train, &splits.val, &splits.test] {
        verified += dataset.verify_checksums(args.threads.count(), &|_| bar.inc(1))?;
    }
    bar.finish_and_clear();
    Ok(verified)
}

/// How many images of all parts have the same content as an image of another class.
fn contradictions(splits: &Splits) -> Result<usize, Failure> {
    let mut labels = HashMap::<Content, Vec<u32>>::new();
    for dataset in [&splits.train, &splits.val, &splits.test] {
        for index in 0..dataset.len() {
            if let Some(content) = dataset.content(index)? {
                labels.entry(content).or_default().push(dataset.label(index)?);
            }
        }
    }
    let several = |labels: &&Vec<u32>| labels.iter().any(|label| *label != labels[0]);
    Ok(labels.values().filter(several).map(Vec::len).sum())
}

impl Info {
    fn new(args: &DataInfoArgs, splits: &Splits, checked: Option<&Checked>) -> Self {
        let counts = [&splits.train, &splits.val, &splits.test].map(Dataset::class_counts);
        let class = |(index, class): (usize, &String)| {
            let [train, val, test] = [0, 1, 2].map(|part| counts[part][index]);
            Class { class: class.clone(), train, val, test }
        };
        Self {
            data: args.data.display().to_string(),
            kind: splits.kind.to_string(),
            train: splits.train.len(),
            val: splits.val.len(),
            test: splits.test.len(),
            held_out: splits.is_held_out,
            broken: checked.map(|checked| checked.broken),
            copies: checked.map(|checked| checked.copies),
            contradictions: checked.map(|checked| checked.contradictions),
            dark: checked.map(|checked| checked.dark),
            verified: None,
            packed: splits.packed.map(Into::into),
            notes: splits.findings.sentences(),
            skipped: splits.findings.skipped.by_extension().clone(),
            leftovers: splits.findings.skipped.leftovers(),
            classes: splits.train.classes().iter().enumerate().map(class).collect(),
        }
    }

    fn print(&self) -> Result<(), Failure> {
        let mut out = output::stdout();
        let [train, val, test] =
            [self.train, self.val, self.test].map(|n| output::thousands(n as u64));
        let held_out = if self.held_out && self.val > 0 { " held out from them" } else { "" };
        let test = if self.test > 0 { format!(", {test} test images") } else { String::new() };
        writeln!(
            out,
            "{}: {}, {} classes, {train} training images, {val} validation images{held_out}{test}",
            self.data,
            self.kind,
            self.classes.len()
        )?;
        if let Some(packed) = &self.packed {
            writeln!(out, "packed: {}", packed.sentence())?;
        }
        for (count, what) in [
            (self.verified, "images match their checksums"),
            (self.broken, "broken images"),
            (self.copies, "validation and test images are copies of training images"),
            (self.contradictions, "images have copies in another class"),
            (self.dark, "images are nearly black"),
        ] {
            if let Some(count) = count {
                writeln!(out, "{} {what}", output::thousands(count as u64))?;
            }
        }
        if self.leftovers > 0 {
            writeln!(out, "{} hidden files and folders of systems ignored", self.leftovers)?;
        }
        for note in &self.notes {
            failure::warn(note);
        }
        writeln!(out)?;
        let mut table = Table::new([
            ("class", Align::Left),
            ("train", Align::Right),
            ("val", Align::Right),
            ("test", Align::Right),
        ]);
        for Class { class, train, val, test } in &self.classes {
            table.row([class.clone(), train.to_string(), val.to_string(), test.to_string()]);
        }
        table.write(&mut out)?;
        Ok(out.flush()?)
    }
}
