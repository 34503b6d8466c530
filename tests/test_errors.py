"""One root for what a caller catches."""

import importlib
import pkgutil

import pytest

import exporter
from exporter.errors import HexExporterError

SIGNALS_OF_READERS = {"RejectedError", "UnfitError"}
ROOMS = [one.name for one in pkgutil.iter_modules(exporter.__path__) if one.ispkg]


@pytest.mark.parametrize("room", ROOMS)
def test_every_error_that_a_room_shows_has_the_one_root(room: str) -> None:
    face = importlib.import_module(f"exporter.{room}")
    shown = [getattr(face, name) for name in getattr(face, "__all__", ())]
    errors = [one for one in shown if isinstance(one, type) and issubclass(one, Exception)]

    strays = [one.__name__ for one in errors if not issubclass(one, HexExporterError)]
    assert set(strays) <= SIGNALS_OF_READERS
