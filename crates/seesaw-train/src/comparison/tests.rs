use std::path::Path;

use super::*;
use crate::run::{
    EpochRow,
    tests::{config, row},
    write_log,
};

/// A finished run of one epoch.
fn run(folder: &Path, name: &str, top1: f64, change: impl FnOnce(&mut Config)) -> PathBuf {
    let folder = folder.join(name);
    let mut config = config();
    config.recipe.epochs = 1.into();
    change(&mut config);
    let run = RunFolder::new(&folder);
    run.create().unwrap();
    config.write(&run.config()).unwrap();
    write_log(&run.log(), &[EpochRow { val_top1: Some(top1), ..row() }]).unwrap();
    folder
}

fn other_net(config: &mut Config) {
    config.net.name = "other".to_owned();
}

#[test]
fn seeds_are_one_entrant_and_give_the_spread() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let runs = [
        run(at, "a1", 0.90, |config| config.recipe.seed = 1),
        run(at, "a2", 0.92, |config| config.recipe.seed = 2),
        run(at, "b1", 0.88, other_net),
    ];
    let comparison = Comparison::read(&runs).unwrap();
    let [a, b] = &comparison.entrants[..] else { panic!("{:?}", comparison.entrants) };
    assert_eq!((a.runs.len(), b.runs.len(), &*b.net.name), (2, 1, "other"));
    assert_eq!(comparison.best(), Some(a));
    assert!(comparison.differences.is_empty(), "{:?}", comparison.differences);
    // Two scores 0.02 apart: their standard deviation is 0.02 / sqrt(2).
    let spread = 0.02 / 2_f64.sqrt();
    assert!((comparison.spread.unwrap() - spread).abs() < 1e-12);
    let distance = comparison.distance(b, a);
    assert!((distance.top1 + 0.03).abs() < 1e-12);
    assert!((distance.standard_error.unwrap() - spread * 1.5_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn one_seed_each_has_no_spread() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [run(folder.path(), "a", 0.9, |_| ()), run(folder.path(), "b", 0.8, other_net)];
    let comparison = Comparison::read(&runs).unwrap();
    assert_eq!(comparison.spread, None);
    let [a, b] = &comparison.entrants[..] else { panic!() };
    assert_eq!(comparison.distance(a, b).standard_error, None);
    assert_eq!(a.train_s(), None);
}

#[test]
fn what_is_unfair_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        run(folder.path(), "a", 0.9, |_| ()),
        run(folder.path(), "b", 0.8, |config| {
            other_net(config);
            config.recipe.optimizer.rate = 0.25;
            config.run.teacher = None;
            config.run.threads = 7;
        }),
    ];
    let differences = Comparison::read(&runs).unwrap().differences;
    let [rate, teacher] = &differences[..] else { panic!("{differences:?}") };
    assert!(rate.starts_with("recipe.optimizer.rate: ") && rate.contains("0.25"), "{rate}");
    assert!(teacher.starts_with("run.teacher: ") && teacher.contains("not set"), "{teacher}");
}

#[test]
fn unfinished_and_equal_runs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a", 0.9, |_| ());
    let error = Comparison::read(&[a.clone(), a]).unwrap_err();
    assert!(matches!(error, TrainError::SameSeed { .. }), "{error}");
    assert!(error.to_string().contains("another run"), "{error}");
    let short = run(folder.path(), "b", 0.9, |config| config.recipe.epochs = 3.into());
    let error = Comparison::read(&[short]).unwrap_err();
    assert!(matches!(error, TrainError::Unfinished { done: 1, epochs: 3, .. }), "{error}");
    assert!(error.to_string().contains("1 of 3 epochs"), "{error}");
    assert!(Comparison::read(&[folder.path().join("none")]).is_err());
}

#[test]
fn runs_that_prepare_photos_differently_are_of_one_net() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        run(folder.path(), "a", 0.9, |_| ()),
        run(folder.path(), "b", 0.8, |config| {
            config.recipe.seed = 7;
            config.net.preprocess = Some(seesaw_arch::Preprocess::cifar());
        }),
    ];
    let comparison = Comparison::read(&runs).unwrap();
    let [net] = &comparison.entrants[..] else { panic!("{:?}", comparison.entrants) };
    assert_eq!(net.runs.len(), 2);
}

#[test]
fn a_resumed_epoch_counts_whole() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a", 0.9, |_| ());
    let lines = "epoch,train_images,train_s,val_s\n1,100,10.0,1.0\n2,25,3.0,1.0\n";
    std::fs::write(RunFolder::new(&a).timing(), lines).unwrap();
    let comparison = Comparison::read(std::slice::from_ref(&a)).unwrap();
    assert_eq!(comparison.entrants[0].train_s(), Some(22.0));
    std::fs::write(RunFolder::new(&a).timing(), "epoch,train_images\n1,x\n").unwrap();
    assert!(matches!(Comparison::read(&[a]), Err(TrainError::Damaged { .. })));
}
