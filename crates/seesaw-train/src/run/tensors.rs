//! Flat vectors as named tensors, and vice versa.

use seesaw_arch::Net;
use seesaw_format::{NetWeights, Tensor, Tensors};

use crate::{TrainError, layout::State};

/// The state under the names of model files.
pub(super) fn from_state(net: &Net, state: &State) -> Result<Tensors, TrainError> {
    let mut weights = NetWeights::zeros(net)?;
    state.write_to(&mut weights);
    Ok(weights.to_tensors(net)?)
}

/// Counterpart of [`from_state`].
pub(super) fn to_state(net: &Net, tensors: &Tensors) -> Result<State, TrainError> {
    Ok(State::from_weights(&NetWeights::from_tensors(net, tensors)?))
}

/// A value for each parameter, such as a momentum, under the names of the parameters.
pub(super) fn from_parameters(net: &Net, values: &[f32]) -> Result<Tensors, TrainError> {
    let mut state = State::from_weights(&NetWeights::zeros(net)?);
    state.parameters.copy_from_slice(values);
    let tensors = from_state(net, &state)?;
    let parameters = tensors.iter().filter(|(name, _)| !is_statistic(name));
    Ok(parameters.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect())
}

/// Counterpart of [`from_parameters`].
pub(super) fn to_parameters(net: &Net, tensors: Tensors) -> Result<Vec<f32>, TrainError> {
    let mut all = tensors;
    let fresh = NetWeights::zeros(net)?.to_tensors(net)?;
    for (name, tensor) in fresh.iter().filter(|(name, _)| is_statistic(name)) {
        all.insert(name, Tensor::clone(tensor));
    }
    Ok(to_state(net, &all)?.parameters)
}

fn is_statistic(name: &str) -> bool {
    name.ends_with(".running_mean") || name.ends_with(".running_var")
}
