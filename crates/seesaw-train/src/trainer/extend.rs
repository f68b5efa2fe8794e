//! Runs that go on to another number of epochs.

use super::{Event, Listener};
use crate::{
    TrainError,
    recipe::{Epochs, OtherLength, Recipe},
    run::{Config, Progress, RunFolder},
};

/// Checks that a run which was started with other `epochs` than its recipe has now can go on as if it
/// had been started with those.
pub(super) fn check(
    config: &Config,
    as_started: Epochs,
    progress: &Progress,
    folder: &RunFolder,
    on: Listener<'_>,
) -> Result<(), TrainError> {
    let epochs = config.recipe.epochs.count();
    if epochs == as_started.count() {
        return Ok(());
    }
    let refused = |why| TrainError::OtherLength { folder: folder.path().to_owned(), epochs, why };
    if epochs <= progress.epoch {
        return Err(refused(OtherLength::Done(progress.epoch)));
    }
    let recipe = &config.recipe;
    let before = Recipe { epochs: as_started, ..recipe.clone() };
    // Before the first step, there is nothing that could have been otherwise.
    let begun = progress.epoch > 0 || progress.batch > 0;
    if let Some(why) = before.differs_with(epochs, config.net.input_size).filter(|_| begun) {
        return Err(refused(why));
    }
    if super::patience_is_over(recipe, progress) {
        return Err(refused(OtherLength::Patience(recipe.patience)));
    }
    let last = progress.history.last();
    if last.is_some_and(|last| last.val_loss.is_some() && !recipe.validates(last.epoch)) {
        on(Event::Note(&format!(
            "epoch {} was validated because it was the last; a run of {epochs} epochs would not have \
             done that, and learns the same",
            progress.epoch
        )));
    }
    Ok(())
}
