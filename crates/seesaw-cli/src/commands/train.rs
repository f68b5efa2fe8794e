//! `seesaw train`: from a data set to a model.

mod defaults;

use std::path::{Path, PathBuf};

use seesaw_train::{
    recipe::Recipe,
    run::RunFolder,
    trainer::{Choice, Start, Trainer},
};

use crate::{
    args::{StartArgs, TrainArgs},
    commands::{Outcome, recipes, resume, training},
    failure::Failure,
};

use defaults::choice;

pub fn run(args: &TrainArgs) -> Result<Outcome, Failure> {
    if let Some(folder) = &args.old.resume {
        if let Some(epochs) = args.changes.epochs {
            let run = folder.display();
            return Err(Failure::new("`train --resume` cannot be used with `--epochs`").hint(
                format_args!("`seesaw resume {run} --epochs {epochs}` goes on to {epochs} epochs"),
            ));
        }
        return resume::resume(folder, resume::Changes::default(), &args.execution);
    }
    if args.old.list_recipes {
        recipes::list()?;
        return Ok(Outcome::Complete);
    }
    if args.old.show_recipe {
        recipes::show(&recipe(args)?)?;
        return Ok(Outcome::Complete);
    }
    training::train(&args.execution, || {
        let start = start(args)?;
        Ok(Box::new(move |machine, options, on| Trainer::start(&start, machine, options, on)))
    })
}

/// The recipe by itself, which needs no data set where its name is given.
fn recipe(args: &TrainArgs) -> Result<Recipe, Failure> {
    match &args.start.recipe {
        Some(name) => recipes::load(name, &args.changes),
        None => Ok(choice(&args.start, &args.changes, data(&args.start)?)?.recipe),
    }
}

/// What a new run starts from.
fn start(args: &TrainArgs) -> Result<Start, Failure> {
    let StartArgs { out, graft, teacher, unlabeled, limit, .. } = &args.start;
    let data = data(&args.start)?;
    let Choice { net, init, recipe } = choice(&args.start, &args.changes, data)?;
    let out = match out {
        Some(folder) => unused(folder)?,
        None => next_free(data)?,
    };
    let mut start = Start::new(data, net, recipe, out);
    start.init = init;
    start.graft.clone_from(graft);
    start.teacher.clone_from(teacher);
    start.unlabeled = *unlabeled;
    start.limit = *limit;
    Ok(start)
}

fn data(args: &StartArgs) -> Result<&Path, Failure> {
    args.data.as_deref().ok_or_else(|| Failure::new("`--data` is missing"))
}

/// The folder, which must be new or empty.
fn unused(folder: &Path) -> Result<PathBuf, Failure> {
    if is_free(folder) {
        return Ok(folder.to_owned());
    }
    let shown = folder.display();
    if folder.is_dir() && RunFolder::new(folder).config().exists() {
        return Err(Failure::file(folder, "already holds a run").hint(format_args!(
            "`seesaw resume {shown}` continues it; or choose another `--out`"
        )));
    }
    Err(Failure::file(folder, "not an empty folder").hint("choose another `--out`"))
}

/// The first free folder `runs/NAME`, `runs/NAME-2` and so on, of the data set's name.
fn next_free(data: &Path) -> Result<PathBuf, Failure> {
    let data = std::path::absolute(data).map_err(|error| Failure::file(data, error))?;
    let name = data.file_stem().unwrap_or("data".as_ref()).to_string_lossy();
    let mut folder = Path::new("runs").join(&*name);
    let mut number = 2;
    while !is_free(&folder) {
        folder = Path::new("runs").join(format!("{name}-{number}"));
        number += 1;
    }
    Ok(folder)
}

/// Whether a folder is empty or does not exist.
fn is_free(folder: &Path) -> bool {
    match folder.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
