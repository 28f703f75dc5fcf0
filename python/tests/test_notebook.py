"""The example runs from top to bottom. Without PyTorch, its cells for PyTorch say so."""

import contextlib
import importlib.util
import io
import json
from pathlib import Path

import pytest

import isobath_nn as isobath

NOTEBOOK = Path(__file__).parent.parent / "examples" / "predict.ipynb"


@pytest.fixture(scope="module")
def result():
    """Names that the cells define, and what they print."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in cells:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    return names, printed.getvalue()


def test_the_notebook_runs(result):
    names, printed = result
    assert isinstance(names["verdict"], isobath.Verdict) and names["verdict"].p > 0.5
    assert "reconstruction error" in printed


def test_the_part_for_pytorch_runs(result):
    if importlib.util.find_spec("torch") is None:
        assert "skipped: PyTorch is not installed" in result[1]
        pytest.skip("PyTorch is not installed")
    assert "trains: P = " in result[1]
