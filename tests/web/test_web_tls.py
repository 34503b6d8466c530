import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from starlette.responses import PlainTextResponse
from web_client import (
    TEXT,
    Running,
    StandInPage,
    StandInPublisher,
    make_app,
    until_closed,
    write_certificate,
)

from exporter.errors import ConfigError
from exporter.web import WebConfigFile
from exporter.web.tls import Tls

Serve = Callable[..., Running]
TlsFile = Callable[..., Path]

MUTUAL = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.crt")


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client that trusts the authority and has no certificate."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def with_certificate(authority: trustme.CA, signer: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    signer.issue_cert(*names).configure_cert(context)
    return context


def is_let_in(running: Running, context: ssl.SSLContext) -> bool:
    """In TLS 1.3 a client learns only when it reads that its certificate was refused."""
    try:
        return running.get("/metrics", context=context).body == TEXT
    except (ssl.SSLError, ConnectionError):
        return False


def test_the_metrics_are_served_over_tls(serve: Serve, tls_file: TlsFile, trusting: ssl.SSLContext) -> None:
    running = serve(web_file=tls_file())

    assert running.get("/metrics", context=trusting).body == TEXT


def test_a_connection_serves_more_than_one_request(serve: Serve, tls_file: TlsFile, trusting) -> None:
    with serve(web_file=tls_file()).connect(trusting) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n")

        assert until_closed(client).count(TEXT) == 2


@pytest.mark.slow
def test_a_large_page_arrives_whole_before_the_connection_closes(serve: Serve, tls_file: TlsFile, trusting) -> None:
    page = StandInPage(text=b"x" * 10_000_000)
    running = serve(make_app(StandInPublisher(page)), web_file=tls_file())

    with running.connect(trusting) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")

        assert until_closed(client).endswith(b"\r\n\r\n" + page.text)


def test_plain_http_to_a_tls_port_is_cut(serve: Serve, tls_file: TlsFile, trusting: ssl.SSLContext) -> None:
    running = serve(web_file=tls_file())
    with running.connect() as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert TEXT not in until_closed(client)

    assert is_let_in(running, trusting)


class TestVersionsAndCiphers:
    @pytest.mark.parametrize(("version", "let_in"), [(ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)])
    def test_older_versions_than_allowed_are_refused(self, serve, tls_file, trusting, version, let_in) -> None:
        trusting.minimum_version = trusting.maximum_version = version

        assert is_let_in(serve(web_file=tls_file("min_version: TLS13")), trusting) is let_in

    def test_newer_versions_than_allowed_are_refused(self, serve, tls_file, trusting) -> None:
        trusting.minimum_version = ssl.TLSVersion.TLSv1_3

        assert not is_let_in(serve(web_file=tls_file("max_version: TLS12")), trusting)

    def test_the_listed_suite_is_the_one_used(self, serve, tls_file, trusting) -> None:
        suite = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"
        running = serve(web_file=tls_file("max_version: TLS12", suite))

        with running.connect(trusting) as client:
            assert client.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"

    def test_suites_of_tls_1_3_alone_leave_none_for_1_2(self, serve, tls_file, trusting) -> None:
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2

        assert not is_let_in(serve(web_file=tls_file("cipher_suites: [TLS_AES_128_GCM_SHA256]")), trusting)

    @pytest.mark.parametrize("curve", ["CurveP256", "CurveP384", "CurveP521", "X25519"])
    def test_every_curve_works(self, serve, tls_file, trusting, curve: str) -> None:
        file = tls_file(f"curve_preferences: [{curve}]", "prefer_server_cipher_suites: false")

        assert is_let_in(serve(web_file=file), trusting)


class TestClientCertificates:
    @pytest.mark.parametrize(
        ("lines", "without", "good", "foreign"),
        [
            (("client_auth_type: NoClientCert",), True, True, True),
            (("client_auth_type: RequestClientCert",), True, True, True),
            (("client_auth_type: RequireAnyClientCert", "client_ca_file: ca.crt"), False, True, False),
            (("client_auth_type: VerifyClientCertIfGiven", "client_ca_file: ca.crt"), True, True, False),
            (MUTUAL, False, True, False),
        ],
        ids=lambda value: value[0].split()[-1] if isinstance(value, tuple) else "",
    )
    def test_who_is_let_in(self, serve, tls_file, trusting, authority, lines, without, good, foreign) -> None:
        running = serve(web_file=tls_file(*lines))

        assert is_let_in(running, trusting) is without
        assert is_let_in(running, with_certificate(authority, authority, "client.example")) is good
        assert is_let_in(running, with_certificate(authority, trustme.CA(), "client.example")) is foreign

    @pytest.mark.parametrize(
        ("name", "let_in"),
        [
            ("prometheus.example", True),
            ("10.0.0.1", True),
            ("2001:db8::1", True),
            ("ops@prometheus.example", True),
            ("other.example", False),
            ("sub.prometheus.example", False),
        ],
    )
    def test_only_allowed_names_are(self, serve, tls_file, authority, name: str, let_in: bool) -> None:
        allowed = "[prometheus.example, 10.0.0.1, '2001:db8::1', ops@prometheus.example]"
        running = serve(web_file=tls_file(*MUTUAL, f"client_allowed_sans: {allowed}"))

        assert is_let_in(running, with_certificate(authority, authority, name)) is let_in

    def test_the_application_is_given_the_names_of_a_verified_certificate(self, serve, tls_file, authority) -> None:
        async def app(scope, receive, send) -> None:
            names = ", ".join(sorted(scope["state"]["certificate_names"]))
            await PlainTextResponse(names)(scope, receive, send)

        running = serve(app=app, web_file=tls_file(*MUTUAL))
        client = with_certificate(authority, authority, "airflow.example", "10.0.0.1")

        assert running.get("/", context=client).body == b"10.0.0.1, airflow.example"

    def test_a_certificate_without_names_has_no_allowed_one(self) -> None:
        tls = Tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ("a.example",))

        assert not tls.allows({"subject": ()})
        assert not tls.allows(None)


class TestRotation:
    def test_a_new_certificate_is_served_to_the_next_connection(
        self, serve, tls_file, tmp_path: Path, authority, trusting
    ) -> None:
        running = serve(web_file=tls_file())
        with running.connect(trusting) as client:
            first = client.getpeercert(binary_form=True)

            write_certificate(authority, tmp_path)

            with running.connect(trusting) as other:
                assert other.getpeercert(binary_form=True) != first
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert until_closed(client).endswith(TEXT)

    def test_a_broken_one_leaves_the_old_in_force(self, serve, tls_file, tmp_path: Path, trusting) -> None:
        running = serve(web_file=tls_file())

        (tmp_path / "server.crt").write_text("not a certificate")

        assert is_let_in(running, trusting)

    def test_a_new_authority_for_clients_ends_the_old_one(self, serve, tls_file, tmp_path: Path, authority) -> None:
        running = serve(web_file=tls_file(*MUTUAL))
        client = with_certificate(authority, authority, "client.example")
        assert is_let_in(running, client)

        trustme.CA().cert_pem.write_to_path(tmp_path / "ca.crt")

        assert not is_let_in(running, client)


class TestFilesThatCannotBeUsed:
    @pytest.mark.parametrize("name", ["server.crt", "server.key", "ca.crt"])
    @pytest.mark.parametrize("content", [None, "nothing of the kind"])
    def test_each_is_named_with_the_line_of_the_settings(self, tls_file, tmp_path, name, content) -> None:
        file = tls_file(*MUTUAL)
        if content is None:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_text(content)

        with pytest.raises(ConfigError) as caught:
            WebConfigFile(file)

        (problem,) = caught.value.problems
        assert problem.location == f"{file}:1"
        assert str(tmp_path / name) in problem.message

    def test_an_encrypted_key_is_an_error_and_not_a_question(self, tls_file, tmp_path, authority) -> None:
        from cryptography.hazmat.primitives import serialization

        file = tls_file()
        key = serialization.load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
        encrypted = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        (tmp_path / "server.key").write_bytes(encrypted)

        with pytest.raises(ConfigError, match="encrypted"):
            WebConfigFile(file)
