use super::*;

/// Logits that give the two classes these probabilities.
fn sure(p: f64) -> [f32; 2] {
    [0.0, ((1.0 - p) / p).ln() as f32]
}

#[test]
fn sums_up_what_a_net_said() {
    let mut evaluation = Evaluation::new(2, 2);
    let logits = [sure(0.9), sure(0.6), sure(0.2), sure(0.7)].concat();
    evaluation.add(&logits[..4], &[0, 1], &[5, 6]);
    evaluation.add(&logits[4..], &[1, 1], &[7, 8]);
    let summary = evaluation.summary();
    assert_eq!((summary.images, summary.top1, summary.top5), (4, 0.5, 1.0));
    assert_eq!(evaluation.confusion(), [1, 0, 2, 1]);
    let per_class = [ClassCounts { images: 1, right: 1 }, ClassCounts { images: 3, right: 1 }];
    assert_eq!(summary.per_class, per_class);
    let loss = -(0.9f64.ln() + 0.4f64.ln() + 0.8f64.ln() + 0.3f64.ln()) / 4.0;
    assert!((summary.loss - loss).abs() < 1e-6);
    // Confidence 0.9 and 0.8 right, 0.6 and 0.7 wrong, each in a bin of its own.
    assert!((summary.calibration_error - (0.1 + 0.2 + 0.6 + 0.7) / 4.0).abs() < 1e-6);
    let [worst, next] = evaluation.mistakes() else { panic!("two mistakes") };
    assert_eq!((worst.index, next.index, worst.truth, worst.predicted), (8, 6, 1, 0));
    assert!((worst.probability - 0.7).abs() < 1e-6);
}

#[test]
fn keeps_only_the_worst_mistakes() {
    let mut evaluation = Evaluation::new(2, 1);
    for (index, p) in [0.6, 0.8, 0.7].into_iter().enumerate() {
        evaluation.add(&sure(p), &[1], &[index as u32]);
    }
    assert_eq!(evaluation.mistakes().iter().map(|m| m.index).collect::<Vec<_>>(), [1]);
}

#[test]
fn images_of_a_bin_are_averaged_before_they_are_compared() {
    let mut evaluation = Evaluation::new(2, 0);
    // Half right at a confidence of 0.5 each (just above, so that the first class wins).
    evaluation.add(&[sure(0.51), sure(0.51)].concat(), &[0, 1], &[0, 1]);
    assert!((evaluation.calibration_error() - 0.01).abs() < 1e-6);
}

#[test]
fn classes_match_by_name_or_by_number() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let labels = names(&["cat", "dog", "owl"]);
    assert_eq!(match_classes(&names(&["owl", "cat"]), &labels, 3).unwrap(), [2, 0]);
    assert_eq!(match_classes(&names(&["a", "b", "c"]), &labels, 3).unwrap(), [0, 1, 2]);
    let folders = names(&["a b", "a_b", "golf ball"]);
    assert_eq!(
        match_classes(&names(&["golf_ball", "a_b", "a b"]), &folders, 3).unwrap(),
        [2, 1, 0]
    );
    assert_eq!(match_classes(&names(&["a", "b"]), &[], 2).unwrap(), [0, 1]);
    let error = match_classes(&names(&["cat", "emu"]), &labels, 3).unwrap_err().to_string();
    assert!(error.contains("`emu`") && error.contains("2 classes"), "{error}");
}
