"""How the trigger of each project stands: what was handled of its source, and the run that is on the way for it."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from sqlalchemy import select

from exporter.ledger.codec import decode, storable
from exporter.ledger.histograms import Amounts
from exporter.ledger.key_values import KeyValues
from exporter.ledger.schema import NOTES
from exporter.ledger.source_states import Count
from exporter.ledger.store import Store

_PREFIX = "trigger "

TriggerPhase = Literal["idle", "requested", "running", "stopped"]
"""It waits for a change; it asks the gateway for a run; that run is under way; or Hex refuses its runs."""


class TriggerState(Struct, frozen=True, kw_only=True):
    """How one project's trigger stands; times in epoch milliseconds.

    `source_key`, `span` and `digest` are the state of the source that was handled last. `since_ms`: since when the
    trigger is known, `ran_ms`: when it last ran, or would have. Of the request under way: `name` identifies it, also
    across restarts, and it was made at `named_ms` or later; `cause` says why it is due, `due_span` and `due_digest` for
    which state of the source, and `changed_ms` since when that was seen; `attempt` counts the runs that were started
    for it, `tries` the answers in a row that were to wait, and `not_before_ms` is when to ask again; `run_id` is the
    run that it was given. `stopped` says why nothing is done any more, as long as the trigger's `signature` is the
    same.
    """

    phase: TriggerPhase = "idle"
    source_key: str | None = None
    span: int = 0
    digest: str | None = None
    since_ms: int = 0
    ran_ms: int | None = None
    name: str = ""
    named_ms: int = 0
    cause: Literal["change", "latest"] = "change"
    due_span: int = 0
    due_digest: str | None = None
    changed_ms: int | None = None
    attempt: int = 0
    tries: int = 0
    not_before_ms: int = 0
    run_id: str | None = None
    stopped: str = ""
    signature: str = ""


class TriggerRepository:
    """The triggers of one workspace: in the ledger, and in memory once they are committed.

    Safe to write from any thread; `states` never waits.
    """

    def __init__(self, store: Store, workspace: str, count: Count, notes: KeyValues) -> None:
        self._store = store
        self._workspace = workspace
        self._count = count
        self._notes = notes
        self.load()

    def load(self) -> None:
        """Read every state from the table."""
        note = NOTES.c
        mine = note.workspace == self._workspace
        with self._store.reading() as connection:
            rows = connection.execute(select(note.key, note.value).where(mine, note.key.startswith(_PREFIX))).all()
        found = {key.removeprefix(_PREFIX): decode(text, TriggerState) for key, text in rows}
        self._states: Mapping[str, TriggerState] = {key: state for key, state in found.items() if state is not None}

    def states(self) -> Mapping[str, TriggerState]:
        """How the trigger of each project stands, by project id; never changed in place."""
        return self._states

    def record(self, project_id: str, state: TriggerState, amounts: Amounts, now_ms: int) -> None:
        """How the project's trigger stands from now on, and what is counted with that: one transaction."""
        project_id = storable(project_id)
        with self._store.transaction(self._workspace) as transaction:
            self._notes.write(transaction, _PREFIX + project_id, state)
            self._count(transaction, amounts, now_ms)
            after = {**self._states, project_id: state}
            transaction.after_commit(lambda: self._replace(after))

    def _replace(self, after: Mapping[str, TriggerState]) -> None:
        self._states = after
