//! The layer of an inverted residual.

use seesaw_arch::Step;
use seesaw_engine::window;
use seesaw_kernels::{
    KernelError,
    layout::Size,
    train::{MapBuffer, Storage, Sums},
};

use super::{
    Layer,
    backward::{self, BackwardArgs},
    context::{StepContext, Workspace, WorkspaceLen},
    conv::{ConvKernel, ConvNorm, DepthwiseConv, LayerBuilder},
    forward,
    map::{ConvInput, LayerOutput, PreNorm, map_len},
    pointwise::PointwiseConv,
};

/// An inverted residual, and what a step saves of it for the backward pass.
#[derive(Debug)]
pub(super) struct Block {
    pub expand: Option<ConvNorm<PointwiseConv>>,
    pub depthwise: ConvNorm<DepthwiseConv>,
    pub project: ConvNorm<PointwiseConv>,
    /// Whether its input is added to its output.
    residual: bool,
    inputs: usize,
    input_size: Size,
    /// The normalized input, with its residual.
    pub saved_input: MapBuffer,
}

impl Block {
    /// The block of `steps`, on maps of `input_size`.
    pub fn new(
        builder: LayerBuilder<'_>,
        steps: &[Step],
        input_size: Size,
    ) -> Result<Self, KernelError> {
        let [expand @ .., depthwise, project] = steps else {
            unreachable!("a block has a depthwise and a project convolution")
        };
        let (wide, size) = (builder.precision.storage(), window(depthwise).output_size(input_size));
        let expand = match expand {
            [] => None,
            [step] => {
                let conv = PointwiseConv::new(builder, step)?;
                Some(ConvNorm::new(builder, step, conv, wide, input_size))
            }
            _ => unreachable!("a block has at most one expand convolution"),
        };
        let conv = DepthwiseConv::new(builder.token, depthwise)?;
        let depthwise = ConvNorm::new(builder, depthwise, conv, wide, size);
        let conv = PointwiseConv::new(builder, project)?;
        Ok(Self {
            expand,
            depthwise,
            residual: project.residual,
            project: ConvNorm::new(builder, project, conv, Storage::F32, size),
            inputs: steps[0].inputs.len(),
            input_size,
            saved_input: MapBuffer::default(),
        })
    }

    /// The output of the last forward pass.
    pub fn output(&self) -> LayerOutput<'_> {
        LayerOutput {
            pre_norm: self.project.output.pre_norm(),
            residual: self.residual.then_some(&self.saved_input),
        }
    }

    /// The forward pass.
    pub fn forward(&mut self, cx: &mut StepContext<'_>, input: LayerOutput<'_>) -> LayerOutput<'_> {
        let Self { expand, depthwise, project, saved_input, .. } = self;
        let runner = &mut cx.runner;
        let expanded = match expand {
            Some(expand) => {
                let (saved, output) = (Some(&mut saved_input[..]), &mut expand.output);
                let sums = forward::pointwise(runner, &expand.kernel, input, saved, output);
                expand.end_forward(cx, &sums);
                ConvInput { pre_norm: expand.output.pre_norm(), saved: None }
            }
            None => {
                forward::normalize(runner, input, saved_input);
                ConvInput { pre_norm: input.pre_norm, saved: Some(saved_input) }
            }
        };
        let (runner, output) = (&mut cx.runner, &mut depthwise.output);
        let sums = forward::depthwise(runner, &depthwise.kernel, expanded, output);
        depthwise.end_forward(cx, &sums);

        let input = LayerOutput { pre_norm: depthwise.output.pre_norm(), residual: None };
        let (runner, output) = (&mut cx.runner, &mut project.output);
        let sums = forward::pointwise(runner, &project.kernel, input, None, output);
        project.end_forward(cx, &sums);
        self.output()
    }

    /// The backward pass: `workspace.trunk[0]` is the gradient of the output, with these sums, and
    /// then that of the input, whose sums are returned.
    pub fn backward(
        &mut self,
        cx: &mut StepContext<'_>,
        input: PreNorm<'_>,
        sums: &[Sums],
    ) -> Vec<Sums> {
        let sums = self.backward_project(cx, sums);
        let mut sums = self.backward_depthwise(cx, input, &sums);
        if self.expand.is_some() {
            sums = self.backward_expand(cx, input, &sums);
        }
        cx.workspace.trunk.swap(0, 1);
        sums
    }

    /// From `trunk[0]` to `expanded[0]`.
    fn backward_project(&mut self, cx: &mut StepContext<'_>, sums: &[Sums]) -> Vec<Sums> {
        self.project.begin_backward(cx, sums);
        let Workspace { trunk: [grad, _], expanded: [grad_input, _], weight_grads } =
            &mut *cx.workspace;
        let args = BackwardArgs {
            output: self.project.output.output_grad(grad),
            input: ConvInput { pre_norm: self.depthwise.output.pre_norm(), saved: None },
            residual: None,
            grad_input,
        };
        let sums = backward::pointwise(&mut cx.runner, &self.project.kernel, args, weight_grads);
        self.project.end_backward(cx);
        sums
    }

    /// From `expanded[0]` to `expanded[1]`, or without an expand convolution to `trunk[1]`.
    fn backward_depthwise(
        &mut self,
        cx: &mut StepContext<'_>,
        input: PreNorm<'_>,
        sums: &[Sums],
    ) -> Vec<Sums> {
        self.depthwise.begin_backward(cx, sums);
        let Workspace {
            trunk: [grad_block, grad_trunk],
            expanded: [grad, grad_expanded],
            weight_grads,
        } = &mut *cx.workspace;
        let output = self.depthwise.output.output_grad(grad);
        let args = match &self.expand {
            Some(expand) => BackwardArgs {
                output,
                input: ConvInput { pre_norm: expand.output.pre_norm(), saved: None },
                residual: None,
                grad_input: grad_expanded,
            },
            None => BackwardArgs {
                output,
                input: ConvInput { pre_norm: input, saved: Some(&self.saved_input) },
                residual: self.residual.then_some(grad_block),
                grad_input: grad_trunk,
            },
        };
        let sums = backward::depthwise(&mut cx.runner, &self.depthwise.kernel, args, weight_grads);
        self.depthwise.end_backward(cx);
        sums
    }

    /// From `expanded[1]` to `trunk[1]`.
    fn backward_expand(
        &mut self,
        cx: &mut StepContext<'_>,
        input: PreNorm<'_>,
        sums: &[Sums],
    ) -> Vec<Sums> {
        let expand = self.expand.as_mut().expect("a block with an expand convolution");
        expand.begin_backward(cx, sums);
        let Workspace { trunk: [grad_block, grad_input], expanded: [_, grad], weight_grads } =
            &mut *cx.workspace;
        let args = BackwardArgs {
            output: expand.output.output_grad(grad),
            input: ConvInput { pre_norm: input, saved: Some(&self.saved_input) },
            residual: self.residual.then_some(grad_block),
            grad_input,
        };
        let sums = backward::pointwise(&mut cx.runner, &expand.kernel, args, weight_grads);
        expand.end_backward(cx);
        sums
    }
}

impl Layer for Block {
    fn load(&mut self, parameters: &[f32]) {
        self.expand.iter_mut().for_each(|conv| conv.load(parameters));
        self.depthwise.load(parameters);
        self.project.load(parameters);
    }

    fn fit(&mut self, images: usize) -> WorkspaceLen {
        let input_pixels = self.input_size.pixels();
        let input = map_len(self.inputs, input_pixels);
        self.saved_input.resize(images * input);
        let mut len = WorkspaceLen::default();
        if let Some(expand) = &mut self.expand {
            expand.output.fit(images);
            len.expanded = expand.output.pre_norm().image_len();
            len.weight_grads = expand.kernel.packed_len();
        }
        self.depthwise.output.fit(images);
        self.project.output.fit(images);
        len.max(WorkspaceLen {
            trunk: input.max(self.project.output.pre_norm().image_len()),
            expanded: self.depthwise.output.pre_norm().image_len(),
            weight_grads: self.project.kernel.packed_len().max(self.depthwise.kernel.packed_len()),
        })
    }
}
