//! The weights that the program carries.
//!
//! Adding an entry takes a file in `weights/`, here or in seesaw-weights, written by `seesaw import --f16` so that it holds its
//! net, class names and preprocessing, and an element of [`ALL`]. [`DEFAULT`] is the name of the one
//! that is used where none is named. `weights/README.md` of the repository describes each.

use seesaw_arch::{Net, zoo};
use seesaw_format::Model;

use crate::Error;

/// The weights that classify photos, and that training on photos starts from, where none are named.
pub const DEFAULT: &str = "efficientnet-lite0-imagenet";

/// All bundled weights. A static: a constant would put the files into the program once for each use.
pub static ALL: [Bundled; 2] = [
    Bundled {
        name: "efficientnet-lite0-imagenet",
        net: "efficientnet-lite0",
        classes: 1000,
        input_size: 224,
        license: "Apache-2.0",
        source: "Google's EfficientNet-Lite0, trained on ImageNet",
        bytes: seesaw_weights::EFFICIENTNET_LITE0_IMAGENET,
    },
    Bundled {
        name: "seesaw-shuffle-0.5d-imagenet",
        net: "seesaw-shuffle-0.5d-imagenet",
        classes: 1000,
        input_size: 224,
        license: "MIT OR Apache-2.0",
        source: "trained by this project: MobileNetV2 grafted and distilled on 92,000 public photos",
        bytes: include_bytes!("../weights/seesaw-shuffle-0.5d-imagenet.safetensors"),
    },
];

/// Weights that are compiled into the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bundled {
    /// Its name, which is also that of its file without the extension.
    pub name: &'static str,
    /// The name of its net in the [zoo], which has another number of classes there
    /// if this has not 1000.
    pub net: &'static str,
    /// How many classes it knows.
    pub classes: usize,
    /// Side of the square images that it sees, in pixels.
    pub input_size: usize,
    /// The license of the weights, as an SPDX expression.
    pub license: &'static str,
    /// Who trained them, and on what.
    pub source: &'static str,
    /// The model file: safetensors in f16.
    pub bytes: &'static [u8],
}

impl Bundled {
    /// The net with its weights, class names and preprocessing.
    ///
    /// # Errors
    /// Only when this build's own weights are damaged.
    pub fn model(&self) -> Result<Model, Error> {
        Model::from_bytes(self.bytes).map_err(|source| Error::Format { path: None, source })
    }

    /// The weights of the name [`DEFAULT`].
    ///
    /// # Panics
    /// When [`DEFAULT`] names none, which a test rules out.
    #[allow(clippy::should_implement_trait, reason = "not a value to build others from")]
    pub fn default() -> &'static Self {
        Self::named(DEFAULT).expect("the default is among the bundled weights")
    }

    /// The weights of this name, if there are any.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|bundled| bundled.name == name)
    }

    /// The weights to start from in training `net`: those of a net with the same layers, whatever
    /// its name, classes and image size; those that know the most classes, where there are several.
    pub fn for_net(net: &Net) -> Option<&'static Self> {
        let trunk = |net: &Net| {
            let numbers = (net.head.channels, net.padding, net.batch_norm_eps);
            (net.stem.clone(), net.stages.clone(), numbers)
        };
        let has_its_layers =
            |bundled: &&Self| zoo::net(bundled.net).is_ok_and(|own| trunk(&own) == trunk(net));
        ALL.iter().filter(has_its_layers).max_by_key(|bundled| bundled.classes)
    }
}
