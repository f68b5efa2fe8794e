//! Images for Seesaw-Nets: decoding, resizing, data sets, augmentation.
#![forbid(unsafe_code)]
