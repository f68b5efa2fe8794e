from __future__ import annotations

import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import CIFAR, FAST

import seesaw

OPTIONS = {"recipe": "cifar-modern", "from_scratch": True, "settings": FAST, "progress": False, "threads": 2}


def test_a_run_learns_and_its_models_open(folder, tmp_path):
    events: list[dict] = []
    run = seesaw.train(folder, out=tmp_path / "run", epochs=3, seed=1, callbacks=[events.append], **OPTIONS)
    assert repr(run) == f"<seesaw.Run {tmp_path / 'run'}>"
    columns = run.columns()
    assert columns["epoch"].tolist() == [1, 2, 3]
    assert np.isfinite(columns["train_loss"]).all()
    kinds = [event["event"] for event in events]
    assert kinds.count("epoch") == 3 and kinds.count("epoch_begins") == 3 and "batch" in kinds
    ends = [event for event in events if event["event"] == "epoch"]
    assert [event["train_loss"] for event in ends] == columns["train_loss"].tolist()
    for which in ["best", "last"]:
        assert run.model(which).labels == ["blue", "green", "red"]
    with pytest.raises(ValueError, match="best, last"):
        run.model("first")
    pandas = pytest.importorskip("pandas")
    assert isinstance(run.log, pandas.DataFrame) and len(run.log) == 3


def test_runs_equal_those_of_the_command(folder, tmp_path, command):
    run = seesaw.train(folder, out=tmp_path / "python", epochs=2, seed=5, **OPTIONS)
    settings = [part for key, value in FAST.items() for part in ["--set", f"{key}={value}"]]
    arguments = ["--recipe", "cifar-modern", "--from-scratch", "--epochs", 2, "--seed", 5, "--threads", 2]
    command("train", "--data", folder, "--out", tmp_path / "command", *arguments, *settings)
    assert (run.folder / "log.csv").read_text() == (tmp_path / "command/log.csv").read_text()
    for name in ["best.safetensors", "last.safetensors"]:
        assert (run.folder / name).read_bytes() == (tmp_path / "command" / name).read_bytes()


def test_an_exception_in_a_callback_leaves_a_run_that_resumes_exactly(folder, tmp_path):
    whole = seesaw.train(folder, out=tmp_path / "whole", epochs=2, seed=2, **OPTIONS)

    def fail(event):
        if event["event"] == "batch" and event["done"] == 2:
            raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        seesaw.train(folder, out=tmp_path / "part", epochs=2, seed=2, callbacks=[fail], **OPTIONS)
    part = seesaw.resume(tmp_path / "part", threads=1, progress=False)
    assert (part.folder / "log.csv").read_text() == (whole.folder / "log.csv").read_text()
    name = "last.safetensors"
    assert (part.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_an_interrupt_leaves_a_run_that_resumes(folder, tmp_path):
    def interrupt(event):
        if event["event"] == "batch" and event["done"] == 1:
            signal.raise_signal(signal.SIGINT)

    # Programs that a shell starts in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        seesaw.train(folder, out=tmp_path / "run", epochs=2, callbacks=[interrupt], **OPTIONS)
    run = seesaw.resume(tmp_path / "run", progress=False)
    assert len(run.columns()["epoch"]) == 2
    with pytest.raises(seesaw.TrainError, match="cannot go on to 3 epochs"):
        seesaw.resume(run, epochs=3)


def test_other_python_threads_run_meanwhile(folder, tmp_path):
    ticks = 0
    done = threading.Event()

    def tick():
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    seesaw.train(folder, out=tmp_path / "run", epochs=2, **OPTIONS)
    done.set()
    thread.join()
    assert ticks > 20


def test_starting_from_weights_in_a_file(folder, tmp_path):
    run = seesaw.train(
        folder, out=tmp_path / "run", init=CIFAR, epochs=1, settings={"batch": 8}, progress=False
    )
    assert run.model().net == "seesaw-shuffle-0.5d-cifar"


def test_progress_is_printed_line_by_line_without_a_terminal(folder, tmp_path, capsys):
    options = OPTIONS | {"progress": True}
    seesaw.train(folder, out=tmp_path / "run", epochs=2, **options)
    note, *lines = capsys.readouterr().err.splitlines()
    assert note.startswith("note: 30 training images make 3 whole batches of 8")
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2: loss ") and lines[1].endswith(" %")


def test_wrong_arguments_are_exceptions(folder, tmp_path):
    with pytest.raises(FileNotFoundError):
        seesaw.train(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="not the folder of a run"):
        seesaw.Run(tmp_path)
    with pytest.raises(FileNotFoundError, match="not the folder of a run"):
        seesaw.resume(tmp_path)
    with pytest.raises(ValueError, match="not from both"):
        seesaw.train(folder, init=CIFAR, from_scratch=True)
    with pytest.raises(ValueError, match="no.such"):
        seesaw.train(folder, out=tmp_path / "a", settings={"no.such": 1}, from_scratch=True)
    with pytest.raises(seesaw.TrainError):
        seesaw.train(folder, out=tmp_path / "a", recipe="no-such-recipe")
    with pytest.raises(ValueError, match="seesaw-shuffle"):
        seesaw.train(folder, out=tmp_path / "a", net="seesaw-shufle-0.5d-cifar", from_scratch=True)
    with pytest.raises(TypeError, match="cannot be called"):
        seesaw.train(folder, out=tmp_path / "a", callbacks=[3])  # type: ignore[list-item]
    seesaw.train(folder, out=tmp_path / "b", epochs=1, **OPTIONS)
    with pytest.raises(FileExistsError, match="already holds a run"):
        seesaw.train(folder, out=tmp_path / "b", epochs=1, **OPTIONS)
