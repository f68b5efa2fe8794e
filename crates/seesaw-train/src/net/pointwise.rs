//! A pointwise convolution in either precision.

use seesaw_kernels::{
    Bf16Token, IsaToken, KernelError,
    train::{GroupPlaces, PointwiseShape, PointwiseTraining, PointwiseTrainingBf16},
};

use super::Precision;

/// A pointwise convolution.
#[derive(Debug, Clone)]
pub(super) enum Pointwise {
    F32(PointwiseTraining),
    Bf16(PointwiseTrainingBf16),
}

impl Pointwise {
    /// A convolution that multiplies in `precision`.
    pub fn new(
        token: IsaToken,
        precision: Precision,
        (inputs, outputs): (usize, usize),
        groups: &[GroupPlaces<'_>],
    ) -> Result<Self, KernelError> {
        let shape = PointwiseShape { inputs, outputs, groups };
        Ok(match precision {
            Precision::F32 => Self::F32(PointwiseTraining::new(token, &shape, false)?),
            Precision::Bf16 => Self::Bf16(PointwiseTrainingBf16::new(bf16(token), &shape, false)?),
        })
    }

    /// A convolution in f32 with biases after the weights.
    pub fn biased(
        token: IsaToken,
        (inputs, outputs): (usize, usize),
        groups: &[GroupPlaces<'_>],
    ) -> Result<Self, KernelError> {
        let shape = PointwiseShape { inputs, outputs, groups };
        PointwiseTraining::new(token, &shape, true).map(Self::F32)
    }

    /// Whether it multiplies in bf16.
    pub fn is_bf16(&self) -> bool {
        matches!(self, Self::Bf16(_))
    }

    /// The convolution that was made in f32.
    pub fn f32(&self) -> &PointwiseTraining {
        let Self::F32(conv) = self else { unreachable!("the convolution is in f32") };
        conv
    }

    /// The convolution that was made in bf16.
    pub fn bf16(&self) -> &PointwiseTrainingBf16 {
        let Self::Bf16(conv) = self else { unreachable!("the convolution is in bf16") };
        conv
    }

    /// Takes new weights.
    pub fn set(&mut self, weights: &[f32]) {
        match self {
            Self::F32(conv) => conv.set(weights),
            Self::Bf16(conv) => conv.set(weights),
        }
    }

    /// f32 of a gradient in packed order.
    pub fn packed_len(&self) -> usize {
        match self {
            Self::F32(conv) => conv.packed_len(),
            Self::Bf16(conv) => conv.packed_len(),
        }
    }

    /// Writes a gradient in packed order into the order of the weights.
    pub fn unpack(&self, packed: &[f32], gradient: &mut [f32]) {
        match self {
            Self::F32(conv) => conv.unpack(packed, gradient),
            Self::Bf16(conv) => conv.unpack(packed, gradient),
        }
    }
}

/// The bf16 kernels that go with an instruction set; where it has none, the portable ones.
pub(super) fn bf16(token: IsaToken) -> Bf16Token {
    token.bf16().unwrap_or_else(Bf16Token::portable)
}
