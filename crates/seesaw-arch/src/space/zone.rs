//! Stages that are varied together.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Flow, Groups, Net, Stage};

/// Stages whose blocks get the same values. A list with one value sets it; without a list, the stages
/// keep their own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// The stages, by their numbers in the base net, from 1.
    pub stages: Vec<usize>,
    /// Groups of the expand convolution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expand: Vec<Groups>,
    /// Groups of the project convolution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub project: Vec<Groups>,
    /// How channels move before the depthwise convolution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<Flow>,
    /// How channels move at the end of a block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_flow: Vec<Flow>,
    /// Whether ReLU6 follows the expand convolution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activate_expand: Vec<bool>,
    /// The expansion of the stages whose own is not 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expansion: Vec<usize>,
    /// Rows and columns of the depthwise convolution's window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<usize>,
    /// Blocks more (or less) in each stage of several blocks; a stage keeps at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depth: Vec<i64>,
    /// Factor of the output channels, before the width of the whole net.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub width: Vec<f64>,
}

/// A value that stages can get.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Level {
    /// Of [`Zone::expand`].
    Expand(Groups),
    /// Of [`Zone::project`].
    Project(Groups),
    /// Of [`Zone::flow`].
    Flow(Flow),
    /// Of [`Zone::output_flow`].
    OutputFlow(Flow),
    /// Of [`Zone::activate_expand`].
    ActivateExpand(bool),
    /// Of [`Zone::expansion`].
    Expansion(usize),
    /// Of [`Zone::kernel`].
    Kernel(usize),
    /// Of [`Zone::depth`].
    Depth(i64),
    /// Of [`Zone::width`].
    Width(f64),
}

impl Zone {
    /// The values of each list.
    pub(super) fn levels(&self) -> [Vec<Level>; 9] {
        fn each<T: Clone>(values: &[T], level: impl Fn(T) -> Level) -> Vec<Level> {
            values.iter().cloned().map(level).collect()
        }
        [
            each(&self.expand, Level::Expand),
            each(&self.project, Level::Project),
            each(&self.flow, Level::Flow),
            each(&self.output_flow, Level::OutputFlow),
            each(&self.activate_expand, Level::ActivateExpand),
            each(&self.expansion, Level::Expansion),
            each(&self.kernel, Level::Kernel),
            each(&self.depth, Level::Depth),
            each(&self.width, Level::Width),
        ]
    }
}

impl Level {
    /// The list that it is of.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Expand(_) => "expand",
            Self::Project(_) => "project",
            Self::Flow(_) => "flow",
            Self::OutputFlow(_) => "output_flow",
            Self::ActivateExpand(_) => "activate_expand",
            Self::Expansion(_) => "expansion",
            Self::Kernel(_) => "kernel",
            Self::Depth(_) => "depth",
            Self::Width(_) => "width",
        }
    }

    /// Gives it to stages, which are numbered from 1.
    pub(super) fn apply(&self, net: &mut Net, stages: &[usize]) {
        stages.iter().for_each(|number| self.set(&mut net.stages[number - 1]));
    }

    fn set(&self, stage: &mut Stage) {
        match self {
            Self::Expand(groups) => stage.expand = Some(groups.clone()),
            Self::Project(groups) => stage.project = groups.clone(),
            Self::Flow(flow) => stage.flow = *flow,
            Self::OutputFlow(flow) => stage.output_flow = *flow,
            Self::ActivateExpand(activate) => stage.activate_expand = *activate,
            Self::Expansion(expansion) if stage.expansion > 1 => stage.expansion = *expansion,
            Self::Kernel(kernel) => stage.kernel = *kernel,
            Self::Depth(more) if stage.repeat > 1 => {
                let blocks = i64::try_from(stage.repeat).unwrap_or(i64::MAX).saturating_add(*more);
                stage.repeat = usize::try_from(blocks.max(1)).unwrap_or(usize::MAX);
            }
            Self::Width(width) => stage.channels = scaled(stage.channels, *width),
            Self::Expansion(_) | Self::Depth(_) => {}
        }
    }
}

/// Channels times a factor, as a multiple of 8.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn scaled(channels: usize, factor: f64) -> usize {
    ((channels as f64 * factor / 8.0).round() as usize).max(1) * 8
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expand(groups) | Self::Project(groups) => write!(f, "{groups}"),
            Self::Flow(flow) | Self::OutputFlow(flow) => write!(f, "{flow}"),
            Self::ActivateExpand(activate) => write!(f, "{activate}"),
            Self::Expansion(number) | Self::Kernel(number) => write!(f, "{number}"),
            Self::Depth(0) => f.write_str("0"),
            Self::Depth(more) => write!(f, "{more:+}"),
            Self::Width(width) => write!(f, "{width}"),
        }
    }
}
