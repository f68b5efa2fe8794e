"""The notebook of the guide, on painted photos."""

from __future__ import annotations

import json

from conftest import ROOT, paint, write_ppm


def test_the_notebook_runs_from_start_to_end(tmp_path, monkeypatch, capsys):
    for part, count in [("train", 8), ("val", 3)]:
        for kind, name in enumerate(["red", "green", "blue"]):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                write_ppm(folder / f"{part}-{index}.ppm", paint(kind, index + 100 * count, 120))
    monkeypatch.setenv("SEESAW_PHOTOS", str(tmp_path / "photos"))
    monkeypatch.setenv("SEESAW_OUT", str(tmp_path / "run"))
    monkeypatch.setenv("SEESAW_EPOCHS", "1")
    notebook = json.loads((ROOT / "docs/guides/python.ipynb").read_text())
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    printed = capsys.readouterr().out
    assert "of 9 photos" in printed and "model.onnx" in printed
    assert (tmp_path / "run/model.onnx").stat().st_size > 1_000_000
