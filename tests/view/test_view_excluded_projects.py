"""What `collect.match` and `collect.except` leave out is in no figure, and its number is."""

from typing import Any

import pytest

from exporter.config import Collect, Match

WITHOUT_ORDERS = Collect(left_out=(Match(project_id="orders"),))


def named(figures: Any, project_id: str) -> set[str]:
    """The metrics that have a series of the project."""
    return {name for name, samples in figures.items() if any(project_id in labels for labels in samples)}


def of_hex(figures: Any) -> dict[str, Any]:
    return {name: samples for name, samples in figures.items() if name.startswith("hex_")}


def test_nothing_is_left_out_by_default(busy: Any) -> None:
    assert busy.figures()["hex_exporter_excluded_projects"] == {(): 0}


def test_no_figure_includes_them_and_their_number_is_said(busy: Any) -> None:
    before = busy.figures()
    assert len(named(before, "orders")) > 10

    busy.configure(collect=WITHOUT_ORDERS)
    after = busy.figures()

    assert after["hex_exporter_excluded_projects"] == {(): 1}
    assert not {name for name in named(after, "orders") if name.startswith(("hex_project", "hex_run", "hex_unviewed"))}
    orders = before["hex_project_week_runs"]["orders",]
    assert after["hex_budget_used"]["weekly-runs", "runs"] == before["hex_budget_used"]["weekly-runs", "runs"] - orders
    assert sum(after["hex_project_week_runs"].values()) == sum(before["hex_project_week_runs"].values()) - orders


def test_they_come_back_whole(busy: Any) -> None:
    before = of_hex(busy.figures())
    busy.configure(collect=WITHOUT_ORDERS)
    busy.figures()

    busy.configure(collect=Collect())

    assert of_hex(busy.figures()) == before


def test_completeness_does_not_wait_for_them(wednesday: Any) -> None:
    wednesday.read_runs("p1")
    assert "hex_runs_complete_until_timestamp_seconds" not in wednesday.figures()

    wednesday.configure(collect=Collect(match=(Match(title="Orders"),)))

    assert wednesday.figures()["hex_runs_complete_until_timestamp_seconds"] == {(): wednesday.now_ms / 1000}


@pytest.mark.parametrize("title", ["Scratch pad", "Orders"])
def test_a_new_title_decides_anew(wednesday: Any, title: str) -> None:
    wednesday.configure(collect=Collect(left_out=(Match(title="Scratch*"),)))
    for project_id in ("p1", "p2"):
        run = wednesday.run(f"{project_id}-1", 3_600_000, project_id=project_id)
        wednesday.read_runs(project_id, run)
    assert wednesday.figures()["hex_budget_used"]["weekly-runs", "runs"] == 2

    for now in ("Scratch", title):
        wednesday.list_projects(wednesday.published("p1", title=now), wednesday.published("p2"))
        found = wednesday.figures()

        is_out = now.startswith("Scratch")
        assert found["hex_budget_used"]["weekly-runs", "runs"] == (1 if is_out else 2)
        assert (("p1",) in found["hex_project_week_runs"]) is not is_out
