//! What makes classes of unequal size count alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::RecipeError;

/// Which training images make an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Each image once, in random order.
    #[default]
    Shuffle,
    /// As many images, drawn from each class equally often. The images of a class come in passes over
    /// all of them, which go on from one epoch to the next.
    Balanced,
    /// Each image once, in an order that keeps images of a packed data set near those that are stored
    /// near them; as [`Self::Shuffle`] with other data sets.
    Blocks,
}

impl Sampler {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How much the images of each class count in the loss. In TOML: `"none"`, `"balanced"`, a list in the
/// order of the classes, or a table such as `{ cat = 2.0, dog = 1.0 }`.
///
/// The loss of an image, compared with its label and with a teacher's logits, is multiplied by the
/// weight of its class; that of a mixed image by the weights of its two classes, as they share in it.
/// Weights are scaled so that their mean over the training images is 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ClassWeights {
    /// All images count alike.
    #[default]
    None,
    /// All classes count alike: the weight of a class is one over its number of images.
    Balanced,
    /// A weight for each class, in their order.
    List(Vec<f64>),
    /// A weight for each of these classes, by name; 1 for the others.
    Named(BTreeMap<String, f64>),
}

/// The largest weight, and one over the smallest that is not 0.
const LARGEST: f64 = 1e6;

impl ClassWeights {
    /// Whether a recipe may leave it out.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::None
    }

    /// Whether each weight may be one.
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let weights: Vec<f64> = match self {
            Self::None | Self::Balanced => vec![],
            Self::List(weights) => weights.clone(),
            Self::Named(weights) => weights.values().copied().collect(),
        };
        let valid = |weight: &f64| *weight == 0.0 || (1.0 / LARGEST..=LARGEST).contains(weight);
        match weights.iter().find(|weight| !valid(weight)) {
            Some(weight) => Err(refused(format!(
                "has the weight {weight}, and weights must be 0, or from 0.000001 to 1000000"
            ))),
            None => Ok(()),
        }
    }

    /// The weight of each class, given its name and its number of training images; `None` where all
    /// images count alike.
    ///
    /// # Errors
    /// [`RecipeError::ClassWeights`] where classes and weights do not fit each other.
    pub fn resolve(
        &self,
        classes: &[String],
        images: &[usize],
    ) -> Result<Option<Vec<f64>>, RecipeError> {
        let mut weights = match self {
            Self::None => return Ok(None),
            // A class without images has no part in the loss.
            Self::Balanced => images.iter().map(|images| 1.0 / (*images).max(1) as f64).collect(),
            Self::List(weights) => weights.clone(),
            Self::Named(named) => {
                if let Some(name) = named.keys().find(|name| !classes.contains(name)) {
                    let known = classes.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
                    return Err(refused(format!(
                        "names `{name}`, which is no class of the data; the classes are {known}"
                    )));
                }
                classes.iter().map(|name| named.get(name).copied().unwrap_or(1.0)).collect()
            }
        };
        if weights.len() != classes.len() {
            return Err(refused(format!(
                "has {} weights, and the data have {} classes",
                weights.len(),
                classes.len()
            )));
        }
        let sum: f64 = weights.iter().zip(images).map(|(weight, n)| weight * *n as f64).sum();
        let mean = sum / images.iter().sum::<usize>().max(1) as f64;
        if mean <= 0.0 {
            return Err(refused("is 0 for all training images, and one must count".to_owned()));
        }
        weights.iter_mut().for_each(|weight| *weight /= mean);
        Ok(Some(weights))
    }
}

fn refused(why: String) -> RecipeError {
    RecipeError::ClassWeights { why }
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Balanced => serializer.serialize_str("balanced"),
            Self::List(weights) => weights.serialize(serializer),
            Self::Named(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Word(String),
            List(Vec<f64>),
            Named(BTreeMap<String, f64>),
        }
        let expected = || {
            de::Error::custom(
                "class weights must be \"none\", \"balanced\", a list of numbers, or a table such as \
                 { cat = 2.0, dog = 1.0 }",
            )
        };
        match Text::deserialize(deserializer).map_err(|_| expected())? {
            Text::Word(word) if word == "none" => Ok(Self::None),
            Text::Word(word) if word == "balanced" => Ok(Self::Balanced),
            Text::Word(_) => Err(expected()),
            Text::List(weights) => Ok(Self::List(weights)),
            Text::Named(weights) => Ok(Self::Named(weights)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    fn names() -> Vec<String> {
        ["ant", "bee", "cat"].map(str::to_owned).to_vec()
    }

    fn resolve(weights: &ClassWeights) -> Vec<f64> {
        weights.resolve(&names(), &[10, 30, 60]).unwrap().unwrap()
    }

    #[test]
    fn balanced_is_images_over_classes_and_images_of_the_class() {
        let expected = [10.0, 30.0, 60.0].map(|n| 100.0 / (3.0 * n));
        for (found, expected) in resolve(&ClassWeights::Balanced).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
        }
        assert_eq!(ClassWeights::None.resolve(&names(), &[1, 1, 1]).unwrap(), None);
    }

    #[test]
    fn weights_have_a_mean_of_one_over_the_images() {
        let named = ClassWeights::Named([("bee".to_owned(), 3.0)].into());
        for weights in [ClassWeights::Balanced, ClassWeights::List(vec![1.0, 0.0, 7.5]), named] {
            let found = resolve(&weights);
            let mean = (10.0 * found[0] + 30.0 * found[1] + 60.0 * found[2]) / 100.0;
            assert!((mean - 1.0).abs() < 1e-12, "{weights:?}");
        }
        let named = resolve(&ClassWeights::Named([("bee".to_owned(), 3.0)].into()));
        assert!((named[1] / named[0] - 3.0).abs() < 1e-12 && named[0] == named[2]);
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        for (weights, part) in [
            (ClassWeights::List(vec![1.0]), "has 1 weights, and the data have 3 classes"),
            (ClassWeights::List(vec![0.0; 3]), "is 0 for all"),
            (ClassWeights::Named([("dog".to_owned(), 1.0)].into()), "names `dog`"),
        ] {
            let error = weights.resolve(&names(), &[1, 1, 1]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        for weight in [-1.0, f64::NAN, f64::INFINITY, 1e-9, 1e9] {
            assert!(ClassWeights::List(vec![1.0, weight]).check().is_err(), "{weight}");
        }
    }

    #[test]
    fn recipes_name_them_in_four_ways_or_not_at_all() {
        let plain = Recipe::built_in("photos-modern").unwrap();
        let text = toml::to_string(&plain).unwrap();
        assert!(!text.contains("class_weights") && !text.contains("sampler"), "{text}");
        for (value, expected) in [
            ("balanced", ClassWeights::Balanced),
            ("none", ClassWeights::None),
            ("[1, 2.5]", ClassWeights::List(vec![1.0, 2.5])),
            ("{ \"a b\" = 2 }", ClassWeights::Named([("a b".to_owned(), 2.0)].into())),
        ] {
            let mut recipe = plain.clone();
            recipe.set("loss.class_weights", value).unwrap();
            assert_eq!(recipe.loss.class_weights, expected);
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(Recipe::from_toml(&text).unwrap(), recipe, "{text}");
        }
        let mut recipe = plain;
        for wrong in ["even", "[1, \"a\"]", "3", "[-1.0]"] {
            let error = recipe.set("loss.class_weights", wrong).unwrap_err().to_string();
            assert!(error.contains("weights"), "{error}");
        }
        for sampler in ["balanced", "blocks"] {
            recipe.set("sampler", sampler).unwrap();
            assert_eq!(Recipe::from_toml(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
        }
        assert!(recipe.set("sampler", "even").is_err());
    }
}
