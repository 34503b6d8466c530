"""The command run as a person gives it."""

from click.testing import CliRunner

from exporter.cli import main
from helpers.answering import TOKEN


def run(*arguments: str, **variables: str):
    """The command as a person gives it."""
    cleared = dict.fromkeys(("HEX_API_TOKEN", "HEX_BASE_URL", "HEX_GATEWAY_URL", "SSL_CERT_FILE"))
    return CliRunner(env={**cleared, "HEX_API_TOKEN": TOKEN, **variables}).invoke(main, ["run", *arguments])
