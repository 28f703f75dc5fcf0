import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import isobath_nn as isobath

EXPERIMENT = """
name = "tiny"
[data]
dataset = "digits"
size = 7
train = 200
probe = 20
[network]
depth = 4
width = 20
activation = "tanh"
[grid]
sigma_w2 = [1.0, 2.0]
[cascade]
method = "ridge"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with spaces and letters of other alphabets."""
    folder = tmp_path / "σ² und mehr"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_run_and_load(place):
    Path("größe 1.toml").write_text(EXPERIMENT, encoding="utf-8")
    run = isobath.run("größe 1.toml", {"grid.seeds": 2}, runs=place / "läufe")
    assert run.report.is_file() and run.sentences
    profiles = isobath.load(run.folder, form="numpy")["profiles"]
    assert set(profiles["seed"]) == {0, 1} and set(profiles["sigma_w2"]) == {1.0, 2.0}
    assert np.isfinite(profiles["sigma_b2"]).all()
    by_name = isobath.load("tiny", runs=place / "läufe", form="numpy")
    assert set(by_name) == set(isobath.load(run.folder, form="numpy")) and "cutoffs" in by_name
    with pytest.raises(KeyError, match="the run has"):
        by_name["nothing"]


def test_mistakes_in_files_keep_the_sentence_of_the_program(place):
    Path("net.toml").write_text(EXPERIMENT.replace("depth", "deepness"), encoding="utf-8")
    with pytest.raises(isobath.Error, match="deepness") as error:
        isobath.run("net.toml")
    assert error.value.code == 2 and not str(error.value).startswith("error")
    with pytest.raises(isobath.Error, match=r"no-such-run.*`isobath list`"):
        isobath.load("no-such-run")


def test_temporary_files_and_reports_have_any_name(place, good, batch, monkeypatch):
    temporary = place / "tmp \"'ü"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    isobath.predict(good, batch, steps=100, alternatives=False, report="bericht ß.html")
    assert Path("bericht ß.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert list(temporary.iterdir()) == []


def test_a_missing_program_is_named(monkeypatch):
    monkeypatch.setenv("ISOBATH_EXECUTABLE", "/no/such/program")
    with pytest.raises(isobath.Error, match="ISOBATH_EXECUTABLE is /no/such/program"):
        isobath.executable()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_stops_the_program(tmp_path):
    """A program that would run for a minute ends with its parent's KeyboardInterrupt."""
    program = tmp_path / "isobath"
    program.write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec sleep 60\n')
    program.chmod(0o755)
    script = textwrap.dedent(
        """
        import signal
        from isobath_nn._executable import call
        # Background jobs of a shell begin with the signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            call(["run"])
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    environment = os.environ | {"ISOBATH_EXECUTABLE": str(program)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    pid = _wait_for(tmp_path / "pid")
    parent.send_signal(signal.SIGINT)
    output, _ = parent.communicate(timeout=20)
    assert output == "interrupted\n"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _wait_for(path):
    for _ in range(400):
        if path.is_file() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError("the program was not started")


def test_pytorch_is_not_imported(good, batch):
    script = "import sys, isobath_nn; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_warning_before_training(bad, good, batch):
    with pytest.warns(isobath.IsobathWarning, match="does not train"):
        isobath.warn_before_training(bad, batch, optimizer="sgd", lr=0.01, steps=300)
    with pytest.warns(isobath.IsobathWarning, match="no verdict.*needs labels"):
        assert isobath.warn_before_training(good, batch[0]) is None
