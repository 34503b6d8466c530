"""An exporter that follows an unreliable Hex, with a ledger that cannot always be written and clocks that are wrong."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec

from exporter.config import RateLimit
from exporter.errors import LedgerError
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger
from exporter.view import awaited, complete_until_ms
from helpers.accounting import RUNS_ALONE, OffClock
from helpers.following import Following
from helpers.page_judge import TOLERATED, PageJudge
from helpers.unreliable_hex import UNWRITTEN, UnreliableHex, runs_path

_TOKEN = TokenSource(value="hxtw_" + "ab" * 48)
_LIMIT = RateLimit(per_minute=60, per_hour=3600, share=1.0)


class UnreliableWorld(UnreliableHex):
    """The workspace and its follower, by a manual clock; `judge` raises AssertionError where the page is false."""

    def __init__(self, clock, machine_off: float = 0.0, projects: int = 3, refused_share: float = 0.1) -> None:
        super().__init__(clock, projects)
        self.machine = OffClock(clock)
        self.machine.off = machine_off
        self._loop = asyncio.new_event_loop()
        transport = httpx.MockTransport(self.answer)
        collect = msgspec.structs.replace(RUNS_ALONE, refused_share=refused_share)
        self.following = Following(self.machine, transport, "sqlite://", _LIMIT, collect, _TOKEN)
        self._judge = PageJudge(self, self.following)
        self._make_writes_fail()

    def remove_project(self, project: int) -> None:
        """A project leaves the listing, and need no longer be known."""
        super().remove_project(project)
        self._judge.forget_unlisted()

    # What goes wrong.

    def set_machine_clock(self, off: float) -> None:
        """The clock of the exporter's machine is so much ahead."""
        self.machine.off = off

    def date_wrongly(self, seconds: float, lasts: float) -> None:
        """Hex's Date is ahead by so much for a while; not from the start, when nothing contradicts it."""
        if self.following.time.is_agreed:
            self.dates_off, self.dates_until = seconds, self.clock.now() + lasts

    def fail_writes(self, pattern: list[bool]) -> None:
        """Of the next writes to the ledger, these are not committed."""
        self.failing_writes = deque(pattern)

    def restart(self) -> None:
        """The process ends and another begins, with what the ledger's tables hold."""
        self.dates_off = 0.0
        self.following.ledger = Ledger(self.following.ledger._store)
        self.following.restart()
        if noted := self.following.known.noted_skew:
            self.following.time.assume(*noted)
        self._judge.begin_process()
        self._make_writes_fail()

    def be_away(self, seconds: float) -> None:
        """Time passes while nothing runs."""
        self.clock.advance(seconds)

    def lose_page(self, project: int, runs: int, seconds: float) -> None:
        """Runs start, the first page that has them cannot be written, and so much time passes before the next."""
        self.start_runs(project, runs)
        path, before = runs_path(self._named(project)), self.lost_pages
        for _ in range(4):
            self.exchange(UNWRITTEN, path)
            if self.lost_pages > before:
                self.clock.advance(seconds)
                self.go_on(3)
                return

    def exchange(self, fault: str | None = None, path: str | None = None) -> None:
        """The exporter goes on until it has sent one request, whose answer has this fault, if it is for this path."""
        self.once, self.once_at = fault, path
        self._loop.run_until_complete(self._exchange())
        self._judge.judge_claims()
        self.once = None
        if self.is_disk_full:
            self.failing_writes.clear()
            self.is_disk_full = False

    def go_on(self, requests: int) -> None:
        """The exporter goes on until it has sent so many."""
        for _ in range(requests):
            self.exchange()

    async def _exchange(self) -> None:
        before = self.requests
        for _ in range(1_000):
            wait = await self.following.poller.step()
            if self.requests > before:
                return
            self.clock.advance(max(wait, 0.05))
        raise AssertionError("nothing is requested any more")

    # What is shown.

    def judge(self) -> None:
        """Every figure is exact, older than it says, or absent."""
        self._judge.judge()

    def settle(self) -> None:
        """Everything works again: every run is known and counted, once."""
        self.mend()
        self.failing_writes.clear()
        self.machine.off = 0.0
        for project_id in self.listed.keys() - self.projects.keys():
            self._list_project(project_id)
        self.end_runs()
        self.restart()
        settled = self.clock.now()
        for _ in range(600):
            self.exchange()
            until_ms = complete_until_ms(awaited(self.following.known.projects()), None) or 0
            if until_ms / 1000 < settled + TOLERATED:
                continue
            known = {run.run_id: run for run in self.following.known.runs_between(0, None)}
            truth = {
                run.run_id
                for run in self.runs.values()
                if not run.was_deleted and (run.run_id in known or not self._judge.is_said_to_be_left_out(run))
            }
            if truth <= known.keys() and not any(run.is_active for run in known.values() if run.run_id in truth):
                break
        assert truth <= known.keys(), f"{len(truth - known.keys())} runs were lost"
        assert until_ms / 1000 > settled, "what is known does not go on"
        contact = self.following.known.first_contact_ms / 1000
        ended = [run for run in self.runs.values() if run.end is not None and run.end >= contact - TOLERATED]
        certain = sum(run.run_id in truth and run.end > contact + TOLERATED for run in ended)
        counted = sum(self.following.counted().values())
        assert certain <= counted <= len(ended), f"{counted} runs counted of {certain} to {len(ended)}"
        self.judge()

    def close(self) -> None:
        self._loop.run_until_complete(self.following.poller.aclose())
        self._loop.close()
        self.following.ledger.close()

    # How it is made.

    def _make_writes_fail(self) -> None:
        store = self.following.ledger._store
        if "transaction" not in vars(store):
            store.transaction = self._unreliable(store.transaction)

    def _unreliable(self, transaction):
        @contextmanager
        def begun(*workspace) -> Iterator[object]:
            is_failing = self.failing_writes.popleft() if self.failing_writes else False
            with transaction(*workspace) as one:
                yield one
                if is_failing:
                    self.is_write_lost = True
                    raise LedgerError("ledger.db: cannot be written: database or disk is full")

        return begun
