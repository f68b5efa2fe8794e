use seesaw_data::augment::Mixed;

use super::*;
use crate::testing::{tiny, tiny_weights};

fn recipe() -> Recipe {
    let text = r#"
        epochs = 2
        batch = 4
        clip = 1.0
        optimizer = { kind = "sgd", rate = 0.1, nesterov = true }
        schedule = { kind = "constant" }
        ema = { decay = 0.9 }
        sizes = [{ from_epoch = 0, size = 16 }, { from_epoch = 1, size = 12, batch = 3 }]
    "#;
    Recipe::from_toml(text).unwrap()
}

fn learner(recipe: &Recipe, threads: usize) -> Learner {
    let machine = Machine::new(threads, None).unwrap();
    Learner::new(&tiny(), &tiny_weights(), recipe, &machine).unwrap()
}

fn batch(images: usize, size: usize, number: usize) -> Batch {
    let value = |i: usize| ((i * 37 + number * 11) % 251) as f32 / 125.0 - 1.0;
    let labels = (0..images).map(|i| ((i + number) % 2) as u32).collect();
    Batch {
        images: (0..images * 3 * size * size).map(value).collect(),
        labels,
        mixed: None,
        indices: (0..images as u32).collect(),
        size,
    }
}

#[test]
fn the_loss_falls_whatever_the_threads() {
    let run = |threads| {
        let mut learner = learner(&recipe(), threads);
        let step = |_| learner.step(&batch(4, 16, 0), 0.05).unwrap();
        let stats: Vec<StepStats> = (0..30).map(step).collect();
        assert!(stats.iter().all(|stats| stats.stepped() && stats.counts.images == 4));
        (stats, learner.memory().clone())
    };
    let (stats, memory) = run(1);
    assert!(stats[29].loss < 0.5 * stats[0].loss, "{stats:?}");
    assert_eq!((memory.batches, memory.optimizer.steps()), (30, 30));
    assert_eq!(run(2), (stats, memory));
}

#[test]
fn gradients_of_several_batches_make_one_step() {
    let recipe = Recipe { accumulate: 3, ..recipe() };
    let mut learner = learner(&recipe, 1);
    let before = learner.memory().state.parameters.clone();
    for (number, stepped) in [(0, false), (1, false), (2, true), (3, false)] {
        let stats = learner.step(&batch(4, 16, number), 0.1).unwrap();
        assert_eq!(stats.stepped(), stepped);
        assert_eq!(learner.memory().state.parameters != before, number >= 2);
    }
    assert_eq!(learner.accumulated(), 1);
    assert!(learner.finish_step(0.1).unwrap().unwrap() > 0.0);
    assert_eq!(learner.finish_step(0.1).unwrap(), None);
    assert_eq!((learner.accumulated(), learner.memory().optimizer.steps()), (0, 2));
}

#[test]
fn a_new_phase_keeps_what_was_learned() {
    let mut learner = learner(&recipe(), 1);
    learner.step(&batch(4, 16, 0), 0.1).unwrap();
    let memory = learner.memory().clone();
    let phase = recipe().phase(1, 16);
    learner.set_phase(phase).unwrap();
    assert_eq!((learner.memory(), learner.phase()), (&memory, phase));
    learner.step(&batch(3, 12, 1), 0.1).unwrap();

    // A learner that is resumed there is the same.
    let machine = Machine::solo();
    let mut resumed = Learner::resume(&tiny(), memory, &recipe(), phase, &machine).unwrap();
    resumed.step(&batch(3, 12, 1), 0.1).unwrap();
    assert_eq!(resumed.memory(), learner.memory());
}

#[test]
fn the_mean_is_what_is_kept() {
    let mut learner = learner(&recipe(), 1);
    learner.step(&batch(4, 16, 0), 0.1).unwrap();
    let Memory { state, ema, .. } = learner.memory();
    assert_eq!(learner.state(), ema.as_ref().unwrap().state());
    assert_ne!(learner.state(), state);
    assert_eq!(&State::from_weights(&learner.weights()), learner.state());
}

#[test]
fn what_does_not_fit_or_explodes_is_an_error() {
    let mut learner = learner(&recipe(), 1);
    for batch in [batch(4, 12, 0), Batch { labels: vec![0], ..batch(4, 16, 0) }] {
        let error = learner.step(&batch, 0.1).unwrap_err();
        assert!(matches!(error, TrainError::BatchLength { .. }), "{error}");
    }
    assert!(learner.step(&batch(5, 16, 0), 0.1).is_err());
    let mut infinite = batch(4, 16, 0);
    infinite.images[0] = f32::NAN;
    let error = learner.step(&infinite, 0.25).unwrap_err();
    let TrainError::Diverged { epoch: None, step: 0, cause: Divergence::Loss(_), rate } = error
    else {
        panic!("{error}")
    };
    assert_eq!(rate, 0.25);
}

#[test]
fn mixed_images_count_as_their_larger_share() {
    let mut mixed = batch(4, 16, 0);
    let plain = learner(&recipe(), 1).step(&mixed, 0.1).unwrap();
    let labels = mixed.labels.iter().map(|label| 1 - label).collect();
    mixed.mixed = Some(Mixed { labels, share: vec![0.25; 4] });
    let stats = learner(&recipe(), 1).step(&mixed, 0.1).unwrap();
    assert_eq!(stats.counts.top1, 4 - plain.counts.top1);
    assert_ne!(stats.loss, plain.loss);
}
