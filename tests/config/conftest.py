"""How the tests of this room load a configuration."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.config import Config, load_config
from exporter.errors import ConfigError

Load = Callable[..., Config]
Mistakes = Callable[..., list[str]]


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
