//! Random changes to training images.
//!
//! [`Augment`] is plain data, as written in a recipe. The default changes nothing: a center crop, as in
//! validation. Changes to an image depend only on its own [`Rng`], and are made in this order: crop,
//! flips and quarter turns, [trivial augment](Augment::trivial), [color jitter](Augment::jitter), normalization, random
//! erasing, cutout. Then the images of a batch are mixed.

mod color;
mod crop;
mod erase;
mod mix;
mod trivial;
mod turn;

use serde::{Deserialize, Serialize};

pub use mix::Mixed;
pub(crate) use mix::mix;

use seesaw_arch::Preprocess;
use seesaw_image::{RgbImage, resize};

use crate::rng::Rng;

/// How a square is cut from an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crop {
    /// The shorter side is scaled, and the center is cut out. Nothing is random.
    #[default]
    #[serde(alias = "centre")]
    Center,
    /// A rectangle of random area and shape is scaled to the square: torchvision's
    /// `RandomResizedCrop`.
    Resized,
    /// The image is scaled until its shorter side is that of the square, and its center is cut out.
    /// Then it is padded, and a square is cut from a random place: torchvision's `RandomCrop`.
    Padded,
}

/// The padding around an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Black.
    #[default]
    Zero,
    /// The mirrored image, without repeating the edge.
    Reflect,
}

/// The ranges of random changes of color: torchvision's `ColorJitter`, in random order. 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jitter {
    /// Brightness is multiplied by 1 plus or minus up to this.
    pub brightness: f64,
    /// The distance from the mean gray of the image is multiplied in the same way.
    pub contrast: f64,
    /// The distance of each pixel from its gray is multiplied in the same way.
    pub saturation: f64,
    /// The hue is turned by up to this share of the circle in either direction, at most 0.5.
    pub hue: f64,
}

/// Which random changes are made to training images, and how strong they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// How the square is cut from an image.
    pub crop: Crop,
    /// Smallest and largest area of a [`Crop::Resized`], as a share of the image's.
    pub scale: [f64; 2],
    /// Smallest and largest width of a [`Crop::Resized`], as a multiple of its height.
    pub ratio: [f64; 2],
    /// Pixels that [`Crop::Padded`] adds on each side.
    pub padding: u32,
    /// What [`Crop::Padded`] adds.
    pub padding_mode: Padding,
    /// Whether half of the images are mirrored.
    pub flip: bool,
    /// Whether half of the images are turned upside down by a mirror: for images without an up and
    /// down, such as those from above or through a microscope.
    #[serde(skip_serializing_if = "is_false")]
    pub flip_vertical: bool,
    /// Whether images are turned by 0, 90, 180 or 270 degrees, each equally often. With `flip` or
    /// `flip_vertical`, all eight symmetries of a square occur.
    #[serde(skip_serializing_if = "is_false")]
    pub turn: bool,
    /// Color jitter.
    pub jitter: Jitter,
    /// One random operation of random strength: TrivialAugment, wide (Müller and Hutter, 2021).
    pub trivial: bool,
    /// The probability that a rectangle is erased (Zhong et al., 2017): 2 to 33 % of the area, with a
    /// ratio of the sides from 0.3 to 3.3. Erased pixels get the mean of the data.
    pub erasing: f64,
    /// Side in pixels of a square that is erased around a random pixel, as far as it is within the image
    /// (DeVries and Taylor, 2017); 0 for none.
    pub cutout: u32,
    /// Alpha of mixup (Zhang et al., 2017): two images are blended, and each keeps the larger share of
    /// itself; 0 for none, at most 4.
    pub mixup: f64,
    /// Alpha of cutmix (Yun et al., 2019): a rectangle of another image is pasted over less than
    /// half of an image; 0 for none, at most 4. With both, each gets half of the images.
    pub cutmix: f64,
    /// The share of images that are mixed, where `mixup` or `cutmix` is more than 0.
    pub mix_probability: f64,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            crop: Crop::Center,
            scale: [0.08, 1.0],
            ratio: [3.0 / 4.0, 4.0 / 3.0],
            padding: 4,
            padding_mode: Padding::Zero,
            flip: false,
            flip_vertical: false,
            turn: false,
            jitter: Jitter::default(),
            trivial: false,
            erasing: 0.0,
            cutout: 0,
            mixup: 0.0,
            cutmix: 0.0,
            mix_probability: 1.0,
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A setting out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("augment: `{field}` is {value}, and must be {rule}")]
pub struct AugmentError {
    /// The setting.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub rule: &'static str,
}

impl Augment {
    /// Checks values that came from a file.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), AugmentError> {
        let ([small, large], [narrow, wide]) = (self.scale, self.ratio);
        let Jitter { brightness, contrast, saturation, hue } = self.jitter;
        let range = |field, [low, high]: [f64; 2], largest: f64, rule| {
            let valid = 0.0 < low && low <= high && high <= largest;
            (field, format!("[{low}, {high}]"), valid, rule)
        };
        let number = |field, value: f64, largest: f64, rule| {
            (field, value.to_string(), (0.0..=largest).contains(&value), rule)
        };
        let pixels = |field, value: u32| {
            let rule = "at most 4096";
            (field, value.to_string(), value <= resize::MAX_SIDE, rule)
        };
        let checks = [
            range("scale", [small, large], 1.0, "two rising numbers above 0, at most 1"),
            range("ratio", [narrow, wide], 100.0, "two rising numbers above 0, at most 100"),
            pixels("padding", self.padding),
            number("jitter.brightness", brightness, 1.0, "from 0 to 1"),
            number("jitter.contrast", contrast, 1.0, "from 0 to 1"),
            number("jitter.saturation", saturation, 1.0, "from 0 to 1"),
            number("jitter.hue", hue, 0.5, "from 0 to 0.5"),
            number("erasing", self.erasing, 1.0, "from 0 to 1"),
            pixels("cutout", self.cutout),
            number("mixup", self.mixup, 4.0, "from 0 to 4"),
            number("cutmix", self.cutmix, 4.0, "from 0 to 4"),
            number("mix_probability", self.mix_probability, 1.0, "from 0 to 1"),
        ];
        match checks.into_iter().find(|&(_, _, valid, _)| !valid) {
            Some((field, value, _, rule)) => Err(AugmentError { field, value, rule }),
            None => Ok(()),
        }
    }

    /// Whether images of a batch are mixed.
    pub fn mixes(&self) -> bool {
        self.mix_probability > 0.0 && (self.mixup > 0.0 || self.cutmix > 0.0)
    }

    /// The square of `preprocess.crop` pixels that is cut from an image and changed, before it is
    /// normalized. Shorter side and filter of `preprocess` apply to a [`Crop::Center`]; the random crops
    /// are bilinear.
    ///
    /// Where `preprocess` pads or squeezes, random crops are cut from the padded or squeezed image. Of a
    /// padded one, a crop shows as much of the image as its size allows, so that none is empty.
    ///
    /// Returns `None` where a size is 0 or more than [`resize::MAX_SIDE`].
    pub fn apply(
        &self,
        image: &RgbImage,
        preprocess: &Preprocess,
        rng: &mut Rng,
    ) -> Option<RgbImage> {
        let mut image = match self.crop {
            Crop::Center => resize::to_square(image, preprocess)?,
            Crop::Resized => crop::resized(image, self.scale, self.ratio, preprocess, rng)?,
            Crop::Padded => crop::padded(image, self, preprocess, rng)?,
        };
        if self.flip && rng.chance(0.5) {
            image.flip_horizontal();
        }
        // An option that is off draws no number, so that it changes nothing of the others.
        if self.flip_vertical && rng.chance(0.5) {
            image = turn::flipped_vertically(&image);
        }
        if self.turn {
            image = turn::turned(&image, rng.below(4));
        }
        if self.trivial {
            image = trivial::apply(image, rng);
        }
        if self.jitter != Jitter::default() {
            color::jitter(&mut image, &self.jitter, rng);
        }
        Some(image)
    }

    /// Erases parts of a normalized image, planes `[3, size, size]`.
    pub fn erase(&self, planes: &mut [f32], size: usize, rng: &mut Rng) {
        if self.erasing > 0.0 && rng.chance(self.erasing) {
            erase::random(planes, size, rng);
        }
        if self.cutout > 0 {
            erase::cutout(planes, size, self.cutout as usize, rng);
        }
    }
}

#[cfg(test)]
mod tests;
