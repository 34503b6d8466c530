"""TLS by the settings, and whether a client's certificate is allowed."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.errors import ConfigError, ConfigProblem
from exporter.web.ciphers import CIPHERS_12, CURVES
from exporter.web.web_config_schema import TlsSettings

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

_VERIFY = {
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
    # Python's TLS cannot ask for a certificate without verifying it: stricter than the toolkit, never laxer.
    "RequireAnyClientCert": ssl.CERT_REQUIRED,
}
"""What is requested of clients; with the other types nothing is, since the answer would have no use."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What a new connection is secured with; no allowed names: any client with a good certificate may come."""

    context: ssl.SSLContext
    client_allowed_sans: tuple[str, ...] = ()

    def allows(self, certificate: Mapping[str, object] | None) -> bool:
        """Whether a verified client certificate, as `getpeercert` returns it, has one of the allowed names."""
        if not self.client_allowed_sans:
            return True
        return any(name in self.client_allowed_sans for name in names_of(certificate))


def names_of(certificate: Mapping[str, object] | None) -> frozenset[str]:
    """The alternative names of a verified client certificate, as `getpeercert` returns it; none without one."""
    names = (certificate or {}).get("subjectAltName", ())
    assert isinstance(names, tuple)
    return frozenset(_as_in_file(kind, name) for kind, name in names)


def make_tls(tls: TlsSettings, source: Path) -> Tls:
    """What these settings come to, with the certificates as they are on disk.

    `source` is the file that has the settings. Raises ConfigError when a certificate cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    _set_versions_and_ciphers(context, tls)
    what = f"cert_file {tls.cert_file} with key_file {tls.key_file}"
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_password)
        if tls.client_ca_file is not None and tls.client_auth_type in _VERIFY:
            what = f"client_ca_file {tls.client_ca_file}"
            context.load_verify_locations(tls.client_ca_file)
            context.verify_mode = _VERIFY[tls.client_auth_type]
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        sentence = f"{what} cannot be used: {reason}; name a PEM file that this user may read"
        raise ConfigError(ConfigProblem(f"{source}:{tls.line}", sentence)) from None
    return Tls(context, tls.client_allowed_sans)


def _as_in_file(kind: str, name: str) -> str:
    """An alternative name in the spelling that the file has; Python does not shorten addresses."""
    if kind != "IP Address":
        return name
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _set_versions_and_ciphers(context: ssl.SSLContext, tls: TlsSettings) -> None:
    older = [CIPHERS_12[name] for name in tls.cipher_suites if name in CIPHERS_12]
    if older:
        context.set_ciphers(":".join(older))
    # Where only suites of TLS 1.3 are listed, none is left for older versions.
    lowest = "TLS13" if tls.cipher_suites and not older else tls.min_version
    context.minimum_version = _VERSIONS[lowest]
    context.maximum_version = _VERSIONS[tls.max_version]

    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(CURVES[curve])


def _no_password() -> str:
    """Instead of OpenSSL's question on the terminal, which would stop the whole process."""
    raise ValueError("the key is encrypted, and there is no one to type its password")
