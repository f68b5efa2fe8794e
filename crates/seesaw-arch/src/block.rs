//! The inverted residual.

use crate::{Flow, Groups};

/// One inverted residual: expand, depthwise 3x3, project.
///
/// ```text
/// x ─ expand ─ BN ─ (ReLU6) ─ flow ─ depthwise 3x3 ─ BN ─ ReLU6 ─ project ─ BN ─ output flow ─ (+ x)
/// ```
///
/// Channel counts are absolute; a block of a validated [`crate::Net`] splits evenly by its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Channels that come in.
    pub input: usize,
    /// Channels of the depthwise convolution, `expansion` times `input`.
    pub expanded: usize,
    /// Channels that go out.
    pub output: usize,
    /// Stride of the depthwise convolution, 1 or 2.
    pub stride: usize,
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

    /// The depthwise channels that pass from each expand group to each project group, as
    /// `(expand group, project group, channels before the flow)`, in order of project group.
    ///
    /// This is what a block's structure does: where the pairs are all present, information crosses
    /// the groups.
    pub fn crossings(&self) -> Vec<(usize, usize, Vec<usize>)> {
        let dense = Groups::dense();
        let expand = self.expand.as_ref().unwrap_or(&dense);
        let from = expand.ranges(self.expanded).unwrap_or_default();
        let to = self.project.ranges(self.expanded).unwrap_or_default();
        let destination = self.flow.destinations(self.expanded);
        let mut crossings = Vec::new();
        for (p, target) in to.iter().enumerate() {
            for (e, source) in from.iter().enumerate() {
                let channels: Vec<usize> =
                    source.clone().filter(|&c| target.contains(&destination[c])).collect();
                if !channels.is_empty() {
                    crossings.push((e, p, channels));
                }
            }
        }
        crossings
    }
}
