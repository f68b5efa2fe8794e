//! Reads ONNX files that this crate wrote.

use std::{fs::File, io::Read, path::Path};

use seesaw_arch::{LayerId, Net, Op, Share, Step};
use seesaw_format::{BatchNorm, BlockWeights, ConvBn, Linear, Metadata, Model, NetWeights};

use super::{
    MAX_FILE,
    forms::{self, Form, Places, is_dense, is_even},
    net::layer_name,
    properties::{FORMS, MAX_METADATA, METADATA},
    wire::{self, damaged},
};
use crate::ExportError;

/// Whether these first bytes are an ONNX file's, as most programs write it: the version of its format,
/// then the name of the program.
pub fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=0x7f, 0x12, ..]) && bytes.get(8) != Some(&b'{')
}

/// Reads a file that [`super::write`] wrote. Batch norms are folded into its weights; those of the
/// model change nothing.
///
/// # Errors
/// [`ExportError::Foreign`] for the files of other programs, and when it cannot be read or is damaged.
pub fn read(path: &Path) -> Result<Model, ExportError> {
    let io = || ExportError::io(path);
    let file = File::open(path).map_err(io())?;
    let len = file.metadata().map_err(io())?.len();
    let mut bytes = Vec::new();
    // Pipes and other special files do not know their length.
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io())?;
    let len = len.max(bytes.len() as u64);
    if len > MAX_FILE {
        return Err(ExportError::FileTooLarge { len, max: MAX_FILE });
    }
    from_bytes(&bytes)
}

/// Reads the bytes of a file that [`super::write`] wrote.
///
/// # Errors
/// Those of [`read`], except for reading.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, ExportError> {
    let file = wire::File::new(bytes)?;
    let json = file.properties.get(METADATA).ok_or(ExportError::Foreign)?;
    if json.len() > MAX_METADATA {
        return Err(damaged(format!("its `seesaw` text is longer than {MAX_METADATA} bytes")));
    }
    let metadata = Metadata::from_json(json)?;
    let reader = Reader { file: &file, eps: metadata.net.batch_norm_eps };
    let weights = reader.weights(&metadata.net)?;
    let mut model = Model::new(metadata.net, weights);
    model.labels = metadata.labels;
    model.preprocess = metadata.preprocess;
    model.origin = metadata.origin;
    Ok(model)
}

struct Reader<'a> {
    file: &'a wire::File<'a>,
    eps: f64,
}

impl Reader<'_> {
    fn weights(&self, net: &Net) -> Result<NetWeights, ExportError> {
        let steps = net.steps();
        let text = self.file.properties.get(FORMS);
        let forms = text.and_then(|text| forms::from_text(&steps, text));
        let forms = forms.ok_or_else(|| damaged("it does not say how its groups are written"))?;
        let places = forms::places(net, &steps, &forms);
        let layers = steps.iter().zip(forms).zip(places);
        let mut layers = layers.map(|((step, form), places)| self.convolution(step, form, &places));
        let mut next = || layers.next().expect("a net has these layers");
        let stem = next()?;
        let mut blocks = Vec::new();
        for block in net.blocks() {
            let expand = block.expand.is_some().then(&mut next).transpose()?;
            blocks.push(BlockWeights { expand, depthwise: next()?, project: next()? });
        }
        let head = next()?;
        let name = layer_name(LayerId::Linear);
        let dims = [net.classes, net.head.channels];
        let classifier = Linear {
            weight: self.file.numbers(&format!("{name}.weight"), &dims)?,
            bias: self.file.numbers(&format!("{name}.bias"), &dims[..1])?,
        };
        Ok(NetWeights { stem, blocks, head, classifier })
    }

    /// The weights of a step; empty for those that are no convolution.
    fn convolution(&self, step: &Step, form: Form, places: &Places) -> Result<ConvBn, ExportError> {
        let name = layer_name(step.id);
        let weight_name = format!("{name}.weight");
        let (inputs, outputs, kernel) = (step.inputs.len(), step.outputs.len(), step.kernel);
        let numbers = |dims: [usize; 4]| self.file.numbers(&weight_name, &dims);
        let weight = match &step.op {
            Op::Convolution => numbers([outputs, inputs, kernel, kernel])?,
            Op::Depthwise => {
                let weights = numbers([outputs, 1, kernel, kernel])?;
                let row = |place: &usize| &weights[place * step.taps()..][..step.taps()];
                places.outputs.iter().flat_map(row).copied().collect()
            }
            Op::Pointwise { shares } if is_dense(form, shares) => {
                groups(&numbers([outputs, inputs, 1, 1])?, shares, places)
                    .ok_or_else(|| damaged(format!("`{weight_name}` connects groups")))?
            }
            Op::Pointwise { shares } if is_even(shares) => {
                numbers([outputs, shares[0].inputs.len(), 1, 1])?
            }
            Op::Pointwise { shares } => return self.uneven(step, shares, &name),
            Op::Pool | Op::Linear => return Ok(self.folded(Vec::new(), Vec::new())),
        };
        let bias = self.file.numbers(&format!("{name}.bias"), &[outputs])?;
        let bias = places.outputs.iter().map(|place| bias[*place]).collect();
        Ok(self.folded(weight, bias))
    }

    /// A convolution for each group.
    fn uneven(&self, step: &Step, shares: &[Share], name: &str) -> Result<ConvBn, ExportError> {
        let (mut weight, mut bias) = (Vec::with_capacity(step.weights()), Vec::new());
        for (group, share) in shares.iter().enumerate() {
            let dims = [share.outputs.len(), share.inputs.len(), 1, 1];
            weight.extend(self.file.numbers(&format!("{name}.{group}.weight"), &dims)?);
            bias.extend(self.file.numbers(&format!("{name}.{group}.bias"), &dims[..1])?);
        }
        Ok(self.folded(weight, bias))
    }

    /// A convolution with this bias, as a batch norm that multiplies by 1 as exactly as numbers allow:
    /// the product of a weight and its scale rounds to the weight.
    fn folded(&self, weight: Vec<f32>, bias: Vec<f32>) -> ConvBn {
        let channels = bias.len();
        // The scale is `gamma / sqrt(var + eps)`, and a net's eps is at most 1.
        let var = 1.0 - self.eps;
        let all = |value: f64| vec![value as f32; channels];
        let bn = BatchNorm { gamma: all(1.0), beta: bias, mean: all(0.0), var: all(var) };
        ConvBn { weight, bn }
    }
}

/// The weights of each group from a dense matrix; `None` if there is anything but 0 between the groups.
fn groups(matrix: &[f32], shares: &[Share], places: &Places) -> Option<Vec<f32>> {
    let inputs = places.inputs.len();
    let mut weights = Vec::with_capacity(shares.iter().map(Share::weights).sum());
    for share in shares {
        for output in share.outputs.clone() {
            let row = &matrix[places.outputs[output] * inputs..][..inputs];
            for (input, place) in places.inputs.iter().enumerate() {
                if share.inputs.contains(&input) {
                    weights.push(row[*place]);
                } else if row[*place] != 0.0 {
                    return None;
                }
            }
        }
    }
    Some(weights)
}
