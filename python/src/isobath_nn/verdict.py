"""The answer to the question whether a network will train."""

from __future__ import annotations

import copy
import dataclasses
import html
from typing import Any

from ._errors import Error

_TRAINS = 0.8
"""From this probability on, a network trains."""


@dataclasses.dataclass(frozen=True)
class Reason:
    """A reason why a network does not train, or a weak point of one that does.

    `layer` is counted from 1. `value` is the number that shows it, in the unit that the sentence states.
    """

    kind: str
    sentence: str
    layer: int | None
    value: float | None


@dataclasses.dataclass(frozen=True)
class Alternative:
    """A change after which the network has the probability `p`; `settings` are those of `isobath predict --set`."""

    change: str
    p: float
    interval: tuple[float, float]
    settings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a network will train, why not, and what to change.

    `p` is the probability of an accuracy about halfway between chance and that of a shallow network within the budget,
    and None where it is not known; `interval` covers 80% of the models fitted to other draws of the calibration.
    `notes` lists what the verdict leaves out or approximates.
    """

    sentence: str
    p: float | None
    interval: tuple[float, float] | None
    reasons: tuple[Reason, ...]
    prescription: tuple[Alternative, ...]
    notes: tuple[str, ...]
    data: dict[str, Any] = dataclasses.field(repr=False)
    names: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    def __str__(self) -> str:
        """Return the verdict in one line."""
        return self.sentence

    def __bool__(self) -> bool:
        """Refuse a truth value: a verdict is a probability."""
        raise TypeError("a verdict is neither true nor false; compare `verdict.p`, or call `verdict.assert_trainable(0.5)`")

    def assert_trainable(self, p: float = 0.5) -> None:
        """Raise `AssertionError` with reasons if the probability is below `p`, or not known."""
        if not 0.0 <= p <= 1.0:
            raise Error(f"p must be a probability, from 0 to 1, and is {p}")
        if self.p is None:
            raise AssertionError(f"no probability is known, so it is not at least {p}: {self.explain()}")
        if self.p < p:
            raise AssertionError(f"the probability of {self.p:.4f} is below {p}: {self.explain()}")

    def explain(self) -> str:
        """Return the verdict with reasons, alternatives and notes, a line for each."""
        lines = [self.sentence]
        lines += [f"{self._title.lower()}: {reason.sentence}" for reason in self.reasons]
        lines += [f"what to change: {other.change}: P = {other.p:.2f}" for other in self.prescription]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    @property
    def _title(self) -> str:
        """Return the heading of the reasons, which are no reasons to fail where the network trains."""
        return "Weak point" if self.p is not None and self.p >= _TRAINS else "Why"

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as docs/predict.schema.json describes it, with the list `notes`."""
        return copy.deepcopy(self.data) | {"notes": list(self.notes)}

    def _repr_html_(self) -> str:
        """Return the verdict as HTML, for notebooks."""

        def items(title: str, texts: list[str]) -> str:
            if not texts:
                return ""
            entries = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
            return f"<p style='margin:.5em 0 0'>{title}</p><ul style='margin:0'>{entries}</ul>"

        parts = [f"<p style='margin:0'><b>{html.escape(self.sentence)}</b></p>"]
        if self.p is not None and self.interval is not None:
            parts.append(_bar(self.p, self.interval))
        parts.append(items(self._title, [reason.sentence for reason in self.reasons]))
        changes = [f"{other.change}: P = {other.p:.2f}" for other in self.prescription]
        parts.append(items("What to change", changes))
        parts.append(items("Notes", list(self.notes)))
        return f"<div style='max-width:50em;line-height:1.4'>{''.join(parts)}</div>"


def _bar(p: float, interval: tuple[float, float]) -> str:
    """Draw the probability on a scale from 0 to 1, with its interval."""
    low, high = interval
    x, left, width = 200 * p, 200 * low, max(200 * (high - low), 1.0)
    return (
        "<svg width='210' height='16' role='img' aria-label='probability' style='display:block;margin:.4em 0'>"
        "<rect x='5' y='6' width='200' height='4' fill='#8884'/>"
        f"<rect x='{5 + left:.1f}' y='4' width='{width:.1f}' height='8' fill='#4a7ab580'/>"
        f"<circle cx='{5 + x:.1f}' cy='8' r='4' fill='#2f5f9e'/></svg>"
    )


def of_prediction(data: dict[str, Any], notes: list[str]) -> Verdict:
    """Read the JSON of `isobath predict`."""
    probability = data["probability"]
    found = (data["prescription"] or {}).get("alternatives", [])
    return Verdict(
        sentence=data["sentence"],
        p=None if probability is None else float(probability["p"]),
        interval=None if probability is None else (float(probability["low"]), float(probability["high"])),
        reasons=_reasons(data),
        prescription=tuple(
            Alternative(other["change"], other["p"], (other["low"], other["high"]), tuple(other["settings"]))
            for other in found
        ),
        notes=tuple(notes),
        data=data,
    )


def of_activations(data: dict[str, Any], names: list[str], notes: list[str]) -> Verdict:
    """Read the JSON of `isobath predict --activations`, whose layers get the names given."""
    reasons = tuple(_with_name(reason, names) for reason in _reasons(data))
    found = reasons[0].sentence if reasons else "nothing unusual was found in the activations"
    sentence = f"not known: activations alone do not tell how the network trains; {found}"
    return Verdict(sentence, None, None, reasons, (), tuple(notes), data | {"layers": names}, tuple(names))


def _reasons(data: dict[str, Any]) -> tuple[Reason, ...]:
    return tuple(Reason(found["kind"], found["sentence"], found["layer"], found["value"]) for found in data["diagnoses"])


def _with_name(reason: Reason, names: list[str]) -> Reason:
    """Say the name of the layer behind its number."""
    if reason.layer is None or reason.layer > len(names):
        return reason
    return dataclasses.replace(reason, sentence=f"{reason.sentence} (layer {reason.layer} is `{names[reason.layer - 1]}`)")
