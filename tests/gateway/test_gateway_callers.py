"""Callers have names that say nothing of their tokens, and rights that are remembered for a minute."""

import pickle
from typing import Any

import pytest

from exporter.gateway.access.callers import MOST_PROOFS, Callers

SECRET = bytes(range(32))
TOKEN = b"Bearer hxtp_0123456789abcdef"


class TestNames:
    def test_a_name_is_the_same_after_a_restart_and_differs_with_the_secret(self, manual_clock: Any) -> None:
        name = Callers(SECRET, manual_clock).name(TOKEN)

        assert Callers(SECRET, manual_clock).name(TOKEN) == name
        assert Callers(SECRET[::-1], manual_clock).name(TOKEN) != name
        assert Callers(SECRET, manual_clock).name(TOKEN + b"0") != name
        assert len(name) == 64

    def test_no_token_is_kept(self, manual_clock: Any) -> None:
        callers = Callers(SECRET, manual_clock)
        callers.prove(callers.name(TOKEN), "project", "run")

        assert b"hxtp" not in pickle.dumps(vars(callers)["_proofs"])
        assert "hxtp" not in repr(vars(callers))


class TestProofs:
    def test_a_proof_holds_only_for_that_caller_project_and_run(self, manual_clock: Any) -> None:
        callers = Callers(SECRET, manual_clock)
        callers.prove("ada", "p", "r")

        assert callers.is_proven("ada", "p", "r")
        assert not callers.is_proven("ada", "p")
        assert not callers.is_proven("ada", "p", "s")
        assert not callers.is_proven("ada", "q", "r")
        assert not callers.is_proven("bob", "p", "r")

    def test_it_holds_for_a_minute_and_asking_makes_that_no_longer(self, manual_clock: Any) -> None:
        callers = Callers(SECRET, manual_clock)
        callers.prove("ada", "p")
        manual_clock.advance(59.9)
        assert callers.is_proven("ada", "p")

        manual_clock.advance(0.1)
        assert not callers.is_proven("ada", "p")
        callers.prove("ada", "p")
        assert callers.is_proven("ada", "p")

    def test_a_step_of_the_wall_clock_does_not_matter(self, manual_clock: Any) -> None:
        callers = Callers(SECRET, manual_clock)
        callers.prove("ada", "p")
        manual_clock.step(-86_400)
        manual_clock.advance(60)

        assert not callers.is_proven("ada", "p")

    @pytest.mark.parametrize(("project_id", "left"), [(None, []), ("p", ["q"])])
    def test_a_refusal_takes_them_back(self, manual_clock: Any, project_id: str | None, left: list[str]) -> None:
        callers = Callers(SECRET, manual_clock)
        for proven in ("p", "q"):
            callers.prove("ada", proven)
            callers.prove("bob", proven)
        callers.forget("ada", project_id)

        assert [proven for proven in ("p", "q") if callers.is_proven("ada", proven)] == left
        assert callers.is_proven("bob", "p")

    def test_they_are_bounded_and_the_oldest_goes_first(self, manual_clock: Any) -> None:
        callers = Callers(SECRET, manual_clock)
        callers.prove("ada", "first")
        callers.prove("ada", "second")
        callers.prove("ada", "first")
        for number in range(MOST_PROOFS - 1):
            callers.prove("bob", str(number))

        assert len(callers) == MOST_PROOFS
        assert callers.is_proven("ada", "first")
        assert not callers.is_proven("ada", "second")
