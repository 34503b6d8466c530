"""How the tests of this room load a configuration."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.config import Config, load_config
from exporter.errors import ConfigError

Load = Callable[..., Config]
Mistakes = Callable[..., list[str]]
_PLACE = re.compile(r"(?P<line>hex\.yml:\d+): (?:(?P<key>[a-z_]+(?:\[\d+\]|\.[a-z_]+)*): )?")


@pytest.fixture
def load() -> Load:
    """Load a text as the file `hex.yml`, with nothing in the environment unless given."""

    def loading(
        text: str | bytes | None, *, source: str = "hex.yml", environ: Mapping[str, str] | None = None
    ) -> Config:
        return load_config(text, source=source, environ=environ or {}, state_dir=Path("/state"))

    return loading


@pytest.fixture
def mistakes(load: Load) -> Mistakes:
    """What a text is refused with, a line each."""

    def refused_with(text: str | bytes | None, *, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, environ=environ)
        return str(caught.value).splitlines()

    return refused_with


@pytest.fixture
def places(mistakes: Mistakes) -> Mistakes:
    """Where a text is refused, as `LINE: KEY` each: what the sentences say is pinned in `test_config_messages.py`."""

    def refused_at(text: str | bytes | None) -> list[str]:
        found = [_PLACE.match(mistake) for mistake in mistakes(text)]
        return [f"{place['line'].removeprefix('hex.yml:')}: {place['key'] or ''}".strip() for place in found if place]

    return refused_at
