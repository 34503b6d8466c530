"""From arguments and environment to a configuration and its tokens."""

import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter.config import Workspace, state_dir
from exporter.errors import ConfigError
from exporter.service.settings import read_config, token_of, tokens_of


class TestStateDir:
    def test_is_where_xdg_says(self):
        assert state_dir({"XDG_STATE_HOME": "/x", "HOME": "/h"}) == Path("/x/hex-exporter")

    @pytest.mark.parametrize("ignored", ["", "state", "./state", "../x", "~/state"])
    def test_a_relative_path_is_ignored_as_the_specification_says(self, ignored):
        assert state_dir({"HOME": "/h", "XDG_STATE_HOME": ignored}) == Path("/h/.local/state/hex-exporter")

    @pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "home"}])
    def test_without_a_home_it_is_that_of_the_user(self, environ, monkeypatch):
        user = SimpleNamespace(pw_dir="/users/me")
        monkeypatch.setattr(pwd, "getpwuid", lambda _: user)

        assert state_dir(environ) == Path("/users/me/.local/state/hex-exporter")

    def test_a_user_without_an_entry_has_the_place_of_services(self, monkeypatch):
        def unknown(_: int) -> None:
            raise KeyError

        monkeypatch.setattr(pwd, "getpwuid", unknown)

        assert state_dir({"HOME": "."}) == Path("/var/lib/hex-exporter")

    @pytest.mark.parametrize("environ", [{"HOME": "/h"}, {"HOME": "/h", "XDG_STATE_HOME": ""}])
    def test_is_under_the_home_folder_otherwise(self, environ):
        assert state_dir(environ) == Path("/h/.local/state/hex-exporter")


class TestConfig:
    def test_without_a_file_the_environment_is_enough(self, tmp_path):
        environ = {"HEX_API_TOKEN": "t", "HEX_BASE_URL": "https://acme.hex.tech/api/v1/", "XDG_STATE_HOME": "/x"}

        config = read_config(None, environ)

        [workspace] = config.workspaces
        assert (workspace.name, workspace.base_url) == ("default", "https://acme.hex.tech/api/v1")
        assert config.storage.url.startswith("sqlite:////x/hex-exporter/")

    def test_folder_in_place_of_a_file(self, tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\); name a YAML file"):
            read_config(tmp_path, {})

    def test_bytes_that_are_no_text(self, tmp_path):
        (tmp_path / "c.yml").write_bytes(b"\xff\xfe\x00binary")

        with pytest.raises(ConfigError, match=r"c\.yml"):
            read_config(tmp_path / "c.yml", {})


class TestTokens:
    def test_file_is_read_without_the_line_break_at_its_end(self, tmp_path):
        (tmp_path / "token").write_text("from-file\n")
        workspace = Workspace(name="a", token_file=str(tmp_path / "token"))

        assert token_of(workspace, {}).read().reveal() == "from-file"

    def test_white_space_around_a_token_is_no_part_of_it(self):
        assert token_of(Workspace(name="a", token_env="T"), {"T": " x \n"}).read().reveal() == "x"

    def test_all_missing_tokens_are_said_at_once(self, tmp_path):
        (tmp_path / "c.yml").write_text("workspaces: [{name: a, token_env: A}, {name: b, token_env: B}]")
        config = read_config(tmp_path / "c.yml", {})

        with pytest.raises(ConfigError) as refused:
            tokens_of(config, {})

        assert [problem.location for problem in refused.value.problems] == ["A", "B"]

    @pytest.mark.parametrize("written", [None, "", "two words of it"])
    def test_a_secret_of_the_cluster_that_cannot_be_used_is_said_with_them(self, tmp_path, written):
        (tmp_path / "c.yml").write_text(
            "storage: {url: postgresql://db/hex}\ncluster: {advertise: 'a:1', secret_file: secret}\n"
            "workspaces: [{name: a, token_env: A}]"
        )
        if written is not None:
            (tmp_path / "secret").write_text(written)

        with pytest.raises(ConfigError) as refused:
            tokens_of(read_config(tmp_path / "c.yml", {}), {"A": "x"})

        assert [problem.location for problem in refused.value.problems] == ["cluster.secret_file"]
