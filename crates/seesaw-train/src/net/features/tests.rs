//! A step with a loss on feature maps, compared with PyTorch's in float64.

use seesaw_arch::Net;
use seesaw_format::{NetWeights, Tensors, safetensors::read};
use seesaw_kernels::{Isa, Machine, layout::to_cblocks};

use super::{FeatureTargets, TargetMap};
use crate::{
    TrainError,
    layout::State,
    loss::{Loss, Targets},
    net::{NetOptions, Precision, StepInput, TrainNet},
};

const LABELS: [u32; 6] = [0, 1, 2, 3, 4, 5];

/// The net, batch and weights of the golden step, and what its maps are compared with.
struct Golden {
    net: Net,
    step: Tensors,
    features: Tensors,
}

impl Golden {
    fn new() -> Self {
        let net = Net::from_toml(include_str!("../../../../seesaw-engine/tests/golden/tiny.toml"))
            .unwrap();
        let step = read(include_bytes!("../../../tests/golden/step.safetensors")).unwrap().0;
        let features =
            read(include_bytes!("../../../tests/golden/features.safetensors")).unwrap().0;
        Self { net, step, features }
    }

    fn data(&self, name: &str) -> &[f32] {
        &self.features.get(name).unwrap().data
    }

    fn target(&self, name: &str) -> Option<TargetMap> {
        let tensor = self.features.get(&format!("target.{name}"))?;
        let [images, channels, ref sides @ ..] = tensor.shape[..] else { unreachable!() };
        let pixels = sides.iter().product();
        let mut map = TargetMap::new(channels, pixels);
        for planar in tensor.data.chunks(tensor.data.len() / images) {
            let mut blocked = vec![0.0; map.image_len()];
            to_cblocks(planar, channels, &mut blocked);
            map.push(&blocked);
        }
        Some(map)
    }

    fn targets(&self, isolated: bool) -> FeatureTargets {
        let blocks = (1..=5).map(|number| self.target(&number.to_string())).collect();
        FeatureTargets { blocks, pooled: self.target("pooled"), weight: 0.7, isolated }
    }

    fn weights(&self) -> NetWeights {
        let mut start = Tensors::new();
        for (name, tensor) in self.step.iter() {
            if let Some(name) = name.strip_prefix("weights.") {
                start.insert(name, tensor.clone());
            }
        }
        NetWeights::from_tensors(&self.net, &start).unwrap()
    }

    /// The loss and the gradients of a step.
    fn run(
        &self,
        targets: &FeatureTargets,
        options: &NetOptions,
        machine: &Machine,
    ) -> (f64, State) {
        let mut train = TrainNet::new(&self.net, options, machine).unwrap();
        let mut state = State::from_weights(&self.weights());
        let mut gradients = vec![f32::NAN; state.parameters.len()];
        let loss = self.step(&mut train, &mut state, targets, &mut gradients).unwrap();
        (loss, State { parameters: gradients, ..state })
    }

    fn step(
        &self,
        train: &mut TrainNet,
        state: &mut State,
        features: &FeatureTargets,
        gradients: &mut [f32],
    ) -> Result<f64, TrainError> {
        let images = &self.step.get("images").unwrap().data;
        let input = StepInput { images, dropout_seed: 0, features: Some(features) };
        let targets = Targets::from_labels(&LABELS);
        let loss = |logits: &[f32], gradient: &mut [f32]| {
            Loss::default().run(logits, 7, &targets, None, gradient)
        };
        train.step(state, input, loss, gradients)
    }
}

#[test]
fn gradients_of_feature_losses_are_pytorchs() {
    let golden = Golden::new();
    let options = NetOptions::new(&golden.net).batch(6);
    for (mode, isolated) in [("whole", false), ("isolated", true)] {
        let targets = golden.targets(isolated);
        let expected = golden.features.iter().filter(|(name, _)| name.contains("gradient."));
        let largest = expected.flat_map(|(_, t)| &t.data).fold(0.0f32, |max, g| max.max(g.abs()));
        for isa in Isa::present() {
            let machine = Machine::new(2, Some(isa)).unwrap();
            let (loss, gradients) = golden.run(&targets, &options, &machine);
            let expected = f64::from(golden.data(&format!("{mode}.loss"))[0]);
            assert!((loss - expected).abs() < 2e-6, "{mode} on {isa}: {loss}, not {expected}");
            let mut named = golden.weights();
            gradients.write_to(&mut named);
            let named = named.to_tensors(&golden.net).unwrap();
            let mut compared = 0;
            for (name, tensor) in golden.features.iter() {
                let prefix = format!("{mode}.gradient.");
                let Some(name) = name.strip_prefix(&prefix) else { continue };
                // Thrice PyTorch's error, and the resolution of f32 at the largest gradient.
                let error = golden.data(&format!("{mode}.float32.{name}"))[0];
                let bound = 3.0 * error + f32::EPSILON * largest;
                for (got, expected) in named.get(name).unwrap().data.iter().zip(&tensor.data) {
                    let far = (got - expected).abs();
                    assert!(far <= bound, "{mode} {name} on {isa}: {got}, not {expected}");
                }
                compared += 1;
            }
            assert!(compared > 40, "{compared} tensors");
        }
    }
}

#[test]
fn threads_change_nothing_and_bf16_little() {
    let golden = Golden::new();
    let options = NetOptions::new(&golden.net).batch(6);
    for isolated in [false, true] {
        let targets = golden.targets(isolated);
        let run = |threads, precision| {
            let machine = Machine::new(threads, None).unwrap();
            golden.run(&targets, &options.clone().precision(precision), &machine)
        };
        let one = run(1, Precision::F32);
        assert!(one == run(3, Precision::F32), "the same to the last bit");
        let rounded = run(1, Precision::Bf16);
        assert!((rounded.0 - one.0).abs() < 0.02 * one.0, "{} and {}", rounded.0, one.0);
    }
}

#[test]
fn a_map_that_is_the_target_adds_nothing() {
    let golden = Golden::new();
    let options = NetOptions::new(&golden.net).batch(6);
    let plain = golden.run(
        &FeatureTargets { blocks: vec![None; 5], ..FeatureTargets::default() },
        &options,
        &Machine::solo(),
    );
    // Of no weight, the maps change nothing either.
    let targets = FeatureTargets { weight: 0.0, ..golden.targets(false) };
    assert_eq!(golden.run(&targets, &options, &Machine::solo()), plain);
}

#[test]
fn targets_of_another_shape_are_refused() {
    let golden = Golden::new();
    let options = NetOptions::new(&golden.net).batch(6);
    let mut train = TrainNet::new(&golden.net, &options, &Machine::solo()).unwrap();
    let mut state = State::from_weights(&golden.weights());
    let mut gradients = vec![0.0; state.parameters.len()];
    let mut short = golden.targets(false);
    short.blocks.pop();
    let mut swapped = golden.targets(false);
    swapped.blocks.swap(0, 2);
    let mut few = golden.targets(false);
    few.pooled = Some(TargetMap::new(40, 1));
    for targets in [short, swapped, few] {
        let error = golden.step(&mut train, &mut state, &targets, &mut gradients).unwrap_err();
        assert!(matches!(error, TrainError::OtherNet { .. }), "{error}");
    }
}
