from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
import trustme
from web_client import write_certificate

from exporter.errors import ConfigError
from exporter.web import WebConfigFile

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    return path


def test_a_file_that_cannot_be_used_is_an_error_at_the_start(file: Path) -> None:
    file.write_text("basic_auth_users: {alice: hunter2}\n")

    with pytest.raises(ConfigError, match=r"web\.yml:1: "):
        WebConfigFile(file)


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        WebConfigFile(tmp_path / "web.yml")

    reason = "cannot be read (No such file or directory); name a web configuration file that this user may read"
    assert str(caught.value) == f"{tmp_path / 'web.yml'}: {reason}"


def test_the_same_files_are_read_once(file: Path) -> None:
    web_file = WebConfigFile(file)

    assert web_file.current() is web_file.current()


def test_a_change_is_in_force_at_the_next_look(file: Path) -> None:
    web_file = WebConfigFile(file)
    assert set(web_file.current().config.users) == {"alice"}

    file.write_text(f"basic_auth_users: {{bobby: {HASH}, carol: {HASH}}}\n")

    assert set(web_file.current().config.users) == {"bobby", "carol"}


@pytest.mark.parametrize("broken", ["basic_auth_users: {alice: hunter2}\n", "[", None])
def test_a_broken_change_keeps_the_old_and_is_logged_once(file: Path, broken: str | None) -> None:
    web_file = WebConfigFile(file)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)

    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert set(web_file.current().config.users) == {"alice"}

    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert "hunter2" not in str(logs)


def test_a_mended_file_is_taken_again(file: Path) -> None:
    web_file = WebConfigFile(file)
    file.write_text("[")
    web_file.current()

    file.write_text("{}\n")

    assert web_file.current().config.users == {}


def test_a_replaced_certificate_is_picked_up(
    tls_file: Callable[..., Path], tmp_path: Path, authority: trustme.CA
) -> None:
    web_file = WebConfigFile(tls_file())
    before = web_file.current().tls

    write_certificate(authority, tmp_path)

    assert web_file.current().tls is not before
    assert before is not None


def test_a_half_replaced_pair_keeps_the_old_until_it_is_whole(
    tls_file: Callable[..., Path], tmp_path: Path, authority: trustme.CA
) -> None:
    web_file = WebConfigFile(tls_file())
    before = web_file.current().tls
    issued = authority.issue_cert("localhost")

    issued.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    assert web_file.current().tls is before

    issued.private_key_pem.write_to_path(tmp_path / "server.key")
    assert web_file.current().tls is not before


def test_a_certificate_that_comes_later_mends_a_refused_change(
    tls_file: Callable[..., Path], tmp_path: Path, authority: trustme.CA
) -> None:
    file = tls_file()
    web_file = WebConfigFile(file)
    before = web_file.current().tls
    file.write_text("tls_server_config: {cert_file: new.crt, key_file: new.key}\n")
    assert web_file.current().tls is before

    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "new.crt")
    issued.private_key_pem.write_to_path(tmp_path / "new.key")

    assert web_file.current().tls is not before
