//! What the number of images means for batches and classes, before a run starts.

use seesaw_arch::{LayerId, Net};
use seesaw_data::Dataset;

use super::{Event, Listener, Start};
use crate::{
    TrainError,
    net::Statistics,
    recipe::{ClassWeights, Phase, Recipe, Sampler},
};

/// Fewer values than these say little about a mean and a variance.
const FEW_VALUES: usize = 16;
/// The largest share of the images that an epoch may leave out without a note.
const FEW_DROPPED: f64 = 0.1;
/// How many times as many images as the smallest class the largest may have without a note.
const UNEVEN: usize = 10;

/// Checks that a run can learn from batches of these images, and notes what the user may not expect.
pub(super) fn check(
    start: &Start,
    recipe: &Recipe,
    train: &Dataset,
    on: Listener<'_>,
) -> Result<(), TrainError> {
    let phases = whole_batches(&start.net, recipe, train.len(), on);
    if recipe.statistics == Statistics::Batch {
        check_norms(&start.net, &phases, on)?;
    }
    if !start.unlabeled {
        // To refuse weights that do not fit before any work is done.
        recipe.loss.class_weights.resolve(train.classes(), &train.class_counts())?;
        note_imbalance(recipe, train, on);
    }
    Ok(())
}

/// The phases of the run; notes where batches are smaller than the recipe says, or leave out many
/// images.
fn whole_batches(net: &Net, recipe: &Recipe, images: usize, on: Listener<'_>) -> Vec<Phase> {
    let phases = phases(recipe, net.input_size);
    if let Some(phase) = phases.iter().find(|phase| phase.batch > images) {
        on(Event::Note(&format!(
            "there are {images} training images, fewer than the recipe's batch of {}, so each step \
             sees all of them",
            phase.batch
        )));
    }
    let phases = phases.iter().map(|phase| Phase { batch: phase.batch.min(images), ..*phase });
    let phases: Vec<Phase> = phases.collect();
    let dropped = |phase: &&Phase| images % phase.batch;
    if let Some(phase) = phases.iter().max_by_key(dropped) {
        let dropped = dropped(&phase);
        if dropped as f64 > FEW_DROPPED * images as f64 {
            on(Event::Note(&format!(
                "{images} training images make {} whole batches of {}, and each epoch leaves out \
                 {dropped} other images; a smaller `batch` leaves out fewer",
                images / phase.batch,
                phase.batch
            )));
        }
    }
    phases
}

/// Checks that batch norms have something to normalize with in every phase.
fn check_norms(net: &Net, phases: &[Phase], on: Listener<'_>) -> Result<(), TrainError> {
    let mut fewest: Option<(usize, LayerId, Phase)> = None;
    for phase in phases {
        for (layer, pixels) in normalized(net, phase.size)? {
            // Each of the batches that share a step is normalized by itself.
            let values = phase.batch * pixels;
            if fewest.is_none_or(|(fewest, ..)| values < fewest) {
                fewest = Some((values, layer, *phase));
            }
        }
    }
    let Some((values, layer, Phase { size, batch })) = fewest else { return Ok(()) };
    if values < 2 {
        return Err(TrainError::OneValue { layer: layer.to_string(), size, batch });
    }
    if values < FEW_VALUES {
        on(Event::Note(&format!(
            "the batch norm of layer {layer} has only {values} values per channel to normalize with, \
             in batches of {batch} images of {size} pixels; a larger `batch` or larger images make \
             training steadier"
        )));
    }
    Ok(())
}

/// The sizes of images and batches that occur.
fn phases(recipe: &Recipe, net_size: usize) -> Vec<Phase> {
    let epochs = recipe.epochs.count();
    let changes = recipe.sizes.iter().map(|change| change.from_epoch);
    let starts = std::iter::once(0).chain(changes.filter(|epoch| *epoch < epochs));
    let mut phases: Vec<Phase> = starts.map(|epoch| recipe.phase(epoch, net_size)).collect();
    phases.dedup();
    phases
}

/// The layers with a batch norm, and the pixels of their maps, for images of that size.
fn normalized(net: &Net, size: usize) -> Result<Vec<(LayerId, usize)>, TrainError> {
    let layers = net.layers(size)?.into_iter();
    let layers = layers.filter(|layer| !matches!(layer.id, LayerId::Pool | LayerId::Linear));
    Ok(layers.map(|layer| (layer.id, layer.output[1] * layer.output[2])).collect())
}

/// Notes classes of very unequal size, where the recipe does nothing about them.
fn note_imbalance(recipe: &Recipe, train: &Dataset, on: Listener<'_>) {
    if recipe.sampler == Sampler::Balanced || recipe.loss.class_weights != ClassWeights::None {
        return;
    }
    let counts = train.class_counts();
    let present = || counts.iter().enumerate().filter(|(_, images)| **images > 0);
    let (Some((small, few)), Some((large, many))) = (
        present().min_by_key(|(_, images)| **images),
        // The first of equal ones.
        present().rev().max_by_key(|(_, images)| **images),
    ) else {
        return;
    };
    if *many > UNEVEN * few {
        let name = |class: usize| &train.classes()[class];
        on(Event::Note(&format!(
            "class `{}` has {many} training images and class `{}` has {few}; \
             `loss.class_weights = \"balanced\"` or `sampler = \"balanced\"` in the recipe makes \
             classes count alike",
            name(large),
            name(small)
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tiny;

    /// A net that makes one pixel of eight by eight.
    fn net() -> Net {
        let mut net = tiny();
        net.stages.extend(net.stages.last().cloned());
        net
    }

    fn recipe(text: &str) -> Recipe {
        let rest = "optimizer = { kind = \"sgd\", rate = 0.1 }\nschedule = { kind = \"constant\" }";
        Recipe::from_toml(&format!("epochs = 5\n{text}\n{rest}")).unwrap()
    }

    /// What is noted, or the error, for so many images.
    fn said(text: &str, images: usize) -> Result<Vec<String>, String> {
        let mut notes = vec![];
        let on = &mut |event: Event<'_>| {
            let Event::Note(note) = event else { panic!("{event:?}") };
            notes.push(note.to_owned());
        };
        let phases = whole_batches(&net(), &recipe(text), images, on);
        let result = check_norms(&net(), &phases, on);
        result.map(|()| notes).map_err(|error| error.to_string())
    }

    /// The smallest map of the tiny net in images of so many pixels.
    fn least(size: usize) -> usize {
        normalized(&net(), size).unwrap().iter().map(|(_, pixels)| *pixels).min().unwrap()
    }

    /// A size at which the tiny net ends with a map of one pixel.
    const SMALL: usize = 8;

    #[test]
    fn one_value_is_refused_and_few_are_noted() {
        assert_eq!((least(SMALL), least(32)), (1, 16));
        let small = "sizes = [{ from_epoch = 0, size = 8 }]";
        let error = said(&format!("batch = 1\n{small}"), 10).unwrap_err();
        assert!(error.contains("one value") && error.contains("batch"), "{error}");
        // Batches that share a step are normalized one by one.
        assert!(said(&format!("batch = 1\naccumulate = 8\n{small}"), 10).is_err());
        // One image makes batches of one.
        assert!(said(&format!("batch = 8\n{small}"), 1).is_err());
        let notes = said(&format!("batch = 2\n{small}"), 10).unwrap();
        assert!(notes.len() == 1 && notes[0].contains("only 2 values"), "{notes:?}");
        assert_eq!(said(&format!("batch = 16\n{small}"), 16), Ok(vec![]));
    }

    #[test]
    fn the_smallest_phase_counts_if_it_is_ever_reached() {
        let phases = |from: usize, batch: usize| {
            format!(
                "batch = 4\nsizes = [{{ from_epoch = 0, size = 32 }}, \
                 {{ from_epoch = {from}, size = 8, batch = {batch} }}]"
            )
        };
        assert!(said(&phases(2, 1), 8).unwrap_err().contains("8 pixels"));
        assert_eq!(said(&phases(5, 1), 8), Ok(vec![]), "there are five epochs");
        assert!(said(&phases(2, 8), 8).unwrap()[0].contains("only 8 values"));
    }

    #[test]
    fn left_out_images_and_small_data_sets_are_noted() {
        let size = "sizes = [{ from_epoch = 0, size = 32 }]";
        assert_eq!(said(&format!("batch = 64\n{size}"), 65), Ok(vec![]), "one of 65");
        let notes = said(&format!("batch = 64\n{size}"), 100).unwrap();
        assert!(notes.len() == 1 && notes[0].contains("leaves out 36"), "{notes:?}");
        let notes = said(&format!("batch = 64\n{size}"), 3).unwrap();
        assert!(notes.len() == 1 && notes[0].contains("fewer than the recipe's"), "{notes:?}");
    }
}
