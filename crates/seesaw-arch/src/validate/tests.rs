//! Descriptions that break one rule each, and costs of a net counted by hand.

use crate::{ArchError, LayerKind, Net};

const TINY: &str = r#"
name = "tiny"
input_size = 9
classes = 5
stem = { channels = 8, stride = 2 }
head = { channels = 16 }

[[stages]]
expansion = 2
channels = 8
repeat = 2
stride = 1
expand = "1:3"
flow = "shuffle(2)"
project = "1:3"
"#;

fn refusal(from: &str, to: &str) -> String {
    let text = TINY.replacen(from, to, 1);
    assert_ne!(text, TINY, "nothing to replace: {from}");
    Net::from_toml(&text).unwrap_err().to_string()
}

#[test]
fn each_rule_names_its_block_and_what_to_do() {
    for (from, to, expected) in [
        (
            "channels = 8\n",
            "channels = 6\n",
            "block 1 (stage 1): project has groups 1:3, which cannot share 6 output channels; use a multiple of 4",
        ),
        ("\"1:3\"\nflow", "\"2:3\"\nflow", "block 1 (stage 1): expand has groups 2:3"),
        (
            "shuffle(2)",
            "shuffle(3)",
            "block 1 (stage 1): flow is shuffle(3), but 16 channels are no multiple of 3",
        ),
        ("stride = 1", "stride = 3", "the depthwise convolution has stride 3"),
        ("expand = \"1:3\"\n", "", "block 1 (stage 1): expansion is 2 but there is no expand"),
        ("expansion = 2", "expansion = 999999", "the expanded map has 7999992 channels"),
        ("repeat = 2", "repeat = 99999999999", "at most 1000 are allowed"),
        ("repeat = 2", "repeat = 0", "stage 1 repeats 0 times"),
        ("classes = 5", "classes = 0", "0 classes"),
        ("input_size = 9", "input_size = 0", "input_size is 0"),
        ("stride = 2 }", "stride = 4 }", "the stem has stride 4"),
        ("channels = 16 }", "channels = 16, dropout = 1.0 }", "dropout is 1"),
        ("channels = 16 }", "channels = 0 }", "the head has 0 channels"),
        ("\"shuffle(2)\"", "\"mix\"", "`mix` is not a flow"),
        ("repeat", "repeats", "unknown field `repeats`"),
        (
            "stride = 1",
            "stride = 1\nkernel = 4",
            "block 1 (stage 1): the depthwise convolution has a kernel of 4; only 3 and 5 are known",
        ),
        ("stride = 1", "stride = 1\nkernel = 18446744073709551615", "only 3 and 5 are known"),
        ("classes = 5", "classes = 5\nbatch_norm_eps = 0.0", "batch_norm_eps is 0; it must be"),
        ("classes = 5", "classes = 5\nbatch_norm_eps = nan", "batch_norm_eps is NaN"),
        ("classes = 5", "classes = 5\npadding = \"valid\"", "expected `symmetric` or `same`"),
    ] {
        let message = refusal(from, to);
        assert!(message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn costs_of_a_net_counted_by_hand() {
    let net = Net::from_toml(TINY).unwrap();
    let layers = net.layers(9).unwrap();
    let kinds: Vec<LayerKind> = layers.iter().map(|l| l.id.kind()).collect();
    use LayerKind::{Depthwise, Expand, Head, Linear, Pool, Project, Stem};
    assert_eq!(
        kinds,
        [Stem, Expand, Depthwise, Project, Expand, Depthwise, Project, Head, Pool, Linear]
    );
    // 9 px at stride 2 are 5. Expand 1:3 of 8 to 16: 2*4 + 6*12 = 80 weights, 32 of batch norm.
    let expand = &layers[1];
    assert_eq!((expand.input, expand.output), ([8, 5, 5], [16, 5, 5]));
    assert_eq!((expand.params, expand.madds, expand.bytes), (112, 80 * 25, 4 * 25 * 24));
    // The project keeps the block's input for the addition.
    assert_eq!(layers[3].bytes, 4 * 25 * (16 + 8 + 8));
    assert_eq!(layers[9].params, 17 * 5);
    let cost = net.cost(9).unwrap();
    assert_eq!(cost.peak_bytes, 4 * 25 * (16 + 16 + 8));
    assert_eq!(cost.madds, (216 + 2 * (80 + 144 + 80) + 128) * 25 + 80);
    assert!(matches!(net.layers(0), Err(ArchError::Net { .. })));
}
