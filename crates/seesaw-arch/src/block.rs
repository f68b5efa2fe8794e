//! The inverted residual.

use crate::{Flow, Groups};

/// One inverted residual: expand, depthwise 3x3 or 5x5, project.
///
/// ```text
/// x ─ expand ─ BN ─ (ReLU6) ─ flow ─ depthwise ─ BN ─ ReLU6 ─ project ─ BN ─ output flow ─ (+ x)
/// ```
///
/// Channel counts are absolute; a block of a validated [`crate::Net`] splits evenly by its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Input channels.
    pub input: usize,
    /// Channels of the depthwise convolution: `expansion` times `input`.
    pub expanded: usize,
    /// Output channels.
    pub output: usize,
    /// Stride of the depthwise convolution, 1 or 2.
    pub stride: usize,
    /// Rows and columns of the depthwise convolution's window, 3 or 5.
    pub kernel: usize,
    /// Groups of the expand convolution; `None` when there is none and `expanded == input`.
    pub expand: Option<Groups>,
    /// Whether ReLU6 follows the expand convolution's batch norm.
    pub activate_expand: bool,
    /// How channels move before the depthwise convolution.
    pub flow: Flow,
    /// Groups of the project convolution.
    pub project: Groups,
    /// How channels move after the project convolution's batch norm.
    pub output_flow: Flow,
}

impl Block {
    /// Whether the block's input is added to its output.
    pub fn is_residual(&self) -> bool {
        self.stride == 1 && self.input == self.output
    }

    /// The depthwise channels that pass from each expand group to each project group, in order of
    /// project group.
    ///
    /// Where every pair of groups is present, information crosses all of them.
    ///
    /// # Panics
    /// When a group would not take a whole number of channels; a validated net has no such block.
    pub fn crossings(&self) -> Vec<Crossing> {
        let whole = "a validated block's groups divide its channels";
        let dense = Groups::dense();
        let expand = self.expand.as_ref().unwrap_or(&dense);
        let sources = expand.ranges(self.expanded).expect(whole);
        let targets = self.project.ranges(self.expanded).expect(whole);
        let destination = self.flow.destinations(self.expanded);
        let mut crossings = Vec::new();
        for (project, target) in targets.iter().enumerate() {
            for (expand, source) in sources.iter().enumerate() {
                let channels: Vec<usize> =
                    source.clone().filter(|&c| target.contains(&destination[c])).collect();
                if !channels.is_empty() {
                    crossings.push(Crossing { expand, project, channels });
                }
            }
        }
        crossings
    }
}

/// The depthwise channels that one expand group hands to one project group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Number of the expand group, from 0.
    pub expand: usize,
    /// Number of the project group, from 0.
    pub project: usize,
    /// The channels, numbered as before the flow.
    pub channels: Vec<usize>,
}
