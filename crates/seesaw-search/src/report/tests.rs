use super::*;

fn answers(right: &[bool]) -> Answers {
    (0..).zip(right.iter().copied()).collect()
}

#[test]
fn trainings_are_compared_image_by_image() {
    let one = answers(&[true, true, true, false, true, false]);
    let other = answers(&[true, false, false, true, true, false]);
    let found = pair(&one, &other);
    assert_eq!((found.only_winner, found.only_other), (2, 1));
    assert_eq!(found.p, 1.0);
}

#[test]
fn a_difference_has_the_error_of_images_and_seeds() {
    let right = |count: usize| answers(&(0..1000).map(|i| i < count).collect::<Vec<_>>());
    let run = |count: usize| (count as f64 / 1000.0, right(count));
    let found = difference(&[run(900), run(900)], &[run(880), run(880)], 0.002);
    assert!((found.top1 - 0.02).abs() < 1e-12);
    // 20 of 1000 images differ, always the same; two seeds each.
    let images: f64 = 0.02 * 0.98 / 999.0;
    let expected = (images + 0.002_f64.powi(2)).sqrt();
    assert!((found.standard_error - expected).abs() < 1e-9, "{}", found.standard_error);
    assert_eq!(found.pairs.len(), 2);
    assert_eq!((found.pairs[0].only_winner, found.pairs[0].only_other), (20, 0));
}
