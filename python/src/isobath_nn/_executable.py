"""Finds the program `isobath` and runs it."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ._errors import Error

_NAME = "isobath.exe" if os.name == "nt" else "isobath"
_VARIABLE = "ISOBATH_EXECUTABLE"
# The program stores what it has computed before it ends, which takes less.
_SECONDS_TO_STOP = 35


def executable() -> Path:
    """Path of the program: `ISOBATH_EXECUTABLE`, or that of this installation, or the first on the PATH.

    Raises `Error` if there is none.
    """
    named = os.environ.get(_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise Error(f"{_VARIABLE} is {named}, which is no file; set it to the path of the program, or unset it")
        return Path(named)
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    user = sysconfig.get_preferred_scheme("user")
    folders.append(sysconfig.get_path("scripts", user))
    for folder in folders:
        if (Path(folder) / _NAME).is_file():
            return Path(folder) / _NAME
    found = shutil.which(_NAME)
    if found is None:
        raise Error(
            f"the program {_NAME} is not in {folders[0]}, nor on the PATH; install the wheel of isobath-nn for this "
            f"platform, or set {_VARIABLE} to its path"
        )
    return Path(found)


def call(arguments: Sequence[str | os.PathLike[str]], progress: bool = True) -> str:
    """Run the program and return its standard output.

    Lines of standard error are shown while it runs, if `progress`. On KeyboardInterrupt, the program is stopped first.

    Raises `Error` with the sentence that the program printed.
    """
    command = [str(executable()), *(os.fspath(argument) for argument in arguments)]
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise Error(f"cannot start {command[0]}: {error}") from error
    assert process.stdout is not None and process.stderr is not None
    messages: list[str] = []
    show = _display() if progress else None
    errors = process.stderr

    def forward() -> None:
        for line in errors:
            # The program's advice is for its repository; here, it is on the PATH.
            text = line.rstrip("\n").replace("cargo xtask ", "isobath ")
            messages.append(text)
            if show is not None and text.strip() and not text.startswith("error:"):
                show(text)

    reader = threading.Thread(target=forward, daemon=True)
    reader.start()
    try:
        output = process.stdout.read()
        code = process.wait()
    except BaseException:
        _stop(process)
        raise
    finally:
        reader.join(_SECONDS_TO_STOP)
        process.stdout.close()
    if code == 130:
        raise KeyboardInterrupt
    if code != 0:
        raise Error(_sentence(messages, code), code)
    return output


def _stop(process: subprocess.Popen[str]) -> None:
    """End the program, gently at first."""
    process.terminate()
    try:
        process.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _sentence(messages: list[str], code: int) -> str:
    """Return what the program said about its failure."""
    for index, line in enumerate(messages):
        if line.startswith("error: "):
            return "\n".join([line.removeprefix("error: "), *messages[index + 1 :]]).strip()
    text = "\n".join(messages).strip()
    if code < 0:
        return f"isobath was ended by signal {-code}" + (f": {text}" if text else "")
    return text or f"isobath ended with exit code {code} and no message"


def _display() -> Callable[[str], None] | None:
    """Return a function that shows a line of progress: in place in a notebook, on standard error of a terminal."""
    if "IPython" in sys.modules:
        ipython = importlib.import_module("IPython")
        shell = ipython.get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            display = importlib.import_module("IPython.display")
            handle = display.display(display.Pretty(""), display_id=True)
            return lambda line: handle.update(display.Pretty(line))
    if sys.stderr is not None and sys.stderr.isatty():
        return lambda line: print(line, file=sys.stderr, flush=True)
    return None
