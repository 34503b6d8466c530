"""The law of reading over a million steps: whatever Hex, the disk and the clocks do, no figure is ever false.

`--steps N` of other worlds each time (`tests/polling/test_polling_laws.py` takes some thousand, the same each time).
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import structlog
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.reading_law import STEPS_OF_A_WORLD, no_figure_is_ever_false


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1_000_000)
    worlds = max(1, parser.parse_args().steps // STEPS_OF_A_WORLD)
    unhurried = settings(
        max_examples=worlds, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    began = time.process_time()
    unhurried(no_figure_is_ever_false)()
    seconds = time.process_time() - began
    print(f"{worlds * STEPS_OF_A_WORLD:,} steps in {worlds:,} worlds: no figure was false ({seconds:.0f} s of CPU)")


if __name__ == "__main__":
    main()
