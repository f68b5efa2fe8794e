//! Which tensor of a file is which weight of a net.
//!
//! Names are those of the published code, so that its checkpoints and ours are interchangeable:
//!
//! | block | expand | depthwise | project |
//! |---|---|---|---|
//! | groups of one size | `conv.0`, norm `conv.1` | `conv.3`, `conv.4` | `conv.6`, `conv.7` |
//! | the same without expand | | `conv.0`, `conv.1` | `conv.3`, `conv.4` |
//! | 1:3, then 1:3 or 3:1 | `pwconv10.0`, `pwconv20.0`, `Permu2.0` | `dwconv.0`, `dwconv.1` | `pwconv11.0` (the quarter), `pwconv21.0`, `Permu4.0` |
//! | any other | `expand.G`, `expand_norm` | `depthwise`, `depthwise_norm` | `project.G`, `project_norm` |
//!
//! The stem is `features.0`; a net of N blocks has its head at `features.N+1`, but nets whose blocks
//! are all dense follow MobileNetV2 and have it at `conv`. The linear layer is `classifier.1` after a
//! dropout, else `classifier.0`, and `classifier` in MobileNetV2. Other packages have names of their
//! own for the nets whose blocks are dense: see [`Scheme`].

use seesaw_arch::{Block, Groups, LayerId, Net};

use crate::{BatchNorm, ConvBn, NetWeights, Tensors};

/// Whose names a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The published code's, as in the table above.
    Reference,
    /// torchvision's MobileNetV2.
    Torchvision,
    /// The package `efficientnet-lite-pytorch`: `_conv_stem`, `_bn0`; in block N from 0
    /// `_blocks.N._expand_conv`, `_bn0`, `_depthwise_conv`, `_bn1`, `_project_conv`, `_bn2`;
    /// `_conv_head`, `_bn1`; `_fc`.
    EfficientNetLite,
    /// timm's MobileNetV2 and EfficientNet-Lite: `conv_stem`, `bn1`; in block B of stage S from 0
    /// `blocks.S.B.conv_pw`, `bn1`, `conv_dw`, `bn2`, `conv_pwl`, `bn3`, or without expand `conv_dw`,
    /// `bn1`, `conv_pw`, `bn2`; `conv_head`, `bn2`; `classifier`.
    Timm,
    /// MobileNetV2 of Hugging Face's transformers: convolutions are `convolution`, norms
    /// `normalization`, in `mobilenet_v2.conv_stem.first_conv`; in block N from 2
    /// `mobilenet_v2.layer.{N-2}.expand_1x1`, `conv_3x3`, `reduce_1x1`, and block 1 without expand in
    /// `conv_stem`; `mobilenet_v2.conv_1x1`; `classifier`.
    HuggingFace,
}

/// The weights of the stem's convolution in all schemes. Each net has one, and no other layer is called
/// that.
const STEMS: [&str; 4] = [
    "features.0.0.weight",
    "_conv_stem.weight",
    "conv_stem.weight",
    "mobilenet_v2.conv_stem.first_conv.convolution.weight",
];

/// What the names of a net's tensors begin with, in each net that is among these tensors; empty where
/// names are as its package has them.
pub(crate) fn stem_prefixes<'a>(
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>,
) -> Vec<String> {
    let is_stem = |shape: &[usize]| matches!(shape, [_, 3, 3, 3]);
    let prefix = |name: &'a str| {
        let mut prefixes = STEMS.iter().filter_map(|stem| name.strip_suffix(stem));
        prefixes.find(|prefix| prefix.is_empty() || prefix.ends_with('.'))
    };
    let stems = tensors.into_iter().filter(|(_, shape)| is_stem(shape));
    let mut prefixes: Vec<String> =
        stems.filter_map(|(name, _)| prefix(name).map(str::to_owned)).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

impl Scheme {
    /// The scheme that these tensors are named by.
    pub fn detect(tensors: &Tensors) -> Self {
        let has = |name| tensors.get(name).is_some();
        if has("features.1.conv.0.0.weight") {
            Self::Torchvision
        } else if has(STEMS[1]) {
            Self::EfficientNetLite
        } else if has(STEMS[2]) {
            Self::Timm
        } else if has(STEMS[3]) {
            Self::HuggingFace
        } else {
            Self::Reference
        }
    }

    /// Convolution and norm of the stem.
    fn stem(self) -> [&'static str; 2] {
        match self {
            Self::Reference | Self::Torchvision => ["features.0.0", "features.0.1"],
            Self::EfficientNetLite => ["_conv_stem", "_bn0"],
            Self::Timm => ["conv_stem", "bn1"],
            Self::HuggingFace => [
                "mobilenet_v2.conv_stem.first_conv.convolution",
                "mobilenet_v2.conv_stem.first_conv.normalization",
            ],
        }
    }

    /// Convolution and norm of the head after these blocks.
    fn head(self, blocks: &[Block]) -> [String; 2] {
        let names = match self {
            Self::EfficientNetLite => ["_conv_head", "_bn1"],
            Self::Timm => ["conv_head", "bn2"],
            Self::HuggingFace => {
                ["mobilenet_v2.conv_1x1.convolution", "mobilenet_v2.conv_1x1.normalization"]
            }
            Self::Reference if is_mobile(blocks) => ["conv.0", "conv.1"],
            Self::Reference | Self::Torchvision => {
                return ["0", "1"].map(|part| format!("features.{}.{part}", blocks.len() + 1));
            }
        };
        names.map(str::to_owned)
    }
}

/// A kind of tensor in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Weight,
    Bias,
    Gamma,
    Beta,
    Mean,
    Var,
}

/// One tensor of a file. Those of one layer and field follow each other in the weights' order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    pub shape: Vec<usize>,
    pub layer: LayerId,
    pub field: Field,
}

/// All tensors of a net.
pub(crate) fn entries(net: &Net, scheme: Scheme) -> Vec<Entry> {
    let blocks = net.blocks();
    let mut entries = Entries(Vec::new());
    let [conv, norm] = scheme.stem();
    entries.conv(conv, norm, &[net.stem.channels, 3, 3, 3], LayerId::Stem);
    let places = (0..).zip(&net.stages).flat_map(|(stage, row)| {
        let place = move |index| [stage, index];
        (0..row.repeat).map(place)
    });
    for ((number, block), place) in (1..).zip(&blocks).zip(places) {
        let prefix = format!("features.{number}");
        entries.block(&NamedBlock { block, number, place, prefix }, scheme);
    }
    let [conv, norm] = scheme.head(&blocks);
    let shape = [net.head.channels, net.trunk_channels(), 1, 1];
    entries.conv(&conv, &norm, &shape, LayerId::Head);
    let linear = classifier(net, is_mobile(&blocks), scheme);
    let shape = [net.classes, net.head.channels];
    entries.push(format!("{linear}.weight"), &shape, LayerId::Linear, Field::Weight);
    entries.push(format!("{linear}.bias"), &shape[..1], LayerId::Linear, Field::Bias);
    entries.0
}

/// The names that the linear layer has in one scheme or another.
pub(crate) const CLASSIFIERS: [&str; 4] = ["classifier.1", "classifier.0", "classifier", "_fc"];

fn classifier(net: &Net, mobile: bool, scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Torchvision => "classifier.1",
        Scheme::EfficientNetLite => "_fc",
        Scheme::Timm | Scheme::HuggingFace => "classifier",
        Scheme::Reference if mobile => "classifier",
        Scheme::Reference if net.head.dropout > 0.0 => "classifier.1",
        Scheme::Reference => "classifier.0",
    }
}

/// Whether all convolutions are dense, as in MobileNetV2.
fn is_mobile(blocks: &[Block]) -> bool {
    let dense = |groups: &Groups| groups.count() == 1;
    blocks.iter().all(|b| b.expand.as_ref().is_none_or(dense) && dense(&b.project))
}

/// A block with its number, from 1; its place, as the numbers of its stage and within it, from 0; and
/// the prefix of its tensors' names in the published code.
struct NamedBlock<'a> {
    block: &'a Block,
    number: usize,
    place: [usize; 2],
    prefix: String,
}

/// A pointwise convolution whose groups are separate tensors.
struct GroupedConv<'a> {
    groups: &'a Groups,
    inputs: usize,
    outputs: usize,
    layer: LayerId,
}

impl NamedBlock<'_> {
    fn expand(&self) -> Option<GroupedConv<'_>> {
        let Block { input, expanded, ref expand, .. } = *self.block;
        let layer = LayerId::Expand(self.number);
        expand.as_ref().map(|groups| GroupedConv {
            groups,
            inputs: input,
            outputs: expanded,
            layer,
        })
    }

    /// Convolution and norm of expand, depthwise and project, where no convolution is in parts. A block
    /// without expand does not use the first two.
    fn even_names(&self, scheme: Scheme) -> [String; 6] {
        let number = self.number;
        let (prefix, parts) = match (scheme, self.block.expand.is_some()) {
            (Scheme::Reference, true) => (self.conv(), ["0", "1", "3", "4", "6", "7"]),
            (Scheme::Reference, false) => (self.conv(), ["", "", "0", "1", "3", "4"]),
            (Scheme::Torchvision, true) => (self.conv(), ["0.0", "0.1", "1.0", "1.1", "2", "3"]),
            (Scheme::Torchvision, false) => (self.conv(), ["", "", "0.0", "0.1", "1", "2"]),
            (Scheme::EfficientNetLite, _) => (
                format!("_blocks.{}", number - 1),
                ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"],
            ),
            (Scheme::Timm, true) => {
                (self.in_stage(), ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"])
            }
            (Scheme::Timm, false) => {
                (self.in_stage(), ["", "", "conv_dw", "bn1", "conv_pw", "bn2"])
            }
            (Scheme::HuggingFace, _) => {
                let prefix = match number.checked_sub(2) {
                    None => "mobilenet_v2.conv_stem".to_owned(),
                    Some(layer) => format!("mobilenet_v2.layer.{layer}"),
                };
                let names = ["expand_1x1", "conv_3x3", "reduce_1x1"].map(|conv| {
                    ["convolution", "normalization"].map(|part| format!("{prefix}.{conv}.{part}"))
                });
                let [[a, b], [c, d], [e, f]] = names;
                return [a, b, c, d, e, f];
            }
        };
        parts.map(|part| format!("{prefix}.{part}"))
    }

    fn conv(&self) -> String {
        format!("{}.conv", self.prefix)
    }

    fn in_stage(&self) -> String {
        let [stage, index] = self.place;
        format!("blocks.{stage}.{index}")
    }

    fn depthwise_shape(&self) -> [usize; 4] {
        [self.block.expanded, 1, self.block.kernel, self.block.kernel]
    }

    fn project(&self) -> GroupedConv<'_> {
        let Block { expanded, output, ref project, .. } = *self.block;
        let layer = LayerId::Project(self.number);
        GroupedConv { groups: project, inputs: expanded, outputs: output, layer }
    }
}

struct Entries(Vec<Entry>);

impl Entries {
    fn push(&mut self, name: String, shape: &[usize], layer: LayerId, field: Field) {
        self.0.push(Entry { name, shape: shape.to_vec(), layer, field });
    }

    fn norm(&mut self, name: &str, channels: usize, layer: LayerId) {
        for (part, field) in [
            ("weight", Field::Gamma),
            ("bias", Field::Beta),
            ("running_mean", Field::Mean),
            ("running_var", Field::Var),
        ] {
            self.push(format!("{name}.{part}"), &[channels], layer, field);
        }
    }

    /// A convolution in one tensor, and its norm.
    fn conv(&mut self, conv: &str, norm: &str, shape: &[usize], layer: LayerId) {
        self.push(format!("{conv}.weight"), shape, layer, Field::Weight);
        self.norm(norm, shape[0], layer);
    }

    /// A pointwise convolution with a tensor for each group, named in the order of the groups, and its
    /// norm.
    fn grouped(&mut self, conv: &GroupedConv<'_>, names: &[String], norm: &str) {
        let shares = conv.groups.shares(conv.inputs, conv.outputs);
        debug_assert_eq!(names.len(), shares.len(), "a name for each group");
        for (name, share) in names.iter().zip(shares) {
            let shape = [share.outputs.len(), share.inputs.len(), 1, 1];
            self.push(format!("{name}.weight"), &shape, conv.layer, Field::Weight);
        }
        self.norm(norm, conv.outputs, conv.layer);
    }

    fn block(&mut self, named: &NamedBlock<'_>, scheme: Scheme) {
        let Block { expand, project, .. } = named.block;
        let even = project.is_even() && expand.as_ref().is_none_or(Groups::is_even);
        match (expand.as_ref().map(Groups::sizes), project.sizes()) {
            _ if even => self.even_block(named, scheme),
            (Some([1, 3]), [1, 3]) => self.uneven_block(named, ["11", "21"]),
            (Some([1, 3]), [3, 1]) => self.uneven_block(named, ["21", "11"]),
            _ => self.other_block(named),
        }
    }

    /// Groups of one size, each convolution in one tensor.
    fn even_block(&mut self, named: &NamedBlock<'_>, scheme: Scheme) {
        let &NamedBlock { block, number, .. } = named;
        let names = named.even_names(scheme);
        if let Some(groups) = &block.expand {
            let shape = [block.expanded, block.input / groups.count(), 1, 1];
            self.conv(&names[0], &names[1], &shape, LayerId::Expand(number));
        }
        let shape = named.depthwise_shape();
        self.conv(&names[2], &names[3], &shape, LayerId::Depthwise(number));
        let shape = [block.output, block.expanded / block.project.count(), 1, 1];
        self.conv(&names[4], &names[5], &shape, LayerId::Project(number));
    }

    /// A quarter and three quarters; `project` has the numbers of its two parts in order.
    fn uneven_block(&mut self, named: &NamedBlock<'_>, project: [&str; 2]) {
        let prefix = &named.prefix;
        let names = |parts: [&str; 2]| parts.map(|part| format!("{prefix}.pwconv{part}.0"));
        if let Some(expand) = named.expand() {
            self.grouped(&expand, &names(["10", "20"]), &format!("{prefix}.Permu2.0"));
        }
        let [conv, norm] = ["0", "1"].map(|part| format!("{prefix}.dwconv.{part}"));
        self.conv(&conv, &norm, &named.depthwise_shape(), LayerId::Depthwise(named.number));
        self.grouped(&named.project(), &names(project), &format!("{prefix}.Permu4.0"));
    }

    /// Any other groups, under names of our own.
    fn other_block(&mut self, named: &NamedBlock<'_>) {
        let prefix = &named.prefix;
        let names = |conv: &GroupedConv<'_>, layer: &str| -> Vec<String> {
            (0..conv.groups.count()).map(|group| format!("{prefix}.{layer}.{group}")).collect()
        };
        let norm = |layer: &str| format!("{prefix}.{layer}_norm");
        if let Some(expand) = named.expand() {
            self.grouped(&expand, &names(&expand, "expand"), &norm("expand"));
        }
        let (conv, layer) = (format!("{prefix}.depthwise"), LayerId::Depthwise(named.number));
        self.conv(&conv, &norm("depthwise"), &named.depthwise_shape(), layer);
        let project = named.project();
        self.grouped(&project, &names(&project, "project"), &norm("project"));
    }
}

impl NetWeights {
    /// The values of one field of one layer; `None` where these weights have no such layer.
    pub(crate) fn values(&mut self, layer: LayerId, field: Field) -> Option<&mut Vec<f32>> {
        let block = |number: usize| number.checked_sub(1);
        let ConvBn { weight, bn } = match layer {
            LayerId::Stem => &mut self.stem,
            LayerId::Expand(number) => self.blocks.get_mut(block(number)?)?.expand.as_mut()?,
            LayerId::Depthwise(number) => &mut self.blocks.get_mut(block(number)?)?.depthwise,
            LayerId::Project(number) => &mut self.blocks.get_mut(block(number)?)?.project,
            LayerId::Head => &mut self.head,
            LayerId::Pool => return None,
            LayerId::Linear => {
                return match field {
                    Field::Weight => Some(&mut self.classifier.weight),
                    Field::Bias => Some(&mut self.classifier.bias),
                    _ => None,
                };
            }
        };
        let BatchNorm { gamma, beta, mean, var } = bn;
        match field {
            Field::Weight => Some(weight),
            Field::Gamma => Some(gamma),
            Field::Beta => Some(beta),
            Field::Mean => Some(mean),
            Field::Var => Some(var),
            Field::Bias => None,
        }
    }
}
