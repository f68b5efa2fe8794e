//! How the nets of a search are trained.

use seesaw_train::recipe::{Recipe, SizeChange};

/// Epochs of a short training: the first says nothing, and the next two nearly as much as twelve (see
/// docs/results/cifar10).
pub const SHORT_EPOCHS: usize = 3;
/// Epochs of a long training.
pub const LONG_EPOCHS: usize = 12;
/// Share of the images that are held out.
const VAL_SPLIT: f64 = 0.1;

/// The recipe of short trainings: a whole schedule of few epochs on images three quarters as wide.
#[must_use]
pub fn short(base: &Recipe, epochs: usize, input_size: usize) -> Recipe {
    let small = small(input_size);
    shared(base, epochs, vec![SizeChange { from_epoch: 0, size: small, batch: None }])
}

/// The recipe of long trainings: the smaller images for the first seven twelfths, then whole ones.
#[must_use]
pub fn long(base: &Recipe, epochs: usize, input_size: usize) -> Recipe {
    let change = |from_epoch, size| SizeChange { from_epoch, size, batch: None };
    let whole = epochs * 7 / 12;
    let mut sizes = vec![change(whole, input_size)];
    if whole > 0 {
        sizes.insert(0, change(0, small(input_size)));
    }
    shared(base, epochs, sizes)
}

/// Three quarters, in whole eights of pixels.
fn small(input_size: usize) -> usize {
    (input_size * 3 / 4).next_multiple_of(8).min(input_size)
}

fn shared(base: &Recipe, epochs: usize, sizes: Vec<SizeChange>) -> Recipe {
    let mut recipe = base.clone();
    recipe.epochs = epochs.into();
    recipe.sizes = sizes;
    // A warm-up of two epochs would be most of a short training.
    recipe.schedule.warmup = recipe.schedule.warmup.min(epochs as f64 / 6.0);
    // Only the last epoch is looked at, and every net and seed on the same images.
    recipe.validate_every = epochs;
    recipe.patience = 0;
    recipe.val_split = Some(base.val_split.unwrap_or(VAL_SPLIT));
    recipe.val_seed = Some(base.split_seed());
    recipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_differ_in_epochs_and_sizes_and_hold_out_the_same_images() {
        let mut base = Recipe::built_in("cifar-modern").unwrap();
        base.seed = 5;
        let (short, long) = (short(&base, SHORT_EPOCHS, 32), long(&base, LONG_EPOCHS, 32));
        let sizes = |recipe: &Recipe| {
            (0..recipe.epochs.count()).map(|epoch| recipe.phase(epoch, 32).size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&short), [24; 3]);
        assert_eq!(sizes(&long), [[24; 7].as_slice(), &[32; 5]].concat());
        assert_eq!((short.schedule.warmup, long.schedule.warmup), (0.5, 2.0));
        for recipe in [&short, &long] {
            assert_eq!((recipe.val_split, recipe.split_seed()), (Some(0.1), 5));
            assert!(!recipe.validates(1) && recipe.validates(recipe.epochs.count()));
            recipe.validate().unwrap();
        }
        assert_eq!(sizes(&super::long(&base, 1, 32)), [32]);
    }
}
