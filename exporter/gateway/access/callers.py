"""Callers, known only by a keyed hash of their token, and what Hex has let them do lately."""

import hmac
from collections import OrderedDict, defaultdict
from typing import TypeVar

from exporter.clock import Clock

REMEMBERED_SECONDS = 60.0
"""How long what Hex has shown a caller is taken for granted: a right that is withdrawn ends within a minute."""

REFUSED_SECONDS = 60.0
"""How long a token that Hex has refused is refused without asking again."""

MOST_PROOFS = 10_000
"""How many proofs are remembered; the oldest are evicted, and read from Hex again."""

MOST_CALLERS = 10_000
"""How many tokens are remembered as accepted, and as many as refused; the oldest are evicted."""

_Key = tuple[str, str, str | None]
_Remembered = TypeVar("_Remembered")
_Value = TypeVar("_Value")


class Callers:
    """Names callers and remembers proofs of their rights. Keeps no token; used on one event loop.

    `secret` is the ledger's, so that a caller has the same name after a restart. Proofs are lost with the process.
    `rights_seconds`: how old the proof of a right to run may be.
    """

    def __init__(self, secret: bytes, clock: Clock, rights_seconds: float = 900.0) -> None:
        self._secret = secret
        self._clock = clock
        self._rights_seconds = rights_seconds
        self._accepted: OrderedDict[str, None] = OrderedDict()
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._started: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._proofs: OrderedDict[_Key, float] = OrderedDict()
        self._keys_of: defaultdict[str, set[_Key]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._proofs)

    def name(self, authorization: bytes) -> str:
        """The token's name: 64 hexadecimal digits from which the token cannot be found without the secret."""
        return hmac.digest(self._secret, b"token\0" + authorization, "sha256").hex()

    def prove(self, name: str, project_id: str, run_id: str | None = None) -> None:
        """Note that Hex has just shown this caller the project, or that run of it."""
        self.accept(name)
        key = (name, project_id, run_id)
        self._proofs[key] = self._clock.monotonic()
        self._proofs.move_to_end(key)
        self._keys_of[name].add(key)
        while len(self._proofs) > MOST_PROOFS:
            self._drop(next(iter(self._proofs)))

    def is_proven(self, name: str, project_id: str, run_id: str | None = None) -> bool:
        """Whether Hex has shown it within the last 60 seconds; asking does not make that longer."""
        proven_at = self._proofs.get((name, project_id, run_id))
        return proven_at is not None and self._clock.monotonic() - proven_at < REMEMBERED_SECONDS

    def forget(self, name: str, project_id: str | None = None) -> None:
        """Take back what was proven of a caller, for one project or for all: Hex has refused it."""
        for key in [key for key in self._keys_of.get(name, ()) if project_id in (None, key[1])]:
            self._drop(key)
        for started in [one for one in self._started if one[0] == name and project_id in (None, one[1])]:
            del self._started[started]

    def accept(self, name: str) -> None:
        """Note that Hex has accepted this token."""
        self._refused.pop(name, None)
        self._accepted[name] = None
        _bound(self._accepted, name)

    def refuse(self, name: str) -> None:
        """Note that Hex has just refused this token: nothing that was proven of it holds any more."""
        self.forget(name)
        self._accepted.pop(name, None)
        self._refused[name] = self._clock.monotonic()
        _bound(self._refused, name)

    def is_accepted(self, name: str) -> bool:
        """Whether Hex has accepted this token, and has not refused it since."""
        return name in self._accepted

    def is_refused(self, name: str) -> bool:
        """Whether Hex has refused this token within the last minute."""
        refused_at = self._refused.get(name)
        return refused_at is not None and self._clock.monotonic() - refused_at < REFUSED_SECONDS

    def prove_run(self, name: str, project_id: str, seconds_ago: float = 0.0) -> None:
        """Note that Hex has let this caller run the project, as a dry run or not."""
        self.accept(name)
        key, at = (name, project_id), self._clock.monotonic() - seconds_ago
        self._started[key] = max(at, self._started.get(key, at))
        _bound(self._started, key)

    def may_run(self, name: str, project_id: str) -> bool:
        """Whether Hex has let this caller run the project lately enough for a result to be given to it."""
        proven_at = self._started.get((name, project_id))
        return proven_at is not None and self._clock.monotonic() - proven_at < self._rights_seconds

    def _drop(self, key: _Key) -> None:
        del self._proofs[key]
        keys = self._keys_of[key[0]]
        keys.remove(key)
        if not keys:
            del self._keys_of[key[0]]


def _bound(remembered: OrderedDict[_Remembered, _Value], newest: _Remembered) -> None:
    """Put one at the end, and evict those that were put there longest ago."""
    remembered.move_to_end(newest)
    while len(remembered) > MOST_CALLERS:
        remembered.popitem(last=False)
