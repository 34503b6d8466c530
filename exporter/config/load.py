"""From a file's text, the environment and a folder to the whole configuration."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from exporter.config.match_schema import known_teams
from exporter.config.problems import Problems, RejectedError, UnfitError
from exporter.config.readers import Spot
from exporter.config.schema import schema
from exporter.config.settings import PUBLIC_BASE_URL, Config, Storage, Workspace
from exporter.config.storage_place import resolved_storage
from exporter.config.urls import normal_base_url
from exporter.config.yaml_document import read_document
from exporter.errors import ConfigError, ConfigProblem

TOKEN_VARIABLE = "HEX_API_TOKEN"  # noqa: S105 - the variable's name, not a token
BASE_URL_VARIABLE = "HEX_BASE_URL"


def load_config(text: str | bytes | None, *, source: str, environ: Mapping[str, str], state_dir: Path) -> Config:
    """The configuration in the text of the file `source`, or the default one for None.

    What the file leaves out comes from `HEX_BASE_URL`, if that is set, and the defaults: one workspace `default`
    whose token is in `HEX_API_TOKEN`, and `ledger.db` in the state directory. Relative paths in the file are taken
    from its own folder. Reads no token, and no file but those of `ca_file` and `storage.url_file`. Raises ConfigError
    with every mistake.
    """
    problems = Problems(source)
    default = Config(
        workspaces=(Workspace(base_url=_hex_base_url(environ, problems), token_env=TOKEN_VARIABLE),),
        storage=Storage(url=f"sqlite:///{state_dir / 'ledger.db'}"),
    )
    config = default
    node = None if text is None else read_document(text, problems)
    if node is not None:
        with suppress(RejectedError):
            whole = Spot(node, "", problems)
            config = schema(Path(source).parent, default, known_teams(whole))(whole)
    problems.raise_any()
    try:
        storage = resolved_storage(config.storage, environ, Path(source).parent)
    except UnfitError as unfit:
        raise ConfigError(ConfigProblem(source, str(unfit))) from None
    return msgspec.structs.replace(config, storage=storage, workspaces=tuple(map(_with_token, config.workspaces)))


def _hex_base_url(environ: Mapping[str, str], problems: Problems) -> str:
    try:
        return normal_base_url(environ.get(BASE_URL_VARIABLE) or PUBLIC_BASE_URL)
    except UnfitError as unfit:
        problems.add_elsewhere(BASE_URL_VARIABLE, str(unfit))
        return PUBLIC_BASE_URL


def _with_token(workspace: Workspace) -> Workspace:
    if workspace.token_file is not None or workspace.token_env is not None:
        return workspace
    return msgspec.structs.replace(workspace, token_env=TOKEN_VARIABLE)
