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
//! dropout, else `classifier.0`, and `classifier` in MobileNetV2. torchvision has names of its own.

use seesaw_arch::{Block, Groups, Net};

use crate::{BatchNorm, ConvBn, NetWeights, Tensors};

/// Whose names a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The published code's, as in the table above.
    Reference,
    /// torchvision's MobileNetV2.
    Torchvision,
}

impl Scheme {
    /// The scheme that these tensors are named by.
    pub fn detect(tensors: &Tensors) -> Self {
        match tensors.get("features.1.conv.0.0.weight") {
            Some(_) => Self::Torchvision,
            None => Self::Reference,
        }
    }
}

/// A layer of a net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Stem,
    Expand(usize),
    Depthwise(usize),
    Project(usize),
    Head,
    Classifier,
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

/// One tensor of a file. Several with the same place follow each other in the weights' order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    pub shape: Vec<usize>,
    pub place: Place,
    pub field: Field,
}

/// All tensors of a net.
pub(crate) fn entries(net: &Net, scheme: Scheme) -> Vec<Entry> {
    let blocks = net.blocks();
    let mut entries = Entries(Vec::new());
    entries.conv("features.0.0", "features.0.1", &[net.stem.channels, 3, 3, 3], Place::Stem);
    for (i, block) in blocks.iter().enumerate() {
        entries.block(&format!("features.{}", i + 1), i, block, scheme);
    }
    let mobile = is_mobile(&blocks);
    let head = match scheme {
        Scheme::Reference if mobile => "conv".to_owned(),
        _ => format!("features.{}", blocks.len() + 1),
    };
    let shape = [net.head.channels, net.trunk_channels(), 1, 1];
    entries.conv(&format!("{head}.0"), &format!("{head}.1"), &shape, Place::Head);
    let linear = classifier(net, mobile, scheme);
    let shape = [net.classes, net.head.channels];
    entries.push(format!("{linear}.weight"), &shape, Place::Classifier, Field::Weight);
    entries.push(format!("{linear}.bias"), &shape[..1], Place::Classifier, Field::Bias);
    entries.0
}

/// The names that the linear layer has in one scheme or another.
pub(crate) const CLASSIFIERS: [&str; 3] = ["classifier.1", "classifier.0", "classifier"];

fn classifier(net: &Net, mobile: bool, scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Torchvision => "classifier.1",
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

struct Entries(Vec<Entry>);

impl Entries {
    fn push(&mut self, name: String, shape: &[usize], place: Place, field: Field) {
        self.0.push(Entry { name, shape: shape.to_vec(), place, field });
    }

    fn norm(&mut self, name: &str, channels: usize, place: Place) {
        for (part, field) in [
            ("weight", Field::Gamma),
            ("bias", Field::Beta),
            ("running_mean", Field::Mean),
            ("running_var", Field::Var),
        ] {
            self.push(format!("{name}.{part}"), &[channels], place, field);
        }
    }

    /// A convolution in one tensor, and its norm.
    fn conv(&mut self, conv: &str, norm: &str, shape: &[usize], place: Place) {
        self.push(format!("{conv}.weight"), shape, place, Field::Weight);
        self.norm(norm, shape[0], place);
    }

    /// A pointwise convolution with a tensor for each group, named in order of the groups.
    fn groups(
        &mut self,
        names: &[String],
        norm: &str,
        groups: &Groups,
        (inputs, outputs): (usize, usize),
        place: Place,
    ) {
        let of = |channels| groups.ranges(channels).unwrap_or_default();
        for (name, (i, o)) in names.iter().zip(of(inputs).into_iter().zip(of(outputs))) {
            self.push(format!("{name}.weight"), &[o.len(), i.len(), 1, 1], place, Field::Weight);
        }
        self.norm(norm, outputs, place);
    }

    fn block(&mut self, prefix: &str, i: usize, block: &Block, scheme: Scheme) {
        let even = block.project.is_even() && block.expand.as_ref().is_none_or(Groups::is_even);
        let sizes = block.expand.as_ref().map(Groups::sizes);
        match (sizes, block.project.sizes()) {
            _ if even => self.even_block(prefix, i, block, scheme),
            (Some([1, 3]), [1, 3]) => self.uneven_block(prefix, i, block, ["11", "21"]),
            (Some([1, 3]), [3, 1]) => self.uneven_block(prefix, i, block, ["21", "11"]),
            _ => self.other_block(prefix, i, block),
        }
    }

    fn even_block(&mut self, prefix: &str, i: usize, block: &Block, scheme: Scheme) {
        let names: &[&str] = match (scheme, block.expand.is_some()) {
            (Scheme::Reference, true) => &["0", "1", "3", "4", "6", "7"],
            (Scheme::Reference, false) => &["", "", "0", "1", "3", "4"],
            (Scheme::Torchvision, true) => &["0.0", "0.1", "1.0", "1.1", "2", "3"],
            (Scheme::Torchvision, false) => &["", "", "0.0", "0.1", "1", "2"],
        };
        let name = |part: usize| format!("{prefix}.conv.{}", names[part]);
        if let Some(groups) = &block.expand {
            let shape = [block.expanded, block.input / groups.count(), 1, 1];
            self.conv(&name(0), &name(1), &shape, Place::Expand(i));
        }
        self.conv(&name(2), &name(3), &[block.expanded, 1, 3, 3], Place::Depthwise(i));
        let shape = [block.output, block.expanded / block.project.count(), 1, 1];
        self.conv(&name(4), &name(5), &shape, Place::Project(i));
    }

    /// A quarter and three quarters; `project` has the numbers of its two parts in order.
    fn uneven_block(&mut self, prefix: &str, i: usize, block: &Block, project: [&str; 2]) {
        let (input, wide, output) = (block.input, block.expanded, block.output);
        let names = |parts: [&str; 2]| parts.map(|p| format!("{prefix}.pwconv{p}.0"));
        let norm = |part| format!("{prefix}.{part}");
        if let Some(groups) = &block.expand {
            let (names, norm) = (names(["10", "20"]), norm("Permu2.0"));
            self.groups(&names, &norm, groups, (input, wide), Place::Expand(i));
        }
        let shape = [wide, 1, 3, 3];
        self.conv(&norm("dwconv.0"), &norm("dwconv.1"), &shape, Place::Depthwise(i));
        let (names, norm) = (names(project), norm("Permu4.0"));
        self.groups(&names, &norm, &block.project, (wide, output), Place::Project(i));
    }

    fn other_block(&mut self, prefix: &str, i: usize, block: &Block) {
        let (input, wide, output) = (block.input, block.expanded, block.output);
        let names = |layer: &str, groups: &Groups| -> Vec<String> {
            (0..groups.count()).map(|g| format!("{prefix}.{layer}.{g}")).collect()
        };
        let norm = |layer: &str| format!("{prefix}.{layer}_norm");
        if let Some(groups) = &block.expand {
            let (names, norm) = (names("expand", groups), norm("expand"));
            self.groups(&names, &norm, groups, (input, wide), Place::Expand(i));
        }
        let conv = format!("{prefix}.depthwise");
        self.conv(&conv, &norm("depthwise"), &[wide, 1, 3, 3], Place::Depthwise(i));
        let (names, norm) = (names("project", &block.project), norm("project"));
        self.groups(&names, &norm, &block.project, (wide, output), Place::Project(i));
    }
}

impl NetWeights {
    /// The values of one kind in one layer; `None` where the net has no such layer.
    pub(crate) fn values(&mut self, place: Place, field: Field) -> Option<&mut Vec<f32>> {
        let ConvBn { weight, bn } = match place {
            Place::Stem => &mut self.stem,
            Place::Expand(i) => self.blocks.get_mut(i)?.expand.as_mut()?,
            Place::Depthwise(i) => &mut self.blocks.get_mut(i)?.depthwise,
            Place::Project(i) => &mut self.blocks.get_mut(i)?.project,
            Place::Head => &mut self.head,
            Place::Classifier => {
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
