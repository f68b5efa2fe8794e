#![allow(clippy::print_stderr, reason = "a child process tells its parent what it saw")]

use seesaw_format::load_model;
use seesaw_kernels::Machine;

use super::*;
use crate::{
    ema::Ema,
    layout::{Layout, State},
    learner::Memory,
    loss::Counts,
    optim::{Optimizer, OptimizerKind, OptimizerSpec},
    recipe::Recipe,
    testing::{tiny, tiny_weights},
};

pub(crate) fn config() -> Config {
    let recipe = Recipe::built_in("cifar-modern").unwrap();
    Config {
        run: RunFacts {
            version: "0".to_owned(),
            isa: "portable".to_owned(),
            threads: 1,
            init: None,
            graft: None,
            bundled: None,
            teacher: Some("teacher.safetensors".into()),
            unlabeled: false,
        },
        data: DataFacts {
            path: "data".into(),
            kind: "class folders".to_owned(),
            train_images: 10,
            val_images: 4,
            limit: Some(8),
            classes: vec!["cat".to_owned(), "dog".to_owned()],
        },
        preprocess: recipe.preprocess(16),
        recipe,
        net: tiny(),
    }
}

pub(crate) fn row() -> EpochRow {
    EpochRow {
        epoch: 1,
        step: 2,
        size: 16,
        batch: 4,
        rate: 0.1,
        train_loss: 1.0 / 3.0,
        train_top1: 0.5,
        val_loss: Some(0.1 + 0.2),
        val_top1: Some(1.0 / 7.0),
        val_top5: Some(1.0),
        best: true,
    }
}

fn checkpoint(spec: &OptimizerSpec, ema_decay: f64) -> Checkpoint {
    let weights = tiny_weights();
    let mut state = State::from_weights(&weights);
    let mut optimizer = Optimizer::new(spec, &Layout::new(&tiny()).unwrap());
    let gradients: Vec<f32> = (0..state.parameters.len()).map(|i| (i as f32).cos()).collect();
    let mut ema = (ema_decay > 0.0).then(|| Ema::new(ema_decay, state.clone()));
    for _ in 0..3 {
        optimizer.step(&mut state.parameters, &gradients, 0.1, &Machine::solo());
        state.statistics.iter_mut().for_each(|x| *x += 0.5);
        ema.iter_mut().for_each(|ema| ema.update(&state));
    }
    let progress = Progress {
        version: 1,
        epoch: 1,
        batch: 1,
        batches: 5,
        step: 3,
        ema_updates: if ema.is_some() { 3 } else { 0 },
        loss_sum: std::f64::consts::PI * 1e-7,
        counts: Counts { images: 4, top1: 2, top5: 4 },
        best: Some(Best { epoch: 1, top1: 1.0 / 7.0, loss: 0.1 + 0.2 }),
        history: vec![row()],
    };
    Checkpoint { memory: Memory { state, optimizer, ema, batches: 5 }, progress }
}

fn write(checkpoint: &Checkpoint, path: &Path) -> Result<(), TrainError> {
    Checkpoint::write(path, &tiny(), &checkpoint.memory, &checkpoint.progress)
}

#[test]
fn the_log_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let first = row();
    let unseen = EpochRow { epoch: 2, best: false, val_loss: None, ..first };
    let unseen = EpochRow { val_top1: None, val_top5: None, ..unseen };
    let rows = [first, unseen, EpochRow { epoch: 3, val_loss: Some(1e-9), ..first }];
    write_log(&path, &rows).unwrap();
    assert_eq!(read_log(&path).unwrap(), rows);
    std::fs::write(&path, format!("{HEADER}\n1,2,3\n")).unwrap();
    assert!(matches!(read_log(&path), Err(TrainError::Damaged { .. })));
}

#[test]
fn checkpoints_come_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let sgd = config().recipe.optimizer;
    let adamw = OptimizerSpec { kind: OptimizerKind::AdamW, ..config().recipe.optimizer };
    for (spec, decay) in [(&sgd, 0.9), (&adamw, 0.0)] {
        let written = checkpoint(spec, decay);
        write(&written, &path).unwrap();
        assert_eq!(Checkpoint::read(&path, &tiny(), spec, decay).unwrap(), written);
    }
    let error = Checkpoint::read(&path, &tiny(), &sgd, 0.0).unwrap_err().to_string();
    assert!(error.contains("not of this run"), "{error}");
    let error = Checkpoint::read(&path, &tiny().with_classes(3), &adamw, 0.0).unwrap_err();
    assert!(error.to_string().contains("not of this run"), "{error}");
}

#[test]
fn damaged_checkpoints_and_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let spec = config().recipe.optimizer;
    let read = || Checkpoint::read(&path, &tiny(), &spec, 0.0).unwrap_err().to_string();
    assert!(read().contains("checkpoint.safetensors"));
    write(&checkpoint(&spec, 0.0), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(read().contains("safetensors"));
    RunFolder::new(folder.path())
        .write_model(&path, &config(), &tiny_weights(), String::new())
        .unwrap();
    assert!(read().contains("a model, not a run's checkpoint"));
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_former_one() {
    let folder = tempfile::tempdir().unwrap();
    let spec = config().recipe.optimizer;
    // The name is taken by a folder, so that the last step, the renaming, fails.
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("inside")).unwrap();
    let error = write(&checkpoint(&spec, 0.0), &taken).unwrap_err();
    assert!(matches!(error, TrainError::Io { .. }), "{error}");
    assert!(taken.join("inside").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
}

/// Files may grow to 4 KB, as on a disk that has no more room; a checkpoint has more.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_former_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let spec = config().recipe.optimizer;
    let former = checkpoint(&spec, 0.0);
    write(&former, &path).unwrap();
    let child = std::process::Command::new("sh")
        .args([
            "-c",
            r#"trap "" XFSZ; ulimit -f 8; exec "$0" --exact --nocapture run::tests::grows"#,
        ])
        .arg(std::env::current_exe().unwrap())
        .env("SEESAW_TEST_CHECKPOINT", &path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stderr).contains("refused: "), "the child was run");
    assert_eq!(Checkpoint::read(&path, &tiny(), &spec, 0.0).unwrap(), former);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
}

/// What [`a_full_disk_leaves_the_former_checkpoint`] runs in a process of its own.
#[test]
fn grows() {
    let Some(path) = std::env::var_os("SEESAW_TEST_CHECKPOINT") else { return };
    let next = checkpoint(&config().recipe.optimizer, 0.5);
    let error = write(&next, Path::new(&path)).unwrap_err();
    eprintln!("refused: {error}");
}

#[test]
fn config_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    config().write(&path).unwrap();
    assert_eq!(Config::read(&path).unwrap(), config());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("epochs = 60", "epochs = 0")).unwrap();
    assert!(Config::read(&path).unwrap_err().to_string().contains("epochs"));
    let error = Config::read(&folder.path().join("none/config.toml")).unwrap_err().to_string();
    assert!(error.contains("holds no run"), "{error}");
}

#[test]
fn models_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let weights = tiny_weights();
    run.write_model(&run.best(), &config(), &weights, "a test".to_owned()).unwrap();
    let model = load_model(&run.best(), None).unwrap();
    assert_eq!((model.net, model.weights), (tiny(), weights));
    assert_eq!(model.labels, ["cat", "dog"]);
    assert_eq!(model.preprocess, Some(config().preprocess));
    assert_eq!(model.origin.as_deref(), Some("a test"));
}

#[test]
fn a_run_is_not_begun_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path().join("a/b"));
    run.create().unwrap();
    run.create().unwrap();
    config().write(&run.config()).unwrap();
    let error = run.create().unwrap_err();
    assert!(
        matches!(&error, TrainError::RunExists { folder } if folder.ends_with("a/b")),
        "{error}"
    );
}

#[test]
fn logs_are_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let rows = checkpoint(&config().recipe.optimizer, 0.0).progress.history;
    write_log(&path, &rows).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let expected =
        "1,2,16,4,0.1,0.3333333333333333,0.5,0.30000000000000004,0.14285714285714285,1,1";
    assert_eq!(text.lines().collect::<Vec<_>>(), [HEADER, expected]);
    let columns = |line: &str| line.split(',').count();
    assert_eq!(columns(HEADER), columns(expected));
}

#[test]
fn better_is_more_right_or_as_many_with_less_loss() {
    let best = |top1, loss| Best { epoch: 1, top1, loss };
    assert!(best(0.0, 9.0).beats(None));
    assert!(best(0.6, 9.0).beats(Some(&best(0.5, 1.0))));
    assert!(best(0.5, 0.9).beats(Some(&best(0.5, 1.0))));
    assert!(!best(0.5, 1.0).beats(Some(&best(0.5, 1.0))));
}
