"""Whose certificates are trusted: the usual authorities, the system's, those of SSL_CERT_FILE and of `ca_file`."""

import os
import ssl
from functools import lru_cache

import httpx

from exporter.errors import ConfigError, ConfigProblem

_VARIABLE = "SSL_CERT_FILE"


def trusted(ca_file: str | None) -> ssl.SSLContext:
    """What connections are verified by. Raises ConfigError for a file that cannot be used.

    Read once for each state of the files, since it takes longer than most exchanges. Safe to share between threads.
    """
    files = {"ca_file": ca_file, _VARIABLE: os.environ.get(_VARIABLE)}
    return _trusted(tuple((setting, file, _state(file)) for setting, file in files.items() if file))


@lru_cache(maxsize=8)  # one for each workspace and source with a file of its own, which are few
def _trusted(files: tuple[tuple[str, str, object], ...]) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    for setting, file, _ in files:
        try:
            context.load_verify_locations(cafile=file)
        except OSError as error:  # ssl.SSLError is one
            reason = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            problem = f"{file} cannot be read as certificates ({reason})"
            raise ConfigError(ConfigProblem(setting, problem)) from None
    if files:
        # Newer Pythons also refuse authorities that lack some extensions, as those of many companies do.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _state(file: str | None) -> tuple[int, int] | None:
    """What changes when the file does."""
    try:
        status = os.stat(file or "")
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
