//! The metadata of a model file.

use seesaw_arch::{Net, Preprocess};
use serde::{Deserialize, Serialize};

use crate::{FormatError, error::shown};

/// The JSON under the key `seesaw` in a safetensors file's header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// Version of these fields: 1.
    pub version: u32,
    /// The complete net, so that reading a file needs no registry.
    pub net: Net,
    /// Class names in the order of the logits; empty when they are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How a photo becomes the net's input; the net's own default where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Preprocess>,
    /// Where the weights came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl Metadata {
    /// The version that this crate writes, and the latest that it reads.
    pub const VERSION: u32 = 1;

    /// Metadata of which only the net is known.
    pub fn new(net: Net) -> Self {
        Self { version: Self::VERSION, net, labels: Vec::new(), preprocess: None, origin: None }
    }

    /// Sets the class names, in the order of the logits.
    #[must_use]
    pub fn labels(mut self, labels: Vec<String>) -> Self {
        self.labels = labels;
        self
    }

    /// Sets how a photo becomes the net's input.
    #[must_use]
    pub fn preprocess(mut self, preprocess: Preprocess) -> Self {
        self.preprocess = Some(preprocess);
        self
    }

    /// Sets where the weights came from.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Reads the JSON that [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is not the JSON of valid metadata, or of a later version.
    pub fn from_json(text: &str) -> Result<Self, FormatError> {
        let metadata: Self =
            serde_json::from_str(text).map_err(|e| FormatError::Metadata(shown(&e.to_string())))?;
        if metadata.version > Self::VERSION {
            let what = format!(
                "version {} is newer than {}; update seesaw to read it",
                metadata.version,
                Self::VERSION
            );
            return Err(FormatError::Metadata(what));
        }
        metadata.validate()?;
        Ok(metadata)
    }

    /// The JSON form, as it is in the header of a model file.
    ///
    /// # Errors
    /// When the metadata break a rule: control characters, or another number of class names than of
    /// classes.
    pub fn to_json(&self) -> Result<String, FormatError> {
        self.validate()?;
        serde_json::to_string(self).map_err(|e| FormatError::Metadata(e.to_string()))
    }

    fn validate(&self) -> Result<(), FormatError> {
        let texts = [&self.net.name].into_iter().chain(&self.labels).chain(&self.origin);
        if let Some(text) = texts.into_iter().find(|text| text.contains(char::is_control)) {
            let what = format!("`{}` contains control characters", shown(text));
            return Err(FormatError::Metadata(what));
        }
        self.net.validate()?;
        self.preprocess.as_ref().map_or(Ok(()), Preprocess::validate)?;
        let (labels, classes) = (self.labels.len(), self.net.classes);
        if labels != 0 && labels != classes {
            let what = format!("{labels} class names for {classes} classes");
            return Err(FormatError::Metadata(what));
        }
        Ok(())
    }
}
