//! The windows of a step as the kernels know them.

use seesaw_arch::Step;
use seesaw_kernels::{Padding, Window};

/// The windows of the stem or of a depthwise convolution.
pub fn window(step: &Step) -> Window {
    let padding = match step.padding {
        seesaw_arch::Padding::Symmetric => Padding::Symmetric,
        seesaw_arch::Padding::Same => Padding::Same,
    };
    Window::new(step.kernel, step.stride).padding(padding)
}
