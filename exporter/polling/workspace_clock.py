"""The clock that everything about one workspace goes by: agreed time, and until it is agreed the best guess."""

from exporter.clock import Clock
from exporter.polling.agreed_clock import TOLERATED_MS, AgreedClock, Sample

_DAY_MS = 86_400_000
_DOUBTED_SECONDS = 60.0
_BACK_MS = 60_000


class WorkspaceClock:
    """A `Clock` whose `now` is the agreed time of one workspace, and never steps but where `observe` says so.

    One for the life of the process, whatever is read again. `observe` is for the thread that polls, the rest for any.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._agreed = AgreedClock()
        self._is_doubtful = False
        self._assumed_ms = 0
        self._guess_ms = self._machine_ms()
        self.began = machine.monotonic()

    @property
    def is_agreed(self) -> bool:
        """Whether the time is agreed."""
        return self._agreed.is_agreed

    @property
    def is_doubtful(self) -> bool:
        """Whether the guess contradicts what was known last, and an answer of Hex may still come to decide."""
        is_early = self._machine.monotonic() - self.began < _DOUBTED_SECONDS
        return self._is_doubtful and not self.is_agreed and is_early

    @property
    def ahead_ms(self) -> int:
        """How far this machine's clock is ahead of the time that is gone by; 0 while that is tolerated."""
        ahead_ms = self._wall_ms() - self.now_ms()
        return ahead_ms if abs(ahead_ms) > TOLERATED_MS else 0

    @property
    def skew_seconds(self) -> float | None:
        """This machine's clock minus the agreed time, 0 while that is tolerated; None before it is agreed."""
        return self.ahead_ms / 1000 if self.is_agreed else None

    @property
    def dispute_seconds(self) -> float | None:
        """How far Hex's answers have been dated from the agreed time for a minute and more; None while they are not."""
        dispute_ms = self._agreed.dispute_ms(self._steady_ms())
        return None if dispute_ms is None else dispute_ms / 1000

    def now(self) -> float:
        """Epoch seconds by the agreed time."""
        return self.now_ms() / 1000

    def now_ms(self) -> int:
        """Epoch milliseconds by the agreed time."""
        agreed_ms = self._agreed.now_ms(self._steady_ms())
        return self._guess_ms + self._steady_ms() if agreed_ms is None else agreed_ms

    def monotonic(self) -> float:
        """Seconds by the machine's steady clock."""
        return self._machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait as the machine's clock does."""
        await self._machine.sleep(seconds)

    async def agreed(self, at_most_seconds: float | None = None) -> None:
        """Return once the time is agreed, or after so many seconds."""
        began = self.monotonic()
        while not self.is_agreed and (at_most_seconds is None or self.monotonic() - began < at_most_seconds):
            await self.sleep(0.2)

    def assume(self, skew_ms: int, noted_ms: int) -> None:
        """Begin with what an earlier process noted at that agreed time: it is a guess, until the time is agreed.

        A machine whose clock would have gone back since, or on by more than a day, is in doubt.
        """
        now_ms = self._wall_ms() - skew_ms
        self._is_doubtful = not noted_ms - _BACK_MS <= now_ms <= noted_ms + _DAY_MS
        self._assumed_ms = 0 if self._is_doubtful else skew_ms
        self._guess_ms = self._machine_ms()

    def follow_machine(self) -> int:
        """Guess anew if the machine's clock was set before anything is agreed; returns by how much time moved on."""
        by_ms = self._machine_ms() - self._guess_ms
        if self.is_agreed or abs(by_ms) <= TOLERATED_MS:
            return 0
        self._guess_ms += by_ms
        return by_ms

    def observe(self, date_ms: int | None, newest_ms: int | None, took_seconds: float) -> int:
        """Take in an answer that has just come. Returns by how much it set the time on, 0 as a rule."""
        steady_ms, wall_ms, before_ms = self._steady_ms(), self._wall_ms(), self.now_ms()
        was_agreed, took_ms = self.is_agreed, round(took_seconds * 1000)
        stepped_ms = self._agreed.observe(
            Sample(
                wall_ms=wall_ms - took_ms // 2,
                steady_ms=steady_ms - took_ms // 2,
                date_ms=date_ms,
                newest_ms=newest_ms,
                took_ms=took_ms,
            )
        )
        after_ms = self._agreed.now_ms(steady_ms)
        if was_agreed or after_ms is None:
            return stepped_ms
        return after_ms - before_ms if abs(after_ms - before_ms) > TOLERATED_MS else 0

    def _machine_ms(self) -> int:
        """What is added to steady time for what the machine's clock and the assumed skew say."""
        return self._wall_ms() - self._steady_ms() - self._assumed_ms

    def _steady_ms(self) -> int:
        return round(self._machine.monotonic() * 1000)

    def _wall_ms(self) -> int:
        return round(self._machine.now() * 1000)
