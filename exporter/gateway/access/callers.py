"""Callers, known only by a keyed hash of their token, and what Hex has let them do within the last minute."""

import hashlib
import hmac
from collections import OrderedDict, defaultdict

from exporter.clock import Clock

REMEMBERED_SECONDS = 60.0
"""How long what Hex has shown a caller is taken for granted: a right that is withdrawn ends within a minute."""

MOST_PROOFS = 10_000
"""How many proofs are remembered; the oldest are evicted, and read from Hex again."""

_Key = tuple[str, str, str | None]


class Callers:
    """Names callers and remembers proofs of their rights. Keeps no token; used on one event loop.

    `secret` is the ledger's, so that a caller has the same name after a restart. Proofs are lost with the process.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock
        self._proofs: OrderedDict[_Key, float] = OrderedDict()
        self._keys_of: defaultdict[str, set[_Key]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._proofs)

    def name(self, authorization: bytes) -> str:
        """The token's name: 64 hexadecimal digits from which the token cannot be found without the secret."""
        return hmac.new(self._secret, b"token\0" + authorization, hashlib.sha256).hexdigest()

    def queue_key(self, name: str, peer: str) -> str:
        """Whose turn it is in the queue: a token from one address. `name` is the token's, `peer` the address."""
        return hmac.new(self._secret, f"seat\0{name}\0{peer}".encode(), hashlib.sha256).hexdigest()

    def prove(self, name: str, project_id: str, run_id: str | None = None) -> None:
        """Note that Hex has just shown this caller the project, or that run of it."""
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

    def _drop(self, key: _Key) -> None:
        del self._proofs[key]
        keys = self._keys_of[key[0]]
        keys.remove(key)
        if not keys:
            del self._keys_of[key[0]]
