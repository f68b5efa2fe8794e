//! Whole blocks against the reference's layers, exact on whole numbers, in both ways of running.

use super::{BlockMaps, InvertedResidual, Pass, banded, whole};
use crate::{
    CBLOCK, Depthwise, Pointwise,
    isa::IsaToken,
    layout::{self, Size},
    parallel::Team,
    pointwise::{GroupPlaces, PointwiseShape, PointwiseWeights},
    reference,
    testing::{Values, assert_exact, blocked, on_every_isa, planar, windows},
    window::Window,
};

/// A dense block with small whole weights.
struct Problem {
    channels: (usize, usize, usize),
    expand: Option<(Vec<f32>, Vec<f32>)>,
    depthwise: (Vec<f32>, Vec<f32>),
    project: (Vec<f32>, Vec<f32>),
    window: Window,
}

impl Problem {
    fn new(channels: (usize, usize, usize), expands: bool, window: Window) -> Self {
        let mut values = Values::new((channels.1 + window.stride) as u64);
        let mut layer = |weights, outputs| (values.integers(weights), values.integers(outputs));
        let (input, wide, output) = channels;
        Self {
            channels,
            expand: expands.then(|| layer(input * wide, wide)),
            depthwise: layer(window.taps() * wide, wide),
            project: layer(wide * output, output),
            window,
        }
    }

    fn is_residual(&self) -> bool {
        self.window.stride == 1 && self.channels.0 == self.channels.2
    }

    fn block(&self, token: IsaToken) -> InvertedResidual {
        let (input, wide, output) = self.channels;
        let dense = |inputs, outputs, (weights, bias): &(Vec<f32>, Vec<f32>)| {
            let (i, o): (Vec<_>, Vec<_>) = ((0..inputs).collect(), (0..outputs).collect());
            let groups = [GroupPlaces { inputs: &i, outputs: &o }];
            let shape = PointwiseShape { inputs, outputs, groups: &groups };
            let values = PointwiseWeights { weights, scale: None, bias };
            Pointwise::new(token, &shape, &values, false).unwrap()
        };
        let expand = self.expand.as_ref().map(|layer| dense(input, wide, layer));
        let (weights, bias) = &self.depthwise;
        let depthwise = Depthwise::new(token, weights, bias, self.window, true).unwrap();
        let project = dense(wide, output, &self.project);
        InvertedResidual::new(expand, depthwise, project, self.is_residual()).unwrap()
    }

    fn expected(&self, x: &[f32], size: Size) -> Vec<f32> {
        let (input, wide, output) = self.channels;
        let dense = |x: &[f32], inputs, outputs, layer: &(Vec<f32>, Vec<f32>)| {
            let (i, o): (Vec<_>, Vec<_>) = ((0..inputs).collect(), (0..outputs).collect());
            let groups = [GroupPlaces { inputs: &i, outputs: &o }];
            let shape = PointwiseShape { inputs, outputs, groups: &groups };
            reference::pointwise(&shape, &layer.0, &layer.1, x, x.len() / inputs)
        };
        let mut map = x.to_vec();
        if let Some(layer) = &self.expand {
            map = dense(&map, input, wide, layer);
        }
        let (weights, bias) = &self.depthwise;
        map = reference::depthwise(weights, bias, &map, size, self.window);
        map.iter_mut().for_each(|x| *x = reference::relu6(*x));
        map = dense(&map, wide, output, &self.project);
        if self.is_residual() {
            map.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        }
        map
    }
}

fn run(block: &InvertedResidual, team: &Team, x: &[f32], size: Size, bands: bool) -> Vec<f32> {
    let mut shape = block.shape(size);
    shape.banded = bands;
    let len = if bands {
        team.threads() * banded::scratch_len(block, shape)
    } else {
        whole::scratch_len(block, shape)
    };
    let mut scratch = vec![f32::NAN; len];
    let x = blocked(x, block.inputs());
    let mut out = vec![f32::NAN; layout::cblocks(block.outputs()) * shape.output.pixels() * CBLOCK];
    let run = if bands { banded::run } else { whole::run };
    run(Pass { block, x: &x, shape, times: None }, team, &mut scratch, &mut out);
    planar(&out, block.outputs())
}

#[test]
fn bands_and_whole_maps_agree_with_the_layers() {
    on_every_isa(|token, team| {
        for (channels, expands) in
            [((8, 24, 8), true), ((3, 9, 5), true), ((12, 12, 12), false), ((1, 1, 1), false)]
        {
            for window in windows() {
                let problem = Problem::new(channels, expands, window);
                let block = problem.block(token);
                for size in [(1, 1), (2, 3), (7, 7), (9, 14), (12, 5), (17, 30)].map(Size::from) {
                    let x = Values::new(size.rows as u64).integers(channels.0 * size.pixels());
                    let expected = problem.expected(&x, size);
                    for bands in [false, true] {
                        let what = format!(
                            "{} {channels:?} {window:?} {size:?} bands {bands} threads {}",
                            token.isa(),
                            team.threads()
                        );
                        assert_exact(&run(&block, team, &x, size, bands), &expected, &what);
                    }
                }
            }
        }
    });
}

#[test]
fn a_large_map_runs_in_bands_and_a_small_one_whole() {
    let block = Problem::new((16, 96, 24), true, Window::new(3, 2)).block(IsaToken::best());
    assert!(block.shape(Size::square(112)).banded);
    assert!(!block.shape(Size::square(14)).banded);
    for size in [112, 14].map(Size::square) {
        let mut scratch = vec![0.0; block.scratch_len(size, 1)];
        let mut out = vec![0.0; 24 * size.pixels() / 4];
        let x = vec![0.0; 16 * size.pixels()];
        let maps = BlockMaps { x: &x, size, scratch: &mut scratch, out: &mut out };
        block.run(&Team::solo(), maps);
    }
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let token = IsaToken::best();
    let block =
        |channels, stride| Problem::new(channels, true, Window::new(3, stride)).block(token);
    let (a, b) = (block((8, 16, 8), 1), block((8, 24, 8), 1));
    let joined = InvertedResidual::new(a.expand, b.depthwise, b.project, true);
    assert!(joined.unwrap_err().to_string().contains("channels differ"));
    let c = block((8, 16, 24), 1);
    assert!(InvertedResidual::new(c.expand, c.depthwise, c.project, true).is_err());
    let d = block((8, 16, 8), 2);
    assert!(InvertedResidual::new(d.expand, d.depthwise, d.project, true).is_err());
}
