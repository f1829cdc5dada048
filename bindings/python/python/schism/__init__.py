"""Judges of database histories: linearizability, isolation, session guarantees, lost updates, and more.

A history is what the clients of a database saw: the two ends of every call, in the order of time. `check` says which
promises it keeps, and proves with the fewest operations which it breaks.

>>> import schism
>>> stale = schism.History.from_events([
...     {"time": 1, "process": 0, "type": "invoke", "f": "write", "key": "x", "value": 1},
...     {"time": 2, "process": 0, "type": "ok", "f": "write", "key": "x", "value": 1},
...     {"time": 3, "process": 0, "type": "invoke", "f": "write", "key": "x", "value": 2},
...     {"time": 4, "process": 0, "type": "ok", "f": "write", "key": "x", "value": 2},
...     {"time": 5, "process": 1, "type": "invoke", "f": "read", "key": "x"},
...     {"time": 6, "process": 1, "type": "ok", "f": "read", "key": "x", "value": 1},
... ])
>>> verdict, = schism.check(stale, ["linearizable"])
>>> verdict.validity
'invalid'
>>> verdict.anomalies[0]["name"], verdict.anomalies[0]["operations"]
('stale-read', [0, 1, 2])
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

from ._schism import History, __version__
from ._schism import checkers as _checkers
from ._schism import levels as _levels

__all__ = ["History", "Level", "Verdict", "__version__", "check", "checkers", "levels"]


@dataclass(frozen=True)
class Verdict:
    """What one checker says about a history."""

    checker: str
    """The checker's name."""
    validity: str
    """`valid`, `invalid` (with proof), or `unknown`: too little was done, or a budget was spent."""
    summary: str
    """The answer and its reason, in one sentence."""
    anomalies: Sequence[Mapping[str, Any]] = ()
    """The proofs: `name`, `sentence`, `operations` (places in the history, from 0), `steps`, `confirmation`."""
    anomaly_count: int = 0
    """How many anomalies were found in all."""
    figures: Optional[Mapping[str, Any]] = None
    """What was measured."""
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Consistency levels: the weakest that are `refuted`, and the strongest that are `held`."""
    disagreement: Optional[str] = None
    """Two algorithms disagree: a bug of schism, and no verdict on the database."""


@dataclass(frozen=True)
class Level:
    """A consistency level."""

    name: str
    promise: str
    """What it promises, as the end of a sentence that begins with "every"."""
    weaker: Sequence[str]
    """The levels right below it; it implies them, and what they imply."""


def check(
    history: Union[History, Iterable[Mapping[str, Any]]],
    checkers: Optional[Sequence[str]] = None,
    *,
    level: Optional[str] = None,
    model: Optional[str] = None,
    steps: Optional[int] = None,
    bytes: Optional[int] = None,
) -> list[Verdict]:
    """Judges a history, or an iterable of events.

    Without `checkers`, those are asked that suit the operations. `level` is what the database claims to give, as
    `"snapshot-isolation"`; `model` what kind of object the operations are about, as `"queue"`. `steps` and `bytes` bound each checker's search; a
    bound that is hit gives `unknown`. Raises ValueError for an unknown name, and for events that no history can have.
    """
    if not isinstance(history, History):
        history = History.from_events(history)
    request = {"checkers": list(checkers or []), "level": level, "model": model, "steps": steps, "bytes": bytes}
    known = Verdict.__dataclass_fields__
    return [
        Verdict(**{name: part for name, part in verdict.items() if name in known})
        for verdict in json.loads(history.judge(json.dumps(request)))
    ]


def checkers() -> dict[str, str]:
    """The checkers by name, each with what it judges."""
    return dict(_checkers())


def levels() -> list[Level]:
    """The consistency levels, from strong to weak."""
    return [Level(name, promise, tuple(weaker)) for name, promise, weaker in _levels()]
