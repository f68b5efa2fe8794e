//! `seesaw train`: from a data set to a model.

mod defaults;
mod recipes;
mod watch;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use seesaw_train::{
    net::Precision,
    recipe::Recipe,
    run::{Best, RunFolder},
    trainer::{self, Machine, Start, Trainer},
};

use crate::{
    args::{RecipeArgs, TrainArgs},
    commands::Outcome,
    failure::{self, Failure},
    output,
};

use defaults::Defaults;
use watch::Watch;

/// How processes end that a Ctrl-C ends, by the shells' convention.
const INTERRUPTED: i32 = 130;

pub fn run(args: &TrainArgs) -> Result<Outcome, Failure> {
    if args.list_recipes {
        recipes::list()?;
        return Ok(Outcome::Complete);
    }
    if let (true, Some(recipe)) = (args.show_recipe, &args.recipe.recipe) {
        recipes::show(&recipe_of(recipe, &args.recipe)?)?;
        return Ok(Outcome::Complete);
    }
    let machine = Machine {
        threads: args.threads.count(),
        save_steps: args.checkpoint_every,
        ..Machine::default()
    };
    let mut watch = Watch::new(args.json);
    let trainer = match &args.resume {
        Some(run) => Trainer::resume(run, machine, &mut |event| watch.on(event)),
        None => {
            let start = start(args)?;
            if args.show_recipe {
                recipes::show(&start.recipe)?;
                return Ok(Outcome::Complete);
            }
            Trainer::start(&start, machine, &mut |event| watch.on(event))
        }
    };
    let mut trainer = trainer.map_err(Failure::new)?;
    watch.introduce(trainer.config(), trainer.folder(), trainer.progress());
    warn_of_slow(trainer.config().recipe.precision);
    let stop = stop_at_ctrl_c()?;
    let outcome = trainer.run(&stop, &mut |event| watch.on(event)).map_err(Failure::new)?;
    watch.finish()?;
    finish(outcome, trainer.folder(), trainer.progress().best, args.json)
}

/// Says that bf16 is slow here, where it is.
pub fn warn_of_slow(precision: Precision) {
    // What the environment may say wrongly was reported when the net was made.
    let fast =
        seesaw_kernels::Machine::from_env(1).is_ok_and(|machine| machine.token().bf16().is_some());
    if precision == Precision::Bf16 && !fast {
        failure::warn("this processor does not multiply bf16; `--precision f32` is faster here");
    }
}

/// What a new run is begun with.
fn start(args: &TrainArgs) -> Result<Start, Failure> {
    // Clap asks for it, unless there is another task.
    let Some(data) = &args.data else { return Err(Failure::new("`--data` is missing")) };
    let defaults = Defaults::of(args, data)?;
    let recipe = recipe_of(&defaults.recipe, &args.recipe)?;
    let out = out(args.out.as_deref(), data)?;
    Ok(Start {
        init: args.init.clone(),
        teacher: args.teacher.clone(),
        limit: args.limit,
        ..Start::new(data, defaults.net, recipe, out)
    })
}

/// The recipe of that name, with the changes asked for.
fn recipe_of(name: &str, args: &RecipeArgs) -> Result<Recipe, Failure> {
    let mut recipe = Recipe::load(name).map_err(|error| {
        let failure = Failure::new(error);
        match Path::new(name).exists() {
            true => failure.hint("`--show-recipe` prints a recipe to start from"),
            false => failure,
        }
    })?;
    let mut changes: Vec<(&str, String)> = Vec::new();
    let mut change = |key, value: Option<String>| changes.extend(value.map(|value| (key, value)));
    change("epochs", args.epochs.map(|n| n.to_string()));
    change("batch", args.batch.map(|n| n.to_string()));
    change("seed", args.seed.map(|n| n.to_string()));
    change("precision", args.precision.clone());
    // As Rust's debug text has it, a whole number is still one with a point.
    change("val_split", args.val_split.map(|share| format!("{share:?}")));
    change("sizes", args.input_size.map(|side| format!("[{{ from_epoch = 0, size = {side} }}]")));
    changes.extend(args.set.iter().map(|(key, value)| (key.as_str(), value.clone())));
    let changes: Vec<_> = changes.iter().map(|(key, value)| (*key, value.as_str())).collect();
    recipe.set_all(&changes).map_err(Failure::new)?;
    Ok(recipe)
}

/// The run's folder: the one asked for, which must be new or empty, or the next free one of the
/// data's name.
fn out(asked: Option<&Path>, data: &Path) -> Result<PathBuf, Failure> {
    let is_free = |folder: &Path| match folder.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    let Some(folder) = asked else {
        let data = std::path::absolute(data).map_err(|error| Failure::file(data, error))?;
        let name = data.file_stem().unwrap_or("data".as_ref()).to_string_lossy();
        let mut folder = Path::new("runs").join(&*name);
        let mut number = 2;
        while !is_free(&folder) {
            folder = Path::new("runs").join(format!("{name}-{number}"));
            number += 1;
        }
        return Ok(folder);
    };
    if is_free(folder) {
        return Ok(folder.to_owned());
    }
    let shown = folder.display();
    if folder.is_dir() && RunFolder::new(folder).config().exists() {
        return Err(Failure::file(folder, "holds a run already").hint(format_args!(
            "go on with it by `seesaw train --resume {shown}`, or choose another folder"
        )));
    }
    Err(Failure::file(folder, "not an empty folder").hint("choose another `--out`"))
}

/// Set by the first Ctrl-C; a second one ends the process.
fn stop_at_ctrl_c() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
        output::say("\nfinishing the step to save it; Ctrl-C again ends at once");
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::new(format_args!("no handler for Ctrl-C: {error}")))?;
    Ok(stop)
}

/// Says how the training ended.
fn finish(
    outcome: trainer::Outcome,
    folder: &RunFolder,
    best: Option<Best>,
    json: bool,
) -> Result<Outcome, Failure> {
    let run = folder.path().display();
    match outcome {
        trainer::Outcome::Stopped => {
            output::say(format_args!("saved; go on with: seesaw train --resume {run}"));
            return Ok(Outcome::Interrupted);
        }
        trainer::Outcome::StoppedEarly => {
            output::say("stopped early: no epoch was better for a while");
        }
        trainer::Outcome::Finished => {}
    }
    if let (Some(best), false) = (best, json) {
        let mut out = output::stdout();
        let (top1, epoch, path) = (100.0 * best.top1, best.epoch, folder.best());
        writeln!(out, "best: {top1:.2} % right, epoch {epoch}: {}", path.display())?;
        out.flush()?;
    }
    Ok(Outcome::Complete)
}
