"""Where the ledger is, when the file says only where its address is kept."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

from exporter.config.problems import UnfitError
from exporter.config.settings import Storage
from exporter.config.urls import LEDGER_URL, is_postgres, normal_ledger_url


def resolved_storage(storage: Storage, environ: Mapping[str, str], folder: Path) -> Storage:
    """The storage with the address that its file or variable has, and with the schema in that; raises UnfitError."""
    key = f"storage.{'url_env' if storage.url_file is None else 'url_file'}"
    try:
        return msgspec.structs.replace(storage, url=_address(storage, environ, folder))
    except UnfitError as unfit:
        raise UnfitError(f"{key}: {unfit}") from None
    except ValueError:
        raise UnfitError(f"{key}: what it has is no address of a ledger; write {LEDGER_URL} into it") from None


def _address(storage: Storage, environ: Mapping[str, str], folder: Path) -> str:
    url = storage.url
    if storage.url_file is not None:
        url = normal_ledger_url(_content(Path(storage.url_file)), folder)
    elif storage.url_env is not None:
        if not environ.get(storage.url_env, "").strip():
            raise UnfitError(f"{storage.url_env} is not set; put the address of the ledger into it")
        url = normal_ledger_url(environ[storage.url_env].strip(), folder)
    if storage.schema is None:
        return url
    if not is_postgres(url):
        raise UnfitError("a SQLite ledger has no schema; remove it")
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={storage.schema}', safe='')}"


def _content(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UnfitError(f"{path} cannot be read ({reason}); name a file that this user may read") from None
