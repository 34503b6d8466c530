"""Where the token comes from, and that it never shows."""

import copy
import os
import pickle
import tempfile
import traceback
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.hexapi import Secret, TokenSource

TOKEN = "hxtw_" + "0123456789abcdef" * 6


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


def problem(source: TokenSource) -> str:
    with pytest.raises(ConfigError) as caught:
        source.read()
    return str(caught.value)


class TestSecret:
    def test_it_prints_as_stars_everywhere(self) -> None:
        secret = Secret(TOKEN)
        shown = [
            str(secret),
            repr(secret),
            f"{secret}",
            f"{secret!r:>9}",
            repr([secret]),
            f"{secret:>5}",
        ]

        assert all("***" in text and TOKEN not in text for text in shown)
        assert secret.reveal() == TOKEN

    def test_it_compares_by_value(self) -> None:
        assert Secret("a") == Secret("a")
        assert Secret("a") != Secret("b")
        assert Secret("a") != "a"
        assert len({Secret("a"), Secret("a")}) == 1

    @pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy])
    def test_it_is_never_written_out(self, write: object) -> None:
        with pytest.raises(TypeError, match="never written out"):
            write(Secret(TOKEN))  # type: ignore[operator]


class TestFile:
    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", "\r\n\r\n\r\n", "\n \t\n", "\n  "], ids=repr)
    @pytest.mark.parametrize("begin", ["", "\n", "\r\n \n"], ids=repr)
    def test_blank_lines_around_it_are_cut(self, file: Path, begin: str, end: str) -> None:
        file.write_bytes((begin + TOKEN + end).encode())

        assert TokenSource(file).read().reveal() == TOKEN

    def test_it_is_read_again_when_it_was_replaced(self, file: Path, tmp_path: Path) -> None:
        source = TokenSource(str(file))
        assert source.read().reveal() == TOKEN

        following = tmp_path / "following"
        following.write_text(TOKEN.upper())
        os.utime(following, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
        following.replace(file)

        assert source.read().reveal() == TOKEN.upper()

    def test_it_is_read_again_when_it_was_rewritten(self, file: Path) -> None:
        source = TokenSource(file)
        source.read()
        file.write_text("hxtw_other")

        assert source.read().reveal() == "hxtw_other"

    def test_it_is_not_read_again_without_a_change(self, file: Path) -> None:
        source = TokenSource(file)

        assert source.read() is source.read()

    def test_a_link_that_turns_to_another_file_is_followed(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "second").write_text("hxtw_second")
        link = tmp_path / "link"
        link.symlink_to(file)
        source = TokenSource(link)
        assert source.read().reveal() == TOKEN

        link.unlink()
        link.symlink_to(tmp_path / "second")

        assert source.read().reveal() == "hxtw_second"

    def test_one_that_went_away_is_said_and_found_again(self, file: Path) -> None:
        source = TokenSource(file)
        source.read()
        file.unlink()
        assert problem(source) == f"token_file: the file {file} cannot be read as a token: No such file or directory"

        file.write_text(TOKEN)
        assert source.read().reveal() == TOKEN

    @pytest.mark.parametrize("content", ["", "\n", "  \n"])
    def test_an_empty_one_is_said(self, file: Path, content: str) -> None:
        file.write_text(content)

        assert problem(TokenSource(file)) == f"token_file: the file {file} is empty, a Hex API token was expected"

    @pytest.mark.parametrize(
        "content", ["a b", " a", "a\nb", "a\n\nb", "a \n", "a\tb", "tökén", "a\0b", "a\u2028b", "\ufeffa"], ids=repr
    )
    def test_what_no_token_holds_is_said_without_showing_it(self, file: Path, content: str) -> None:
        file.write_text(content)

        assert problem(TokenSource(file)) == (
            f"token_file: the file {file} holds spaces, line breaks or other characters that no token has, "
            "one Hex API token was expected"
        )

    def test_a_file_far_too_long_is_said(self, file: Path) -> None:
        file.write_text("x" * 10_000)

        assert problem(TokenSource(file)).endswith("holds more than 4096 characters, a Hex API token was expected")

    def test_a_directory_is_said(self, tmp_path: Path) -> None:
        assert "cannot be read as a token: " in problem(TokenSource(tmp_path))

    def test_a_pipe_is_said_and_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        assert problem(TokenSource(tmp_path / "pipe")).endswith("it is not a regular file")

    def test_an_unreadable_one_is_said(self) -> None:
        """As root, who may read every file, this is tried as the user `nobody`."""
        was = os.geteuid()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "token")
            file.write_text(TOKEN)
            file.chmod(0)
            Path(folder).chmod(0o755)
            try:
                os.seteuid(65534 if was == 0 else was)
                assert problem(TokenSource(file)).endswith("Permission denied")
            finally:
                os.seteuid(was)

    @pytest.mark.parametrize(("mode", "is_exposed"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
    def test_it_is_exposed_when_others_may_read_it(self, file: Path, mode: int, is_exposed: bool) -> None:
        file.chmod(mode)

        assert TokenSource(file).is_exposed is is_exposed

    def test_a_missing_one_is_not_exposed(self, tmp_path: Path) -> None:
        assert not TokenSource(tmp_path / "none").is_exposed

    def test_the_setting_can_be_named(self, tmp_path: Path) -> None:
        source = TokenSource(tmp_path / "none", setting="workspaces[0].token_file")

        assert problem(source).startswith("workspaces[0].token_file: the file ")


class TestValue:
    def test_it_is_given_as_it_is(self) -> None:
        source = TokenSource(value=TOKEN)

        assert source.read() == Secret(TOKEN)
        assert not source.is_exposed

    @pytest.mark.parametrize("value", ["", " ", "\n"])
    def test_an_empty_one_names_its_setting(self, value: str) -> None:
        assert problem(TokenSource(value=value)) == "HEX_API_TOKEN: it is empty, a Hex API token was expected"

    def test_a_surrogate_from_the_environment_is_refused(self) -> None:
        assert "characters that no token has" in problem(TokenSource(value="a\udcff"))

    @pytest.mark.parametrize("arguments", [{}, {"file": "x", "value": "y"}], ids=repr)
    def test_there_is_exactly_one_place(self, arguments: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="exactly one"):
            TokenSource(**arguments)


def test_no_error_and_no_repr_shows_the_token(file: Path) -> None:
    file.write_text(f"{TOKEN} {TOKEN}")
    source = TokenSource(file)
    with pytest.raises(ConfigError) as caught:
        source.read()
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    for shown in ("".join(report.format()), repr(source), repr(vars(source))):
        assert TOKEN not in shown
        assert "***" in shown or "token" in shown
