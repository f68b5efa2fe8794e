//! From a list of steps to kernels: weights packed for one machine.

use std::borrow::Cow;

use seesaw_arch::{LayerKind, Net, Op, Share};
use seesaw_format::NetWeights;
use seesaw_kernels::{
    Depthwise, GroupPlaces, InvertedResidual, IsaToken, Machine, Pointwise, PointwiseShape,
    PointwiseWeights, Stem, Team,
};

use crate::{EngineError, Lowered, LoweredStep, lower, plan::Plan, trunk::Trunk, window};

/// What a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Side of the square images, in pixels.
    pub input_size: usize,
    /// The most images that one run takes, 1 to 4096.
    pub batch: usize,
}

impl Options {
    /// One image of the net's own size at a time.
    pub fn new(net: &Net) -> Self {
        Self { input_size: net.input_size, batch: 1 }
    }

    /// The same for images of this size.
    pub fn input_size(mut self, pixels: usize) -> Self {
        self.input_size = pixels;
        self
    }

    /// The same for up to this many images in a run.
    pub fn batch(mut self, images: usize) -> Self {
        self.batch = images;
        self
    }
}

/// Compiles a net for one image size and machine. Weights that are given away rather than lent are
/// freed layer by layer as they are packed.
///
/// # Errors
/// As [`lower`] and [`pack`].
pub fn compile<'a>(
    net: &Net,
    weights: impl Into<Cow<'a, NetWeights>>,
    options: &Options,
    machine: &Machine,
) -> Result<Plan, EngineError> {
    pack(lower(net, weights)?, options, machine)
}

/// Packs the weights of all steps on all threads of the machine, which will also run the plan.
///
/// # Errors
/// [`EngineError::Batch`], [`EngineError::Memory`], and when the net breaks a rule at this size.
pub fn pack(
    lowered: Lowered<'_>,
    options: &Options,
    machine: &Machine,
) -> Result<Plan, EngineError> {
    if !(1..=4096).contains(&options.batch) {
        return Err(EngineError::Batch(options.batch));
    }
    let layers = lowered.net.layers(options.input_size)?;
    let steps = pack_steps(lowered.steps, machine.token(), machine.team())?;
    let (trunk, linear) = assemble(steps)?;
    Plan::new(layers, options, machine, trunk, linear)
}

/// A step with its weights in the order of one instruction set.
enum Kernel {
    Stem(Stem),
    Pointwise(Pointwise),
    Depthwise(Depthwise),
    /// The pool has no weights; it belongs to the plan.
    Pool,
}

/// A packed step.
struct Packed {
    kind: LayerKind,
    residual: bool,
    kernel: Kernel,
}

/// A step that waits for a thread, and what became of it.
struct Task<'a> {
    step: Option<LoweredStep<'a>>,
    packed: Option<Result<Packed, EngineError>>,
}

fn pack_steps(
    steps: Vec<LoweredStep<'_>>,
    token: IsaToken,
    team: &Team,
) -> Result<Vec<Packed>, EngineError> {
    // The last steps are the largest: started first, none of them keeps one thread busy alone.
    let mut tasks: Vec<Task<'_>> =
        steps.into_iter().rev().map(|step| Task { step: Some(step), packed: None }).collect();
    let mut scratches = vec![(); team.threads()];
    team.run_items(&mut tasks, &mut scratches, |task, ()| {
        // The step ends here, and with it weights that were given away.
        task.packed = task.step.take().map(|step| pack_step(&step, token));
    });
    tasks.into_iter().rev().map(|task| task.packed.expect("every task was run")).collect()
}

fn pack_step(lowered: &LoweredStep<'_>, token: IsaToken) -> Result<Packed, EngineError> {
    let step = &lowered.step;
    let kernel = match &step.op {
        Op::Convolution => {
            let weights = lowered.scaled_weights();
            Kernel::Stem(Stem::new(token, &weights, &lowered.bias, window(step))?)
        }
        Op::Pointwise { shares } => Kernel::Pointwise(pointwise(lowered, shares, token)?),
        // The linear layer is a dense pointwise convolution whose pixels are images.
        Op::Linear => {
            let dense = Share { inputs: 0..step.inputs.len(), outputs: 0..step.outputs.len() };
            Kernel::Pointwise(pointwise(lowered, &[dense], token)?)
        }
        Op::Depthwise => Kernel::Depthwise(depthwise(lowered, token)?),
        Op::Pool => Kernel::Pool,
    };
    Ok(Packed { kind: step.id.kind(), residual: step.residual, kernel })
}

fn pointwise(
    lowered: &LoweredStep<'_>,
    shares: &[Share],
    token: IsaToken,
) -> Result<Pointwise, EngineError> {
    let step = &lowered.step;
    let places = |share: &Share| GroupPlaces {
        inputs: &step.inputs[share.inputs.clone()],
        outputs: &step.outputs[share.outputs.clone()],
    };
    let groups: Vec<GroupPlaces<'_>> = shares.iter().map(places).collect();
    let (inputs, outputs) = (step.inputs.len(), step.outputs.len());
    let shape = PointwiseShape { inputs, outputs, groups: &groups };
    let scale = by_place(&lowered.scale, &step.outputs);
    let bias = by_place(&lowered.bias, &step.outputs);
    let values = PointwiseWeights { weights: &lowered.weights, scale: Some(&scale), bias: &bias };
    Ok(Pointwise::new(token, &shape, &values, step.relu6)?)
}

fn depthwise(lowered: &LoweredStep<'_>, token: IsaToken) -> Result<Depthwise, EngineError> {
    let step = &lowered.step;
    let scaled = lowered.scaled_weights();
    let mut weights = vec![0.0; scaled.len()];
    for (taps, place) in scaled.chunks_exact(step.taps()).zip(&step.outputs) {
        weights[place * taps.len()..][..taps.len()].copy_from_slice(taps);
    }
    let bias = by_place(&lowered.bias, &step.outputs);
    Ok(Depthwise::new(token, &weights, &bias, window(step), step.relu6)?)
}

/// Values of channels in the order of their places.
fn by_place<T: Copy + Default>(values: &[T], places: &[usize]) -> Vec<T> {
    let mut sorted = vec![T::default(); values.len()];
    for (value, place) in values.iter().zip(places) {
        sorted[*place] = *value;
    }
    sorted
}

/// Joins the kernels of each block.
fn assemble(steps: Vec<Packed>) -> Result<(Trunk, Pointwise), EngineError> {
    let (mut stem, mut head, mut linear) = (None, None, None);
    let (mut expand, mut depthwise, mut blocks) = (None, None, Vec::new());
    for Packed { kind, residual, kernel } in steps {
        match (kind, kernel) {
            (_, Kernel::Stem(kernel)) => stem = Some(kernel),
            (_, Kernel::Depthwise(kernel)) => depthwise = Some(kernel),
            (LayerKind::Expand, Kernel::Pointwise(kernel)) => expand = Some(kernel),
            (LayerKind::Project, Kernel::Pointwise(project)) => {
                let depthwise = depthwise.take().expect("a depthwise step precedes its project");
                blocks.push(InvertedResidual::new(expand.take(), depthwise, project, residual)?);
            }
            (LayerKind::Head, Kernel::Pointwise(kernel)) => head = Some(kernel),
            (_, Kernel::Pointwise(kernel)) => linear = Some(kernel),
            (_, Kernel::Pool) => {}
        }
    }
    let stem = stem.expect("a net begins with its stem");
    let head = head.expect("the head follows the blocks");
    Ok((Trunk { stem, blocks, head }, linear.expect("a net ends with its linear layer")))
}
