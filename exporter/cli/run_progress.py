"""What is going on, for whoever waits: a moving line on a terminal, plain lines in a file or a pipe."""

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


class Progress:
    """Shows one thing at a time. A context manager: the moving line goes with it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = ""
        self._bar = Bar(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", visible=False)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def doing(self, what: str) -> None:
        """What is going on from now on; in a file each change is a line."""
        if self._console.is_terminal:
            self._bar.update(self._task, description=escape(what), visible=True)
        elif what != self._said:
            self.say(what)
        self._said = what

    def say(self, sentence: str) -> None:
        """A line that stays."""
        self._console.print(escape(sentence), soft_wrap=True)
