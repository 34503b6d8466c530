"""What `--web.config.file` may say, in exporter-toolkit's format; every mistake is found at once, with its line.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from exporter.config import (
    Keys,
    Problems,
    RejectedError,
    Scalar,
    Spot,
    UnfitError,
    guess,
    integer,
    invalid,
    kind,
    path,
    printable,
    read_document,
    text,
    truth,
)
from exporter.web.ciphers import CIPHERS_12, CIPHERS_13, CURVES

_CLIENT_AUTH_TYPES = {
    "NoClientCert": "NoClientCert",
    "RequestClientCert": "RequestClientCert",
    "RequireAnyClientCert": "RequireAnyClientCert",
    "RequireClientCert": "RequireAnyClientCert",  # the name it had in the toolkit's first versions
    "VerifyClientCertIfGiven": "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert": "RequireAndVerifyClientCert",
}
_VERSIONS = {name: name for name in ("TLS10", "TLS11", "TLS12", "TLS13")}
_SUITES = {name: name for name in (*CIPHERS_13, *CIPHERS_12)}
_CURVE_NAMES = {name: name for name in CURVES}

_BCRYPT_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|s|m|h))+|0")
_DURATION_PIECE = re.compile(r"([0-9.]+)(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to be an HTTPS server; `line` is where the file says so, lists are in order of preference."""

    line: int
    cert_file: str
    key_file: str
    client_ca_file: str | None = None
    client_auth_type: str = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would let in other clients than the file seems to say, or what Python's TLS has no way to do."""
        if self.min_version > self.max_version:
            raise ValueError(f"min_version is above max_version; write at most {self.max_version}")
        if len(self.curve_preferences) > 1:
            raise ValueError("Python's TLS takes one curve; keep one of curve_preferences")
        if self.client_ca_file is None and self.client_auth_type in _NEED_CA:
            raise ValueError(
                f"client_auth_type {self.client_auth_type} needs certificates to verify by; add client_ca_file"
            )
        if self.client_ca_file is not None and self.client_auth_type == "NoClientCert":
            raise ValueError("client_ca_file has no effect; add a client_auth_type that requests a certificate")
        if self.client_allowed_sans and not self.client_auth_type.startswith("Require"):
            raise ValueError("client_allowed_sans has no effect; add client_auth_type: RequireAndVerifyClientCert")

    @property
    def files(self) -> tuple[str, ...]:
        """The files it is made of."""
        return tuple(file for file in (self.cert_file, self.key_file, self.client_ca_file) if file is not None)


_NEED_CA = frozenset({"VerifyClientCertIfGiven", "RequireAnyClientCert", "RequireAndVerifyClientCert"})
"""RequireAnyClientCert too: Python's TLS cannot ask for a certificate without verifying it."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Headers for every answer. `http2` is understood and changes nothing: HTTP/1.1 is all there is."""

    http2: bool = True
    headers: Mapping[str, str] = {}


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One request every `interval_seconds` after a first `burst` of them; 0 seconds: no limit."""

    interval_seconds: float = msgspec.field(default=0.0, name="interval")
    burst: int = 0

    def __post_init__(self) -> None:
        """Refuse a limit that would let nothing through."""
        if self.interval_seconds and not self.burst:
            raise ValueError("interval needs burst; add the number of requests that may come at once")


class WebConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `tls` None: plain HTTP; `users` have bcrypt hashes, none: no password is needed."""

    tls: TlsSettings | None = msgspec.field(default=None, name="tls_server_config")
    http: HttpSettings = msgspec.field(default=HttpSettings(), name="http_server_config")
    users: Mapping[str, str] = msgspec.field(default={}, name="basic_auth_users")
    rate_limit: RateLimit = RateLimit()

    def __repr__(self) -> str:
        names = ", ".join(self.users)
        return (
            f"WebConfig(tls={self.tls}, http={self.http}, users of {names or 'no one'}, rate_limit={self.rate_limit})"
        )


def parse_web_config(content: str | bytes, file: Path) -> WebConfig:
    """The file's settings; paths in it are taken from its folder. Raises ConfigError with every mistake in it."""
    problems = Problems(str(file))
    config = WebConfig()
    root = read_document(content, problems)
    if root is not None:
        with suppress(RejectedError):
            config = _schema(file.parent, _line_of("tls_server_config", root))(Spot(root, "", problems))
    problems.raise_any()
    return config


def _schema(folder: Path, tls_line: int) -> Keys[WebConfig]:
    tls = Keys(
        TlsSettings,
        {
            "cert_file": path(folder),
            "key_file": path(folder),
            "client_ca_file": path(folder),
            "client_auth_type": _one_of(_CLIENT_AUTH_TYPES),
            "client_allowed_sans": _List(text()),
            "min_version": _one_of(_VERSIONS),
            "max_version": _one_of(_VERSIONS),
            "cipher_suites": _List(_one_of(_SUITES)),
            "prefer_server_cipher_suites": truth(),
            "curve_preferences": _List(_one_of(_CURVE_NAMES)),
        },
        defaults={"line": tls_line},
    )
    return Keys(
        WebConfig,
        {
            "tls_server_config": tls,
            "http_server_config": Keys(HttpSettings, {"http2": truth(), "headers": _Table(_header)}),
            "basic_auth_users": _Table(_user),
            "rate_limit": Keys(RateLimit, {"interval": _duration(), "burst": integer(1, 1_000_000)}),
        },
    )


@dataclass(frozen=True, slots=True)
class _List:
    """Reads a list of plain values into a tuple."""

    item: Scalar[str]

    @property
    def expected(self) -> str:
        return f"a list of {self.item.expected}"

    def __call__(self, spot: Spot) -> tuple[str, ...]:
        if not isinstance(spot.node, yaml.SequenceNode):
            raise spot.refuse(invalid(kind(spot.node), self.expected))
        values: list[str] = []
        for index, node in enumerate(spot.node.value):
            with suppress(RejectedError):
                values.append(self.item(Spot(node, f"{spot.name}[{index}]", spot.problems)))
        return tuple(values)

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        return iter(())


@dataclass(frozen=True, slots=True)
class _Table:
    """Reads a mapping whose keys are no settings; `reader_of` gives a key's reader or raises UnfitError."""

    reader_of: Callable[[str], Scalar[str]]
    expected: str = "a mapping of names to values"

    def __call__(self, spot: Spot) -> Mapping[str, str]:
        if not isinstance(spot.node, yaml.MappingNode):
            raise spot.refuse(invalid(kind(spot.node), self.expected))
        values: dict[str, str] = {}
        for key_node, node in spot.node.value:
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            try:
                reader = self.reader_of(name)
            except UnfitError as unfit:
                spot.refuse(str(unfit), key_node)
                continue
            if name in values:
                spot.refuse(f'the name "{printable(name)}" is there twice; remove one of them', key_node)
            with suppress(RejectedError):
                values[name] = reader(spot.under(printable(name), node))
        return values

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        return iter(())


_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
"""The headers that may be set, as in exporter-toolkit, with the values of those that have a list of them."""


def _header(name: str) -> Scalar[str]:
    if name not in _HEADERS:
        known = ", ".join(_HEADERS)
        raise UnfitError(f'the header "{printable(name)}" cannot be set; write one of {known}{guess(name, _HEADERS)}')
    if _HEADERS[name]:
        return _one_of({value: value for value in _HEADERS[name]} | {"": ""})

    def parse(written: str, tag: str) -> str:
        if not (written.isascii() and written.isprintable()):
            raise ValueError
        return written

    return Scalar("one line of ASCII text", parse)


def _user(name: str) -> Scalar[str]:
    if not name or ":" in name or not name.isprintable():
        raise UnfitError(
            f'the user name "{printable(name)}" cannot be sent; write one without colons and control characters'
        )

    def parse(written: str, tag: str) -> str:
        if not _BCRYPT_HASH.fullmatch(written):
            raise ValueError
        return written

    return Scalar("a bcrypt hash, as htpasswd -nBC 10 makes it", parse, is_shown=False)


def _one_of(values: Mapping[str, str]) -> Scalar[str]:
    """One of the words, to the letter."""
    expected = f"one of {', '.join(word for word in values if word)}"

    def parse(written: str, tag: str) -> str:
        if written not in values:
            raise UnfitError(invalid(f'"{printable(written)}"', expected) + guess(written, values))
        return values[written]

    return Scalar(expected, parse)


def _duration() -> Scalar[float]:
    """A duration in Go's spelling, as seconds."""

    def parse(written: str, tag: str) -> float:
        if not _DURATION.fullmatch(written):
            raise ValueError
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PIECE.findall(written))

    return Scalar("a duration such as 500ms, 1s or 1m30s", parse)


def _line_of(key: str, root: yaml.Node) -> int:
    if isinstance(root, yaml.MappingNode):
        for key_node, _ in root.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value == key:
                return key_node.start_mark.line + 1
    return 1
