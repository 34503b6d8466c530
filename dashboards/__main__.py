"""Write every dashboard beside this file, the same bytes each time."""

from pathlib import Path

from dashboards.boards import BOARDS
from dashboards.encode import encode

if __name__ == "__main__":
    folder = Path(__file__).parent
    for board in BOARDS:
        (folder / f"{board.uid}.json").write_text(encode(board), encoding="utf-8")
