use super::*;

const LOGITS: [f32; 8] = [1.0, -2.0, 0.5, 3.0, 0.0, 0.25, -1.0, 2.0];

/// The gradient of `loss` at `LOGITS` by central differences in f64.
fn differences(classes: usize, loss: impl Fn(&mut Row) -> f64) -> Vec<f64> {
    let mut row = Row::new(classes);
    let step = 1e-6;
    let mut at = |i: usize, by: f64| {
        row.set(&LOGITS[..classes]);
        row.logits[i] += by;
        loss(&mut row)
    };
    (0..classes).map(|i| (at(i, step) - at(i, -step)) / (2.0 * step)).collect()
}

#[track_caller]
fn check(classes: usize, weight: f64, loss: impl Fn(&mut Row) -> f64) {
    let mut row = Row::new(classes);
    row.set(&LOGITS[..classes]);
    loss(&mut row);
    for (ours, expected) in row.gradient.iter().zip(differences(classes, &loss)) {
        assert!((ours - weight * expected).abs() < 1e-8, "{ours} instead of {expected}");
    }
}

#[test]
fn gradients_are_the_differences() {
    let teacher: Vec<f32> = LOGITS.iter().rev().map(|x| 1.5 * x).collect();
    for classes in [2, 5, 8] {
        for smoothing in [0.0, 0.1] {
            check(classes, 1.0, |row| row.cross_entropy([(1, 1.0), (1, 0.0)], 1.0, smoothing, 1.0));
            check(classes, 0.7, |row| row.cross_entropy([(1, 0.3), (0, 0.7)], 1.0, smoothing, 0.7));
            // Weighted shares add up to the weight of the image.
            check(classes, 0.7, |row| row.cross_entropy([(1, 0.6), (0, 3.5)], 4.1, smoothing, 0.7));
        }
        for temperature in [1.0, 4.0] {
            check(classes, 0.4, |row| row.distillation(&teacher[..classes], temperature, 0.4));
        }
    }
}

#[test]
fn known_values() {
    let mut gradient = [9.0; 2];
    let plain = Loss::default();
    let loss = plain.run(&[0.0, 3f32.ln()], 2, &Targets::from_labels(&[0]), None, &mut gradient);
    assert!((loss - 4f64.ln()).abs() < 1e-7);
    assert!((gradient[0] + 0.75).abs() < 1e-6 && (gradient[1] - 0.75).abs() < 1e-6);
    // Smoothed by a half, the target is 3/4 and 1/4, which is what the logits say in reverse.
    let smooth = Loss { smoothing: 0.5, ..Loss::default() };
    smooth.run(&[3f32.ln(), 0.0], 2, &Targets::from_labels(&[0]), None, &mut gradient);
    assert!(gradient.iter().all(|g| g.abs() < 1e-6));
}

#[test]
fn means_over_the_batch() {
    let (mut one, mut two) = ([0.0; 4], [0.0; 8]);
    let loss = Loss { smoothing: 0.1, ..Loss::default() };
    let first = loss.run(&LOGITS[..4], 4, &Targets::from_labels(&[2]), None, &mut one);
    let second = loss.run(&LOGITS[4..], 4, &Targets::from_labels(&[1]), None, &mut [0.0; 4]);
    let both = loss.run(&LOGITS, 4, &Targets::from_labels(&[2, 1]), None, &mut two);
    assert!((both - (first + second) / 2.0).abs() < 1e-12);
    assert!(one.iter().zip(&two).all(|(one, two)| (one / 2.0 - two).abs() < 1e-7));
}

/// The mean loss of two images, written out in f64 from the definition.
fn defined(logits: &[f64], loss: &Loss<'_>, mixed: &[[f64; 2]; 2], teacher: &Teacher<'_>) -> f64 {
    let (classes, labels, others) = (4, [2, 1], [0, 3]);
    let log_softmax = |row: &[f64], t: f64| -> Vec<f64> {
        let sum = row.iter().map(|x| (x / t).exp()).sum::<f64>().ln();
        row.iter().map(|x| x / t - sum).collect()
    };
    let image = |image: usize| {
        let ours = &logits[image * classes..][..classes];
        let theirs = teacher.logits[image * classes..][..classes].iter().map(|x| f64::from(*x));
        let (log_p, t) = (log_softmax(ours, 1.0), teacher.temperature);
        let entropy = |class: usize| {
            let even = log_p.iter().sum::<f64>() / classes as f64;
            -(1.0 - loss.smoothing) * log_p[class] - loss.smoothing * even
        };
        let [own, other] = mixed[image];
        let weight = |class: usize| loss.class_weights[class];
        let (a, b) = (labels[image], others[image]);
        let labeled = own * weight(a) * entropy(a) + other * weight(b) * entropy(b);
        let (log_q, log_t) = (log_softmax(ours, t), log_softmax(&theirs.collect::<Vec<_>>(), t));
        let divergence: f64 = log_t.iter().zip(&log_q).map(|(p, q)| p.exp() * (p - q)).sum();
        let taught = (own * weight(a) + other * weight(b)) * t * t * divergence;
        (1.0 - teacher.share) * labeled + teacher.share * taught
    };
    (image(0) + image(1)) / 2.0
}

#[test]
fn class_weights_with_everything_are_as_defined() {
    let loss = Loss { smoothing: 0.1, class_weights: &[0.25, 3.0, 1.5, 0.0] };
    let teachers: Vec<f32> = LOGITS.iter().rev().map(|x| 0.5 * x).collect();
    for share in [0.0, 0.4] {
        let teacher = Teacher { logits: &teachers, temperature: 2.0, share };
        let own = [0.75_f32, 0.5];
        let mixed = own.map(|own| [f64::from(own), 1.0 - f64::from(own)]);
        let targets = Targets { labels: &[2, 1], mixed: Some((&[0, 3], &own)) };
        let mut gradient = [0.0; 8];
        let found = loss.run(&LOGITS, 4, &targets, Some(&teacher), &mut gradient);
        let logits = LOGITS.map(f64::from);
        let expected = defined(&logits, &loss, &mixed, &teacher);
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
        for (place, found) in gradient.iter().enumerate() {
            let at = |by: f64| {
                let mut logits = logits;
                logits[place] += by;
                defined(&logits, &loss, &mixed, &teacher)
            };
            let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{found} instead of {expected}");
        }
    }
}

#[test]
fn weights_of_one_are_no_weights_to_the_last_bit() {
    let (mut plain, mut weighted) = ([0.0; 8], [0.0; 8]);
    let targets = Targets { labels: &[2, 1], mixed: Some((&[0, 3], &[0.7, 0.9])) };
    let loss = Loss { smoothing: 0.1, class_weights: &[] };
    let ones = Loss { class_weights: &[1.0; 4], ..loss };
    let teacher = Teacher { logits: &LOGITS, temperature: 3.0, share: 0.3 };
    let a = loss.run(&LOGITS, 4, &targets, Some(&teacher), &mut plain);
    let b = ones.run(&LOGITS, 4, &targets, Some(&teacher), &mut weighted);
    assert_eq!((a, plain), (b, weighted));
}

#[test]
fn a_teacher_of_the_same_mind_adds_nothing() {
    let teacher = Teacher { logits: &LOGITS, temperature: 3.0, share: 1.0 };
    let mut gradient = [1.0; 8];
    let targets = Targets::from_labels(&[0, 0]);
    let loss = Loss::default().run(&LOGITS, 4, &targets, Some(&teacher), &mut gradient);
    assert!(loss.abs() < 1e-12 && gradient.iter().all(|g| g.abs() < 1e-9));
}

#[test]
fn extreme_logits_stay_finite_and_nan_shows() {
    let mut gradient = [0.0; 2];
    let targets = Targets::from_labels(&[1]);
    let loss = Loss::default().run(&[3e38, -3e38], 2, &targets, None, &mut gradient);
    assert!(loss > 1e38 && gradient == [1.0, -1.0]);
    let loss = Loss::default().run(&[f32::NAN, 0.0], 2, &targets, None, &mut gradient);
    assert!(loss.is_nan());
}

#[test]
fn counts_places() {
    let logits = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0];
    for (label, top1, top5) in [(0, 1, 1), (4, 0, 1), (5, 0, 0)] {
        let counts = Counts::from_logits(&logits, 7, &Targets::from_labels(&[label]));
        assert_eq!(counts, Counts { images: 1, top1, top5 });
    }
    assert_eq!(Counts::from_logits(&[1.0, 1.0], 2, &Targets::from_labels(&[1])).top1, 0);
    assert_eq!(Counts::from_logits(&[f32::NAN; 2], 2, &Targets::from_labels(&[0])).top1, 0);
    let mixed = Targets { labels: &[0, 0], mixed: Some((&[1, 1], &[0.4, 0.6])) };
    assert_eq!(Counts::from_logits(&[0.0, 1.0, 0.0, 1.0], 2, &mixed).top1, 1);
}

#[test]
fn probabilities_add_up() {
    let p = softmax(&[0.0, 3f32.ln()]);
    assert!((p[0] - 0.25).abs() < 1e-7 && (p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}
