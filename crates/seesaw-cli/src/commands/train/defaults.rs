//! Net, start weights and recipe of the arguments.

use std::path::Path;

use seesaw::bundled::Bundled;
use seesaw_arch::Net;
use seesaw_train::trainer::{Choice, Init, StartWeights, Wishes, choose};

use crate::{
    args::{RecipeChanges, StartArgs},
    commands::recipes,
    failure::Failure,
    output, resolve,
};

/// What the arguments say, and what follows where they say nothing.
pub fn choice(args: &StartArgs, changes: &RecipeChanges, data: &Path) -> Result<Choice, Failure> {
    let wishes = Wishes {
        recipe: args.recipe.as_deref().map(recipes::read).transpose()?,
        init: args.init.as_deref().map(start_weights).transpose()?,
        net: args.net.as_deref().map(resolve::net).transpose()?,
        from_scratch: args.from_scratch,
        graft: args.graft.is_some(),
        unlabeled: args.unlabeled,
    };
    let mut choice = choose(wishes, data, bundled)?;
    recipes::change(&mut choice.recipe, changes)?;
    Ok(choice)
}

/// Those of `--init`.
fn start_weights(path: &Path) -> Result<StartWeights, Failure> {
    let model = resolve::load(path, None)?;
    let bundled = resolve::bundled(path);
    let mut weights = StartWeights::named(bundled.map_or("", |bundled| bundled.name), model);
    if bundled.is_none() {
        weights.init = Init::File(path.to_owned());
    }
    Ok(weights)
}

/// The bundled weights of the net, or the default ones where there is no net.
fn bundled(net: Option<&Net>) -> Result<Option<StartWeights>, Failure> {
    let bundled = net.map_or(Some(Bundled::default()), Bundled::for_net);
    if let (Some(net), None) = (net, bundled) {
        let name = &net.name;
        output::say(format_args!(
            "there are no bundled weights for {name}, so it starts from scratch"
        ));
    }
    bundled.map(|bundled| Ok(StartWeights::named(bundled.name, bundled.model()?))).transpose()
}
