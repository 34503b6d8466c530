"""Whose turn it is among several: by weight, and no key is kept of which nothing waits."""

from exporter.gateway.upstream.fair_line import FairLine


def drained(line: FairLine[str]) -> list[str]:
    found = []
    while (item := line.next()) is not None:
        found.append(item)
    return found


def test_keys_take_turns_however_much_one_has() -> None:
    line: FairLine[str] = FairLine()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        line.add(item[0], item)

    assert drained(line) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_heavier_key_has_more_turns_in_a_row() -> None:
    line: FairLine[str] = FairLine(lambda key: 3 if key == "a" else 1)
    for number in range(5):
        line.add("a", f"a{number}")
        line.add("b", f"b{number}")

    assert drained(line)[:8] == ["a0", "a1", "a2", "b0", "a3", "a4", "b1", "b2"]


def test_what_is_ahead_is_what_leaves_before() -> None:
    for weight in (1, 2, 3):
        for own in range(5):
            for others in range(8):
                line: FairLine[str] = FairLine(lambda key, weight=weight: weight if key == "a" else 1)
                for number in range(others):
                    line.add("b", f"b{number}")
                for number in range(own):
                    line.add("a", f"a{number}")
                ahead = line.ahead("a")
                line.add("a", "mine")
                assert abs(ahead - drained(line).index("mine")) <= 1


def test_an_item_can_be_taken_out_and_an_empty_key_is_forgotten() -> None:
    line: FairLine[str] = FairLine(lambda key: 5)
    line.add("a", "x")
    line.add("a", "y")
    line.next()

    assert line.remove("a", "y")
    assert not line.remove("a", "y")
    assert (len(line), line.next(), vars(line)["_lines"], vars(line)["_turns_left"]) == (0, None, {}, {})
