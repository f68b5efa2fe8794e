//! The figures of the papers, which the cost functions must meet.

/// One row of a paper's table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// The net's name in the zoo.
    pub net: &'static str,
    /// The data set of the figures.
    pub dataset: &'static str,
    /// Its classes.
    pub classes: usize,
    /// Parameters in millions, as printed.
    pub params: Option<&'static str>,
    /// Multiply-adds in millions, as printed.
    pub madds: Option<&'static str>,
    /// Top-1 accuracy in percent, as printed.
    pub top1: Option<&'static str>,
}

/// Figures of Seesaw-Net (arXiv 1905.03672), IGCV3 (arXiv 1806.00178), MobileNetV2
/// (arXiv 1801.04381) and EfficientNet-Lite0 (its own table of models).
///
/// IGCV3's own paper says 318M multiply-adds on ImageNet; the layers it describes add up to 313M.
/// EfficientNet-Lite0's table says 407M, and its convolutions and linear layer take 385M.
pub const FIGURES: [Figures; 23] = [
    row("igcv3-0.5d-cifar", CIFAR10, "1.4", "100", "94.75"),
    row("seesaw-share-v0-0.5d-cifar", CIFAR10, "1.4", "104", "94.99"),
    row("seesaw-share-v1-0.5d-cifar", CIFAR10, "1.5", "108", "94.80"),
    row("seesaw-shuffle-0.5d-cifar", CIFAR10, "1.5", "108", "95.10"),
    row("igcv3-1.0d-cifar", CIFAR10, "2.2", "166", "95.01"),
    row("seesaw-share-v0-1.0d-cifar", CIFAR10, "2.3", "175", "95.36"),
    row("seesaw-share-v1-1.0d-cifar", CIFAR10, "2.4", "181", "95.20"),
    row("seesaw-shuffle-1.0d-cifar", CIFAR10, "2.4", "181", "95.28"),
    row("igcv3-0.5d-cifar", CIFAR100, "1.5", "", "77.65"),
    row("seesaw-share-v0-0.5d-cifar", CIFAR100, "1.5", "", "77.87"),
    row("seesaw-share-v1-0.5d-cifar", CIFAR100, "1.6", "", "77.84"),
    row("seesaw-shuffle-0.5d-cifar", CIFAR100, "1.6", "", "77.82"),
    row("igcv3-1.0d-cifar", CIFAR100, "2.3", "", "78.24"),
    row("seesaw-share-v0-1.0d-cifar", CIFAR100, "2.4", "", "78.84"),
    row("seesaw-share-v1-1.0d-cifar", CIFAR100, "2.5", "", "78.73"),
    row("seesaw-shuffle-1.0d-cifar", CIFAR100, "2.5", "", "79.26"),
    row("seesaw-share-v1-0.5d-imagenet", IMAGENET, "2.73", "209", ""),
    row("seesaw-shuffle-0.5d-imagenet", IMAGENET, "2.73", "209", ""),
    row("igcv3-1.0d-imagenet", IMAGENET, "3.5", "318", "72.2"),
    row("seesaw-share-v1-1.0d-imagenet", IMAGENET, "3.6", "361", ""),
    row("seesaw-shuffle-1.0d-imagenet", IMAGENET, "3.6", "361", "72.9"),
    row("mobilenetv2-1.0-imagenet", IMAGENET, "3.5", "301", "72.0"),
    row("efficientnet-lite0", IMAGENET, "4.65", "407", "75.1"),
];

/// A data set of the papers' tables.
struct Dataset {
    name: &'static str,
    classes: usize,
}

const CIFAR10: &Dataset = &Dataset { name: "CIFAR-10", classes: 10 };
const CIFAR100: &Dataset = &Dataset { name: "CIFAR-100", classes: 100 };
const IMAGENET: &Dataset = &Dataset { name: "ImageNet", classes: 1000 };

/// A row; an empty text is a figure that was not published.
const fn row(
    net: &'static str,
    dataset: &Dataset,
    params: &'static str,
    madds: &'static str,
    top1: &'static str,
) -> Figures {
    const fn printed(text: &'static str) -> Option<&'static str> {
        if text.is_empty() { None } else { Some(text) }
    }
    let (params, madds, top1) = (printed(params), printed(madds), printed(top1));
    Figures { net, dataset: dataset.name, classes: dataset.classes, params, madds, top1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo;

    /// `count` in millions, with as many digits as `printed` has.
    fn like(printed: &str, count: u64) -> String {
        let digits = printed.split_once('.').map_or(0, |(_, d)| d.len());
        format!("{:.digits$}", count as f64 / 1e6)
    }

    #[test]
    fn every_published_figure_is_met_to_its_last_digit() {
        for row in FIGURES {
            let net = zoo::net(row.net).unwrap().with_classes(row.classes);
            let cost = net.cost(net.input_size).unwrap();
            if let Some(params) = row.params {
                assert_eq!(like(params, cost.params as u64), params, "params of {row:?}");
            }
            if let Some(madds) = row.madds {
                // The figures to which their own source's layers do not add up.
                let madds = match row.net {
                    "igcv3-1.0d-imagenet" => "313",
                    "efficientnet-lite0" => "385",
                    _ => madds,
                };
                assert_eq!(like(madds, cost.madds), madds, "MAdds of {row:?}");
            }
        }
    }

    #[test]
    fn exact_counts() {
        for (name, params, madds) in [
            ("seesaw-shuffle-1.0d-imagenet", 3_644_184, 360_950_976),
            ("seesaw-shuffle-0.5d-imagenet", 2_728_024, 209_265_792),
            ("seesaw-shuffle-1.0d-cifar", 2_375_994, 181_105_152),
            ("igcv3-1.0d-cifar", 2_223_498, 166_064_640),
            ("mobilenetv2-1.0-imagenet", 3_504_872, 300_774_272),
            // Counted over the modules of `efficientnet-lite-pytorch` too.
            ("efficientnet-lite0", 4_652_008, 385_187_552),
        ] {
            let net = zoo::net(name).unwrap();
            let cost = net.cost(net.input_size).unwrap();
            assert_eq!((cost.params, cost.madds), (params, madds), "{name}");
        }
    }
}
