use super::*;

/// Logits that give the two classes these probabilities.
fn sure(p: f64) -> [f32; 2] {
    [0.0, ((1.0 - p) / p).ln() as f32]
}

#[test]
fn sums_up_what_a_net_said() {
    let mut evaluation = Evaluation::new(2, Keep::mistakes(2).predictions(true));
    let logits = [sure(0.9), sure(0.6), sure(0.2), sure(0.7)].concat();
    evaluation.add(&logits[..4], &[0, 1], &[5, 6]);
    evaluation.add(&logits[4..], &[1, 1], &[7, 8]);
    let summary = evaluation.summary();
    assert_eq!((summary.images, summary.top1, summary.top5), (4, 0.5, 1.0));
    assert_eq!(evaluation.confusion(), [1, 0, 2, 1]);
    let [first, second] = summary.per_class[..] else { panic!("two classes") };
    assert_eq!(first, ClassCounts { images: 1, right: 1, predicted: 3 });
    assert_eq!(second, ClassCounts { images: 3, right: 1, predicted: 1 });
    let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
    assert!(close(first.precision(), 1.0 / 3.0) && close(first.recall(), 1.0));
    assert!(close(second.precision(), 1.0) && close(second.recall(), 1.0 / 3.0));
    assert!(close(first.f1(), 0.5) && close(second.f1(), 0.5));
    let none = ClassCounts { images: 0, right: 0, predicted: 2 };
    assert_eq!((none.precision(), none.recall(), none.f1()), (Some(0.0), None, None));
    let missed = ClassCounts { images: 2, right: 0, predicted: 0 };
    assert_eq!((missed.precision(), missed.recall(), missed.f1()), (None, Some(0.0), Some(0.0)));
    assert_eq!(evaluation.predictions().iter().map(|p| p.index).collect::<Vec<_>>(), [5, 6, 7, 8]);
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
    let mut evaluation = Evaluation::new(2, Keep::mistakes(1));
    for (index, p) in [0.6, 0.8, 0.7].into_iter().enumerate() {
        evaluation.add(&sure(p), &[1], &[index as u32]);
    }
    assert_eq!(evaluation.mistakes().iter().map(|m| m.index).collect::<Vec<_>>(), [1]);
}

#[test]
fn images_of_a_bin_are_averaged_before_they_are_compared() {
    let mut evaluation = Evaluation::new(2, Keep::default());
    // Half right at a confidence of 0.5 each (just above, so that the first class wins).
    evaluation.add(&[sure(0.51), sure(0.51)].concat(), &[0, 1], &[0, 1]);
    assert!((evaluation.calibration_error() - 0.01).abs() < 1e-6);
}

#[test]
fn classes_match_by_name_or_by_number() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let labels = names(&["cat", "dog", "owl"]);
    let found = |data: &[&str], labels: &[String], classes| {
        let Matching { columns, by } = match_classes(&names(data), labels, classes).unwrap();
        (columns, by)
    };
    let error = |data: &[&str], labels: &[String], classes| {
        match_classes(&names(data), labels, classes).unwrap_err().to_string()
    };
    assert_eq!(found(&["owl", "cat"], &labels, 3), (vec![2, 0], MatchedBy::Name));
    assert_eq!(found(&["Owl"], &labels, 3), (vec![2], MatchedBy::Name));
    // As many classes as outputs are no reason to pair other names.
    assert!(error(&["a", "b", "c"], &labels, 3).contains("does not know 3 of the 3 classes"));
    assert!(
        error(&["cat", "dog", "emu"], &labels, 3).contains("1 of the 3 classes of the data: emu")
    );
    assert!(error(&["crane"], &names(&["crane", "crane"]), 2).contains("outputs 0 and 1"));
    let folders = names(&["a b", "a_b", "golf ball"]);
    assert_eq!(found(&["golf_ball", "a_b", "a b"], &folders, 3).0, [2, 1, 0]);
    assert_eq!(found(&["a", "b"], &[], 2), (vec![0, 1], MatchedBy::Order));
    // Sorted as text, 10 comes before 2; numbers need no order.
    assert_eq!(found(&["0", "1", "10", "2"], &[], 12), (vec![0, 1, 10, 2], MatchedBy::Number));
    assert!(error(&["a", "b"], &[], 3).contains("hold no class names"));
}
