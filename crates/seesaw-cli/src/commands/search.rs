//! `seesaw search`: the best net of a space at a given cost.

mod report;
mod show;
mod space;

use std::path::{Path, PathBuf};

use seesaw_arch::{Net, space::Space};
use seesaw_kernels::Machine;
use seesaw_search::{
    cost::Goal,
    explore,
    journal::{FORMAT, Header, Settings},
    recipes as trainings,
    run::{self, End, Options},
    search::Search,
};
use seesaw_train::{
    recipe::Recipe,
    trainer::{Choice, SavePolicy, Wishes, choose},
};

use crate::{
    args::{HowArgs, RecipeChanges, SearchArgs, SearchCommand, SpaceArgs, WorkArgs},
    commands::{
        Outcome, recipes,
        training::{stop::Stop, warn_of_slow},
    },
    failure::{self, Failure},
    output,
};

use show::Show;

/// The most trainings at the same time.
const MAX_WORKERS: usize = 256;

pub fn run(args: &SearchArgs) -> Result<Outcome, Failure> {
    if let Some(SearchCommand::Report(args)) = &args.command {
        report::run(args)?;
        return Ok(Outcome::Complete);
    }
    if space::is_asked_for(&args.space) {
        space::print(&args.space, args.how.input_size, args.how.seed)?;
        return Ok(Outcome::Complete);
    }
    let workers = workers(&args.execution)?;
    let search = match (&args.what.resume, &args.what.join) {
        (Some(folder), _) | (None, Some(folder)) => open(folder, args.what.hours)?,
        (None, None) => create(args, workers)?,
    };
    let state = search.state();
    if !state.header.data.exists() && args.what.data.is_none() {
        return Err(Failure::file(&state.header.data, "no such file or folder")
            .hint("say with `--data` where the data set is now, or on this machine"));
    }
    work(&search, args, workers)
}

/// Works on a search until it is over or a signal stops it, and reports what it found.
fn work(search: &Search, args: &SearchArgs, workers: usize) -> Result<Outcome, Failure> {
    let mut options = Options::default();
    options.workers = workers;
    options.data = args.what.data.as_deref().map(absolute).transpose()?;
    options.save = SavePolicy { steps: args.execution.checkpoint_every, ..options.save };
    let stop = Stop::at_signals("finishing the steps to save them")?;
    let show = Show::new(search, args.execution.json);
    show.introduce(workers);
    let ended = run::run(search, &options, stop.asked(), &|event| show.on(event));
    show.finish()?;
    match ended? {
        End::Stopped => {
            let folder = search.folder().display();
            output::say(format_args!("saved; to resume: seesaw search --resume {folder}"));
            Ok(Outcome::Interrupted(stop.exit_code()))
        }
        End::Done => {
            report::finish(search, args.execution.json)?;
            Ok(Outcome::Complete)
        }
    }
}

fn workers(args: &WorkArgs) -> Result<usize, Failure> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match args.workers.unwrap_or(processors.min(MAX_WORKERS)) {
        workers @ 1..=MAX_WORKERS => Ok(workers),
        workers => {
            Err(Failure::new(format_args!("{workers} workers; choose from 1 to {MAX_WORKERS}")))
        }
    }
}

fn open(folder: &Path, hours: Option<f64>) -> Result<Search, Failure> {
    let search = Search::open(folder)?;
    if search.was_cut() {
        failure::warn("removed half a line of the journal, which a killed process had left");
    }
    let state = search.state();
    let version = env!("CARGO_PKG_VERSION");
    if state.header.version != version {
        failure::warn(format_args!(
            "version {} began the search and {version} continues it: proposals may differ",
            state.header.version
        ));
    }
    if let Some(hours) = hours.filter(|hours| *hours != state.hours) {
        search.set_hours(hours)?;
    }
    Ok(search)
}

fn create(args: &SearchArgs, workers: usize) -> Result<Search, Failure> {
    let data = args.what.data.as_deref().ok_or_else(|| Failure::new("`--data` is missing"))?;
    let Choice { net, recipe, .. } = from_scratch(&args.how, data)?;
    let space = match &args.space.space {
        Some(name) => space::load(name)?,
        None => Space::default_for(net.input_size),
    };
    let input_size = args.how.input_size.map_or(space.base()?.input_size, |size| size as usize);
    let recipe = recipe_of(recipe, &args.how)?;
    let isa = Machine::from_env(1)?;
    warn_of_slow(recipe.precision, &isa);
    let header = Header {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: absolute(data)?,
        limit: args.how.limit,
        goal: goal(&args.space, &space, input_size)?,
        input_size,
        isa: isa.isa().to_string(),
        settings: settings(args, workers),
        short: trainings::short(&recipe, args.how.short_epochs, input_size),
        long: trainings::long(&recipe, args.how.long_epochs, input_size),
    };
    for recipe in [&header.short, &header.long] {
        recipe.validate()?;
    }
    Ok(Search::create(&args.what.out, &space, header)?)
}

fn settings(args: &SearchArgs, workers: usize) -> Settings {
    let how = &args.how;
    Settings {
        hours: args.what.hours.unwrap_or(Settings::default().hours),
        explore_share: how.explore,
        trials: how.trials,
        seed: how.seed,
        workers,
        finalists: how.finalists,
        seeds: how.seeds,
        explore: explore::Settings { start: how.start, ..explore::Settings::default() },
    }
}

/// What every net costs: as asked for, or as much as the first reference.
fn goal(args: &SpaceArgs, space: &Space, input_size: usize) -> Result<Goal, Failure> {
    if let Some(ms) = args.budget_ms {
        return match (0.01..=1e5).contains(&ms) {
            true => Ok(Goal::Ms(ms)),
            false => {
                Err(Failure::new(format_args!("a budget of {ms} ms; choose from 0.01 to 100000")))
            }
        };
    }
    Ok(Goal::Madds(match args.madds {
        Some(madds) => madds.0,
        None => default_madds(space, input_size)?,
    }))
}

fn default_madds(space: &Space, input_size: usize) -> Result<u64, Failure> {
    let reference = space.reference_nets()?.into_iter().next();
    let net = reference.map_or_else(|| space.base(), Ok)?;
    Ok(net.cost(input_size)?.madds)
}

/// What `seesaw train --from-scratch` would do.
fn from_scratch(how: &HowArgs, data: &Path) -> Result<Choice, Failure> {
    let recipe = how.recipe.as_deref().map(recipes::read).transpose()?;
    let wishes = Wishes { recipe, from_scratch: true, ..Wishes::default() };
    choose(wishes, data, |_: Option<&Net>| Ok::<_, Failure>(None))
}

/// The recipe that was named, or the default one with Muon, which learns more in few epochs.
fn recipe_of(mut recipe: Recipe, how: &HowArgs) -> Result<Recipe, Failure> {
    if how.recipe.is_none() {
        recipe.set("optimizer.kind", "muon")?;
    }
    recipe.seed = how.seed;
    let (precision, set) = (how.precision, how.set.clone());
    recipes::change(&mut recipe, &RecipeChanges { precision, set, ..RecipeChanges::default() })?;
    Ok(recipe)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::file(path, error))
}
