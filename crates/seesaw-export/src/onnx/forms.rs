//! How grouped convolutions and shuffles are written, and where that leaves the channels.

use seesaw_arch::{Block, Flow, LayerId, Net, Op, Share, Step};

use super::Groups;

/// The most inputs for which a grouped convolution is always dense with [`Groups::Auto`].
const DENSE_UP_TO: usize = 64;
/// With [`Groups::Auto`], groups whose channels are no multiple of this are not worth their own
/// convolution: other engines keep 8 or 16 channels in a vector.
const WHOLE: usize = 16;

/// How a pointwise convolution is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One convolution without groups, zeros between the groups, whose rows are in the order that a
    /// shuffle after it would make.
    Dense,
    /// As drawn in the paper: a convolution for each group, or one with equal groups, and the shuffle.
    Split,
}

/// Where a step's channels lie in the maps of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Of each input channel.
    pub inputs: Vec<usize>,
    /// Of each output channel, before `shuffle`.
    pub outputs: Vec<usize>,
    /// A shuffle before the step, which must be computed.
    pub shuffle_input: Flow,
    /// A shuffle after the step, which must be computed.
    pub shuffle_output: Flow,
}

/// The form of each step; those that are no pointwise convolutions are [`Form::Split`].
pub(super) fn forms(net: &Net, steps: &[Step], groups: Groups) -> Vec<Form> {
    let blocks = net.blocks();
    let form = |step: &Step| {
        let Op::Pointwise { shares } = &step.op else { return Form::Split };
        match groups {
            Groups::Dense => Form::Dense,
            Groups::Split => Form::Split,
            Groups::Auto => auto(shares, step.inputs.len(), is_shuffled(&blocks, step.id)),
        }
    };
    steps.iter().map(form).collect()
}

/// Measured in ONNX Runtime 1.32 on AVX-512: dense unless the groups fill whole vectors and are large.
/// A shuffle costs more than the zeros that absorb it.
fn auto(shares: &[Share], inputs: usize, is_shuffled: bool) -> Form {
    let whole = |share: &Share| {
        [&share.inputs, &share.outputs].iter().all(|range| range.len().is_multiple_of(WHOLE))
    };
    if is_shuffled || inputs <= DENSE_UP_TO || !shares.iter().all(whole) {
        Form::Dense
    } else {
        Form::Split
    }
}

/// Whether a shuffle would have to be computed next to this convolution if it were split.
fn is_shuffled(blocks: &[Block], id: LayerId) -> bool {
    match id {
        LayerId::Expand(number) => blocks[number - 1].flow != Flow::Keep,
        LayerId::Project(number) => {
            let block = &blocks[number - 1];
            block.output_flow != Flow::Keep || (block.expand.is_none() && block.flow != Flow::Keep)
        }
        _ => false,
    }
}

/// Where each step's channels lie. Between blocks, channels lie in the net's own order.
pub(super) fn places(net: &Net, steps: &[Step], forms: &[Form]) -> Vec<Places> {
    let blocks = net.blocks();
    let project_form = |number: usize| {
        let at = steps.iter().position(|step| step.id == LayerId::Project(number));
        at.map_or(Form::Split, |at| forms[at])
    };
    let place = |(step, form): (&Step, &Form)| match step.id {
        LayerId::Expand(number) | LayerId::Project(number) => {
            pointwise(step, *form, &blocks[number - 1])
        }
        LayerId::Depthwise(number) => depthwise(step, project_form(number), &blocks[number - 1]),
        _ => in_order(step),
    };
    steps.iter().zip(forms).map(place).collect()
}

/// Channels in their own order, and no shuffle.
fn in_order(step: &Step) -> Places {
    Places {
        inputs: (0..step.inputs.len()).collect(),
        outputs: (0..step.outputs.len()).collect(),
        shuffle_input: Flow::Keep,
        shuffle_output: Flow::Keep,
    }
}

/// The shuffle that follows is the order of a dense convolution's rows.
fn pointwise(step: &Step, form: Form, block: &Block) -> Places {
    let mut places = in_order(step);
    let is_expand = matches!(step.id, LayerId::Expand(_));
    let flow = if is_expand { block.flow } else { block.output_flow };
    match form {
        Form::Dense => {
            places.outputs = flow.destinations(step.outputs.len());
            if !is_expand && block.expand.is_none() {
                // As the depthwise convolution has them.
                places.inputs.clone_from(&step.inputs);
            }
        }
        Form::Split => places.shuffle_output = flow,
    }
    places
}

/// Without an expand convolution before it, the shuffle is absorbed by the order of the depthwise
/// channels if a dense convolution after it can undo that.
fn depthwise(step: &Step, project: Form, block: &Block) -> Places {
    let mut places = in_order(step);
    match project {
        _ if block.expand.is_some() => {}
        Form::Dense => {
            places.inputs.clone_from(&step.inputs);
            places.outputs.clone_from(&step.outputs);
        }
        Form::Split => places.shuffle_input = block.flow,
    }
    places
}

/// The forms of the pointwise convolutions as a text: `d` for dense, `s` for split.
pub(super) fn to_text(steps: &[Step], forms: &[Form]) -> String {
    let letters = steps.iter().zip(forms).filter(|(step, _)| is_pointwise(step));
    letters.map(|(_, form)| if *form == Form::Dense { 'd' } else { 's' }).collect()
}

/// What [`to_text`] wrote; `None` if it is for other steps.
pub(super) fn from_text(steps: &[Step], text: &str) -> Option<Vec<Form>> {
    let mut letters = text.bytes();
    let mut form = |step: &Step| match is_pointwise(step).then(|| letters.next()) {
        None => Some(Form::Split),
        Some(Some(b'd')) => Some(Form::Dense),
        Some(Some(b's')) => Some(Form::Split),
        Some(_) => None,
    };
    let forms: Option<Vec<Form>> = steps.iter().map(&mut form).collect();
    forms.filter(|_| letters.next().is_none())
}

fn is_pointwise(step: &Step) -> bool {
    matches!(step.op, Op::Pointwise { .. })
}

/// Whether a convolution in this form is a single dense matrix.
pub(super) fn is_dense(form: Form, shares: &[Share]) -> bool {
    form == Form::Dense || shares.len() == 1
}

/// Whether all groups are of one size, so that ONNX has an operator for them.
pub(super) fn is_even(shares: &[Share]) -> bool {
    let size = |share: &Share| (share.inputs.len(), share.outputs.len());
    shares.iter().all(|share| size(share) == size(&shares[0]))
}

#[cfg(test)]
mod tests {
    use seesaw_arch::zoo;

    use super::*;

    #[test]
    fn auto_leaves_no_shuffle_and_splits_only_large_whole_groups() {
        for net in zoo::all() {
            let steps = net.steps();
            let forms = forms(&net, &steps, Groups::Auto);
            for places in places(&net, &steps, &forms) {
                assert_eq!(
                    (places.shuffle_input, places.shuffle_output),
                    (Flow::Keep, Flow::Keep),
                    "{}",
                    net.name
                );
            }
            for (step, form) in steps.iter().zip(&forms) {
                if let (Op::Pointwise { shares }, Form::Split) = (&step.op, form) {
                    assert!(step.inputs.len() > 64, "{} {}", net.name, step.id);
                    assert!(shares.iter().all(|s| s.inputs.len() % 16 == 0));
                }
            }
            assert_eq!(from_text(&steps, &to_text(&steps, &forms)), Some(forms));
        }
        let net = zoo::net("seesaw-share-v1-0.5d-imagenet").unwrap();
        let text = to_text(&net.steps(), &forms(&net, &net.steps(), Groups::Auto));
        assert!(text.contains('d') && text.contains('s'), "{text}");
    }

    #[test]
    fn forms_of_another_net_are_refused() {
        let steps = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap().steps();
        let text = to_text(&steps, &vec![Form::Dense; steps.len()]);
        for wrong in [&text[1..], &format!("{text}d"), "", &text.replacen('d', "x", 1)] {
            assert_eq!(from_text(&steps, wrong), None, "{wrong}");
        }
    }
}
