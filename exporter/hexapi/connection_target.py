"""Where a data connection leads, as far as its details show it: account or host, port, and database."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from exporter.hexapi.field_readers import Json, mapping, text

_ACCOUNT_KEYS = ("accountName", "account", "accountId", "projectId")
_HOST_KEYS = ("hostname", "host", "server", "jdbcUrl")
_DATABASE_KEYS = ("database", "databaseName", "catalog")

_USUAL_PORTS = {
    "alloydb": "5432",
    "clickhouse": "8443",
    "cloudsql__mysql": "3306",
    "cloudsql__postgres": "5432",
    "cloudsql__sqlserver": "1433",
    "databricks": "443",
    "mariadb": "3306",
    "mysql": "3306",
    "postgres": "5432",
    "redshift": "5439",
    "sqlserver": "1433",
}
"""The port that a connection of this type uses when it names none: naming it changes nothing."""

_WITHOUT_HOST = frozenset({"bigquery", "snowflake"})
"""The account says where these lead: one account has several host names."""

_HOST = re.compile(r"(?:.*//)?(?:[^/@]*@)?(?:\[(?P<six>[^\]]+)\]|(?P<host>[^/:;?@\s]+))(?::(?P<port>\d{1,5})\b)?")
_CATALOG_OF_URL = re.compile(r";\s*ConnCatalog=(?P<catalog>[^;&\s]+)", re.IGNORECASE)


def target_of(details: Json, connection_type: str, *, is_by_ssh: bool) -> str | None:
    """`account@host:port/database` of what is known of these, in lower case; None where neither account nor host is.

    The usual port of the type is left out. A JDBC URL gives its host, port and catalog and nothing else, as it may
    hold a password. A private address behind an SSH tunnel means another machine behind another tunnel, and Hex does
    not show which tunnel: None.
    """
    by_type = {name.lower(): inner for name, inner in details.items()}
    chosen = mapping(by_type.get(connection_type)) or details
    account = _account(_first_text(chosen, _ACCOUNT_KEYS))
    where = None if account and connection_type in _WITHOUT_HOST else _first_text(chosen, _HOST_KEYS)
    found = _HOST.match(where.strip()) if where else None
    host = None if found is None else (found["six"] or found["host"]).lower().removesuffix(".")
    if host is not None and is_by_ssh and _is_private(host):
        return None
    place = "@".join(part for part in (account, host) if part)
    if not place:
        return None
    if found is not None:
        port = _port(chosen.get("port")) or found["port"]
        place += f":{port}" if port and port != _USUAL_PORTS.get(connection_type) else ""
    database = (_first_text(chosen, _DATABASE_KEYS) or _catalog(where) or "").strip().lower()
    return f"{place}/{database}" if database else place


def _account(written: str | None) -> str | None:
    """An account's name alone, also where it is written as an address."""
    found = _HOST.match(written.strip()) if written else None
    return None if found is None else (found["host"] or "").lower().removesuffix(".snowflakecomputing.com") or None


def _port(value: object) -> str | None:
    if isinstance(value, bool):
        return None
    written = str(value).strip() if isinstance(value, int | str) else ""
    return written if written.isdecimal() and len(written) <= 5 else None


def _catalog(url: str | None) -> str | None:
    found = _CATALOG_OF_URL.search(url) if url else None
    return None if found is None else found["catalog"]


def _is_private(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _first_text(details: Json, names: Iterable[str]) -> str | None:
    return next((found for name in names if (found := text(details.get(name)))), None)
