"""Where secrets of sources come from."""

import os

import pytest

from exporter.sources.credentials import Credential
from exporter.sources.probe import ProbeError


def test_the_environment_is_read_when_it_is_asked():
    environ = {"URL": "one"}
    credential = Credential(environ, env="URL")

    assert credential.read().reveal() == "one"
    environ["URL"] = " two\n"
    assert credential.read().reveal() == "two"


def test_a_file_is_read_when_it_is_asked(tmp_path):
    file = tmp_path / "secret"
    credential = Credential({}, file=str(file))

    file.write_text("one\r\n")
    assert credential.read().reveal() == "one"
    file.write_text("zwö")
    assert credential.read().reveal() == "zwö"


@pytest.mark.parametrize("places", [{}, {"env": "A", "file": "b"}])
def test_a_secret_has_one_place(places):
    with pytest.raises(ValueError, match="exactly one of them"):
        Credential({}, **places)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty or not set"),
        (" \n", "is empty"),
        ("a\nb", "more than one line"),
        ("x" * 20_000, "more than one line"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_by_the_place_it_has(tmp_path, content, reason):
    file = tmp_path / "secret"
    file.write_text(content)

    for credential in (Credential({}, file=str(file)), Credential({"URL": content}, env="URL")):
        with pytest.raises(ProbeError, match=reason) as caught:
            credential.read()
        assert content.strip() == "" or content not in str(caught.value)
        assert "URL" in str(caught.value) or str(file) in str(caught.value)


def test_a_pipe_or_a_folder_in_the_place_of_the_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for name in ("pipe", "."):
        with pytest.raises(ProbeError, match="is not a regular file"):
            Credential({}, file=str(tmp_path / name)).read()
