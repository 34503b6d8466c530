"""Commands change the logs of the whole process; what a test of one changed is put back."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def usual_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()
