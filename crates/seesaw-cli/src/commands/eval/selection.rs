//! Which images of a data set are evaluated.

use std::path::Path;

use seesaw_data::{
    Dataset,
    datasets::{Kind, OpenOptions, Part, Register, Splits, open},
};
use seesaw_train::run::{Config, RunFolder};

use crate::{
    args::Split,
    failure::{self, Failure},
    output,
};

/// A run, and the files that it was trained and validated on.
pub struct Run {
    pub config: Config,
    /// Runs of earlier versions have none.
    pub register: Option<Register>,
}

impl Run {
    pub fn new(folder: &RunFolder, config: Config) -> Result<Self, Failure> {
        Ok(Self { config, register: folder.register()? })
    }
}

/// Images to evaluate.
pub struct Selection {
    pub dataset: Dataset,
    /// The part that they are; `None` for a whole data set.
    pub part: Option<Part>,
}

/// A data set to choose images from, and the run of the model if there is one.
pub struct Source<'a> {
    pub data: &'a Path,
    pub run: Option<&'a Run>,
}

/// How many files of a data set a run knows by name, and how many of them have the same length.
#[derive(Clone, Copy, Default)]
struct Known {
    names: usize,
    same: usize,
}

impl Source<'_> {
    /// The images of a part. A run's validation images are the same here as in the run; where nothing
    /// tells which images a net was not trained on, all are taken.
    pub fn select(&self, split: Split) -> Result<Selection, Failure> {
        let splits = open(self.data, &self.options())?;
        splits.findings.sentences().iter().for_each(failure::warn);
        match split {
            Split::Test if !splits.test.is_empty() => return Ok(selection(splits, Part::Test)),
            Split::Test => output::say(format_args!(
                "{} has no test images; its validation images are evaluated",
                self.data.display()
            )),
            Split::Val | Split::Train => {}
        }
        let part = if split == Split::Train { Part::Train } else { Part::Val };
        match self.run {
            _ if !splits.is_held_out => Ok(selection(splits, part)),
            // CIFAR and MNIST are the same everywhere.
            _ if !matches!(splits.kind, Kind::Folders | Kind::List) => Ok(selection(splits, part)),
            None => {
                output::say(
                    "the model is in no run folder, so nothing tells which images it was trained on; \
                     all are evaluated",
                );
                self.whole()
            }
            Some(Run { register: Some(register), .. }) => self.of_register(register, part),
            Some(Run { config, .. }) => self.of_config(splits, config, part),
        }
    }

    /// As the run opens its data set.
    fn options(&self) -> OpenOptions {
        let options = OpenOptions::new().evaluation(true);
        let Some(run) = self.run else { return options };
        let recipe = &run.config.recipe;
        options
            .val_split(recipe.val_split)
            .group_by(recipe.group_by.clone())
            .seed(recipe.split_seed())
    }

    fn whole(&self) -> Result<Selection, Failure> {
        let whole = open(self.data, &OpenOptions::new().evaluation(true).val_split(0.0))?.train;
        Ok(Selection { dataset: whole, part: None })
    }

    /// The images whose names the run knows as those of the part, wherever they lie. Others than the
    /// run's are evaluated as a whole.
    fn of_register(&self, register: &Register, part: Part) -> Result<Selection, Failure> {
        let Selection { mut dataset, .. } = self.whole()?;
        let [train, val] = [Part::Train, Part::Val].map(|part| known(&dataset, register, part));
        let [train, val] = [train?, val?];
        if train.names + val.names == 0 {
            return Ok(Selection { dataset, part: None });
        }
        if train.same + val.same == 0 {
            failure::warn(format_args!(
                "{} of the files have names of training images and other content; if they are \
                 copies of these in another size, the accuracy flatters",
                train.names
            ));
            return Ok(Selection { dataset, part: None });
        }
        let (all, wanted) = (dataset.len(), if part == Part::Train { train } else { val });
        if wanted.names == 0 {
            let what =
                format!("each of its {} images that the run knows was trained on", train.names);
            let hint = "`--split train` measures how well the net knows them";
            return Err(Failure::file(self.data, what).hint(hint));
        }
        let names: Vec<String> =
            (0..all).map(|index| dataset.relative_name(index)).collect::<Result<_, _>>()?;
        dataset.retain(|index| register.get(part, &names[index]).is_some());
        let new = all - train.names - val.names;
        if new > 0 {
            failure::warn(format_args!(
                "{new} of the {all} images are new since the run started and are left out"
            ));
        }
        Ok(Selection { dataset, part: Some(part) })
    }

    /// The same for a run without a list of its files: the split is drawn again, from names alone.
    fn of_config(&self, splits: Splits, config: &Config, part: Part) -> Result<Selection, Failure> {
        let (ours, theirs) = (self.data.canonicalize(), config.data.path.canonicalize());
        let is_same = matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs);
        let counts = (splits.train.len(), splits.val.len());
        let looks_same = counts == (config.data.train_images, config.data.val_images)
            && splits.train.classes() == config.data.classes;
        if is_same || looks_same {
            return Ok(selection(splits, part));
        }
        failure::warn(
            "the run has no list of the files that it was trained on; if some of these images are \
             among them, the accuracy flatters",
        );
        self.whole()
    }
}

fn selection(splits: Splits, part: Part) -> Selection {
    Selection { dataset: splits.into_part(part), part: Some(part) }
}

/// How many images the register knows by name as those of the part.
fn known(dataset: &Dataset, register: &Register, part: Part) -> Result<Known, Failure> {
    let mut known = Known::default();
    for index in 0..dataset.len() {
        let Some(entry) = register.get(part, &dataset.relative_name(index)?) else { continue };
        known.names += 1;
        known.same += usize::from(dataset.file_len(index)? == entry.content.bytes);
    }
    Ok(known)
}
