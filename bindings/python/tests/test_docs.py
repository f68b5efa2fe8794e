"""The examples in docstrings."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["_model", "_zoo", "_training", "torch", "sklearn"])
def test_examples_in_docstrings(name):
    package = {"torch": "torch", "sklearn": "sklearn"}.get(name)
    if package:
        pytest.importorskip(package)
    module = importlib.import_module(f"seesaw.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0 or name in ("_training", "sklearn")
