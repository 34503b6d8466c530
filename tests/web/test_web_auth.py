import asyncio
import base64
from collections.abc import Iterator

import bcrypt
import pytest

from exporter.web import auth
from exporter.web.auth import BusyError, Passwords


def hashed(password: bytes, rounds: int = 4) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(rounds)).decode()


ALICE = hashed(b"open sesame")
USERS = {"alice": ALICE}


def basic(name: str, password: bytes) -> str:
    return "Basic " + base64.b64encode(name.encode() + b":" + password).decode()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were really computed, in order."""
    computed: list[str] = []
    real = auth._matches

    def counted(password: bytes, against: str) -> bool:
        computed.append(against)
        return real(password, against)

    monkeypatch.setattr(auth, "_matches", counted)
    return computed


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    made.close()


def test_the_right_password_is_right(passwords: Passwords) -> None:
    assert asyncio.run(passwords.is_right(basic("alice", b"open sesame"), USERS))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:open sesame").decode(),
        "Bearer " + base64.b64encode(b"alice:open sesame").decode(),
        basic("alice", b"open sesam"),
        basic("alice", b""),
        basic("alice", b"open sesame\x00"),
        basic("bob", b"open sesame"),
        basic("", b"open sesame"),
        basic("Alice", b"open sesame"),
    ],
)
def test_everything_else_is_wrong(passwords: Passwords, header: str | None) -> None:
    assert not asyncio.run(passwords.is_right(header, USERS))


@pytest.mark.parametrize("version", ["$2a$", "$2b$", "$2y$"])
def test_hashes_of_every_maker_are_read(passwords: Passwords, version: str) -> None:
    users = {"alice": version + ALICE[4:]}

    assert asyncio.run(passwords.is_right(basic("alice", b"open sesame"), users))


def test_a_password_beyond_what_bcrypt_looks_at_is_cut_as_its_maker_did(passwords: Passwords) -> None:
    users = {"alice": hashed(b"x" * 72)}

    assert asyncio.run(passwords.is_right(basic("alice", b"x" * 100), users))
    assert not asyncio.run(passwords.is_right(basic("alice", b"x" * 71), users))


def test_an_unknown_user_costs_as_much_as_a_known_one(passwords: Passwords, checks: list[str]) -> None:
    """One hash either way, as costly as the costliest user's."""
    users = {"alice": ALICE, "bob": hashed(b"bob", 5)}

    asyncio.run(passwords.is_right(basic("mallory", b"guess"), users))

    assert [computed[:7] for computed in checks] == ["$2b$05$"]


def test_a_success_is_computed_once(passwords: Passwords, checks: list[str]) -> None:
    for _ in range(3):
        assert asyncio.run(passwords.is_right(basic("alice", b"open sesame"), USERS))

    assert len(checks) == 1


def test_a_failure_is_computed_each_time(passwords: Passwords, checks: list[str]) -> None:
    for _ in range(3):
        assert not asyncio.run(passwords.is_right(basic("alice", b"guess"), USERS))

    assert len(checks) == 3


def test_a_changed_password_ends_what_was_remembered(passwords: Passwords) -> None:
    assert asyncio.run(passwords.is_right(basic("alice", b"open sesame"), USERS))

    assert not asyncio.run(passwords.is_right(basic("alice", b"open sesame"), {"alice": hashed(b"other")}))


def test_twenty_equal_logins_at_once_are_one_computation(passwords: Passwords, checks: list[str]) -> None:
    async def login_twenty_times() -> list[bool]:
        header = basic("alice", b"open sesame")
        return await asyncio.gather(*(passwords.is_right(header, USERS) for _ in range(20)))

    assert asyncio.run(login_twenty_times()) == [True] * 20
    assert len(checks) == 1


def test_more_guesses_at_once_than_can_be_computed_are_turned_away(passwords: Passwords) -> None:
    async def guess() -> list[bool | BaseException]:
        guesses = (passwords.is_right(basic("alice", b"%d" % number), USERS) for number in range(200))
        return await asyncio.gather(*guesses, return_exceptions=True)

    outcomes = asyncio.run(guess())

    assert sum(outcome is False for outcome in outcomes) == auth._PENDING_LIMIT
    assert sum(isinstance(outcome, BusyError) for outcome in outcomes) == 200 - auth._PENDING_LIMIT


def test_who_is_known_does_not_wait_behind_guesses(passwords: Passwords) -> None:
    async def scenario() -> bool:
        header = basic("alice", b"open sesame")
        assert await passwords.is_right(header, USERS)
        guesses = [asyncio.ensure_future(passwords.is_right(basic("alice", b"%d" % n), USERS)) for n in range(64)]
        await asyncio.sleep(0)

        is_right = await passwords.is_right(header, USERS)

        was_first = not any(guess.done() for guess in guesses)
        await asyncio.gather(*guesses)
        return is_right and was_first

    assert asyncio.run(scenario())


def test_what_is_remembered_is_bounded(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_matches", lambda password, against: True)

    async def login_as_many() -> None:
        for number in range(2 * auth._CACHE_LIMIT):
            assert await passwords.is_right(basic("alice", b"%d" % number), USERS)

    asyncio.run(login_as_many())

    assert len(passwords._known) <= auth._CACHE_LIMIT
