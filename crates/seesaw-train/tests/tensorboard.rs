//! TensorBoard's own reader can read the events of a run.
#![allow(clippy::print_stderr, reason = "tests say why they skip")]

mod common;

use std::{path::Path, process::Command};

use common::{Place, begin, resume, silent};
use seesaw_train::trainer::{Event, Outcome};

const READ: &str = "
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
for tag in sorted(events.Tags()['scalars']):
    for event in events.Scalars(tag):
        print(tag, event.step, '%.9g' % event.value)
";

/// A Python that has TensorBoard: `SEESAW_PYTHON`, or `python3`.
fn python() -> Option<String> {
    let python = std::env::var("SEESAW_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let check = "import tensorboard.backend.event_processing.event_accumulator";
    let output = Command::new(&python).args(["-c", check]).output().ok()?;
    output.status.success().then_some(python)
}

fn read(python: &str, run: &Path) -> Vec<(String, u64, f32)> {
    let output = Command::new(python).args(["-c", READ]).arg(run).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let parse = |line: &str| {
        let mut parts = line.split(' ').map(ToOwned::to_owned);
        let mut next = || parts.next().unwrap();
        (next(), next().parse().unwrap(), next().parse().unwrap())
    };
    text.lines().map(parse).collect()
}

#[test]
fn its_reader_sees_every_step_once() {
    let Some(python) = python() else {
        eprintln!("skipped: no python3 with tensorboard (SEESAW_PYTHON names another one)");
        return;
    };
    let place = Place::new();
    let mut trainer = begin(&place.start("run"), 2).unwrap();
    // Panics in the third epoch, when the events have steps that the checkpoint does not have.
    let mut batches = 0;
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        trainer.run(&false.into(), &mut |event| {
            batches += usize::from(matches!(event, Event::Batch { .. }));
            assert!(batches < 15, "dies here");
        })
    }));
    assert!(died.is_err());
    drop(trainer);
    let mut trainer = resume(place.path("run"), 2).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::Finished);

    let events = read(&python, &place.path("run"));
    let of =
        |tag: &str| events.iter().filter(|e| e.0 == tag).map(|e| (e.1, e.2)).collect::<Vec<_>>();
    let history = &trainer.progress().history;
    let losses: Vec<_> =
        history.iter().map(|row| (row.step, row.val_loss.unwrap() as f32)).collect();
    assert_eq!(of("loss/validation"), losses);
    let last = history.last().unwrap().step;
    let steps: Vec<u64> = of("loss/step").into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, (1..=last).collect::<Vec<_>>());
}
