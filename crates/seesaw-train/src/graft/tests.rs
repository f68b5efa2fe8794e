use seesaw_arch::zoo;

use super::*;

fn net(name: &str) -> Net {
    zoo::net(name).unwrap()
}

/// Random weights whose batch norms are all different.
fn weights(net: &Net, seed: u64) -> NetWeights {
    let mut weights = NetWeights::random(net, seed).unwrap();
    let mut count = 0;
    let mut stir = |bn: &mut BatchNorm| {
        for values in [&mut bn.gamma, &mut bn.var] {
            for value in values {
                count += 1;
                *value = 0.5 + (count % 11) as f32 / 10.0;
            }
        }
    };
    for block in &mut weights.blocks {
        block.expand.iter_mut().for_each(|conv| stir(&mut conv.bn));
        stir(&mut block.depthwise.bn);
        stir(&mut block.project.bn);
    }
    weights
}

#[test]
fn a_net_that_is_grafted_on_itself_is_the_same_net() {
    for name in ["mobilenetv2-1.0-imagenet", "seesaw-shuffle-0.5d-imagenet", "igcv3-0.5d-imagenet"]
    {
        let net = net(name);
        let teacher = weights(&net, 3);
        let classes: Vec<u32> = (0..net.classes as u32).collect();
        let graft =
            graft(&net, NetWeights::random(&net, 4).unwrap(), (&net, &teacher), Some(&classes))
                .unwrap();
        assert!(graft.stem && graft.head);
        let all = |kept: &Option<f64>| (kept.unwrap() - 1.0).abs() < 1e-9;
        assert!(graft.kept.iter().all(all), "{name}: {:?}", graft.kept);
        assert!(graft.weights.classifier == teacher.classifier);
        // The channels inside a block may have changed their places, which changes no output.
        let machine = seesaw_kernels::Machine::solo();
        let run = |weights: &NetWeights| {
            let options = seesaw_engine::Options::new(&net).input_size(64);
            let plan = seesaw_engine::compile(&net, weights, &options, &machine).unwrap();
            let image: Vec<f32> = (0..3 * 64 * 64).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect();
            plan.logits(&image).unwrap()
        };
        let (expected, found) = (run(&teacher), run(&graft.weights));
        let largest = expected.iter().fold(0.0f32, |max, logit| max.max(logit.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4 * largest, "{name}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_teacher_with_another_epsilon_computes_the_same_in_the_end() {
    let mut teacher = net("mobilenetv2-1.0-imagenet");
    teacher.batch_norm_eps = 1e-3;
    let net = net("mobilenetv2-1.0-imagenet");
    let source = weights(&teacher, 3);
    let fresh = NetWeights::random(&net, 4).unwrap();
    let graft = graft(&net, fresh, (&teacher, &source), None).unwrap();
    let norms = [(&graft.weights.stem, &source.stem), (&graft.weights.head, &source.head)];
    for (own, other) in norms {
        for (own, other) in own.bn.var.iter().zip(&other.bn.var) {
            assert!((own + 1e-5 - (other + 1e-3)).abs() < 1e-6, "{own} and {other}");
        }
    }
}

#[test]
fn groups_keep_more_than_their_share_of_a_dense_block() {
    let teacher = net("mobilenetv2-1.0-imagenet");
    let source = weights(&teacher, 3);
    for name in
        ["seesaw-shuffle-0.5d-imagenet", "seesaw-share-v1-0.5d-imagenet", "igcv3-0.5d-imagenet"]
    {
        let net = net(name);
        let fresh = NetWeights::random(&net, 4).unwrap();
        let graft = graft(&net, fresh.clone(), (&teacher, &source), None).unwrap();
        for (number, (kept, block)) in graft.kept.iter().zip(net.blocks()).enumerate() {
            let kept = kept.expect("every block has a counterpart");
            // With channels in any order, paths are kept in proportion to the groups' weights.
            let share = |groups: &seesaw_arch::Groups, inputs, outputs| {
                let own: usize = groups.shares(inputs, outputs).iter().map(Share::weights).sum();
                own as f64 / (inputs * outputs) as f64
            };
            let expand =
                block.expand.as_ref().map_or(1.0, |g| share(g, block.input, block.expanded));
            let chance = expand * share(&block.project, block.expanded, block.output);
            assert!(kept > 1.02 * chance && kept < 1.0, "{name} {number}: {kept} of {chance}");
        }
        assert_eq!(graft.weights.head, source.head);
        assert_eq!(graft.weights.classifier, fresh.classifier, "the classes are unknown");
    }
}

#[test]
fn blocks_without_a_counterpart_pass_their_input_on() {
    let teacher = net("mobilenetv2-1.0-imagenet");
    let net = net("seesaw-shuffle-1.0d-imagenet");
    let fresh = NetWeights::random(&net, 4).unwrap();
    let columns = [7, 7, 3];
    let net = net.with_classes(3);
    let fresh = NetWeights { classifier: NetWeights::random(&net, 4).unwrap().classifier, ..fresh };
    let source = weights(&teacher, 3);
    let graft = graft(&net, fresh, (&teacher, &source), Some(&columns)).unwrap();
    assert_eq!(graft.kept.iter().filter(|kept| kept.is_some()).count(), 17);
    for (block, kept) in graft.weights.blocks.iter().zip(&graft.kept) {
        assert_eq!(block.project.bn.gamma.iter().all(|gamma| *gamma == 0.0), kept.is_none());
    }
    let row = &source.classifier.weight[3 * 1280..4 * 1280];
    assert_eq!(&graft.weights.classifier.weight[2 * 1280..], row);
    assert_eq!(graft.weights.classifier.bias[0], source.classifier.bias[7]);
}

#[test]
fn a_net_with_other_stages_cannot_be_grafted() {
    let teacher = net("mobilenetv2-1.0-imagenet");
    let small = Net::from_toml(include_str!("../../tests/tiny.toml")).unwrap();
    let fresh = NetWeights::random(&small, 1).unwrap();
    let source = weights(&teacher, 3);
    let error = graft(&small, fresh, (&teacher, &source), None).unwrap_err();
    assert!(matches!(error, TrainError::NoGraft { .. }), "{error}");
}
