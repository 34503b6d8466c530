from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.web.web_config_schema import RateLimit, WebConfig, parse_web_config

FILE = Path("/etc/hex/web.yml")
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_web_config(text, FILE)
    return [str(problem) for problem in caught.value.problems]


def tls_problem(*lines: str) -> str:
    text = "tls_server_config:\n  cert_file: a\n  key_file: b\n" + "".join(f"  {line}\n" for line in lines)
    (problem,) = problems(text)
    return problem


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "tls_server_config:\n", "basic_auth_users: {}\n"])
def test_a_file_that_sets_nothing_is_plain_http_for_everybody(text: str) -> None:
    assert parse_web_config(text, FILE) == WebConfig()


def test_every_key_of_the_toolkit_is_read() -> None:
    config = parse_web_config(
        f"""
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=63072000
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: "1"
    Content-Security-Policy: ""
basic_auth_users:
  alice: {HASH}
rate_limit:
  interval: 1m0.5s
  burst: 20
""",
        FILE,
    )

    assert config.tls is not None
    assert config.tls.files == ("/etc/hex/server.crt", "/keys/server.key", "/etc/hex/ca.crt")
    assert config.tls.line == 2
    assert config.tls.client_allowed_sans == ("prometheus.example", "10.0.0.1")
    assert config.tls.client_auth_type == "RequireAndVerifyClientCert"
    assert config.tls.cipher_suites == ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256")
    assert not config.tls.prefer_server_cipher_suites
    assert config.http.headers["X-Frame-Options"] == "deny"
    assert config.users == {"alice": HASH}
    assert config.rate_limit == RateLimit(interval_seconds=60.5, burst=20)


def test_passwords_are_in_no_repr() -> None:
    assert HASH not in repr(parse_web_config(f"basic_auth_users: {{alice: {HASH}}}", FILE))


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    found = problems(
        "tls_server_confg: {}\n"
        "http_server_config:\n"
        "  http2: perhaps\n"
        "  headers:\n"
        "    X-Powered-By: me\n"
        "    X-Frame-Options: allow\n"
        "basic_auth_users:\n"
        "  alice: hunter2\n"
        "rate_limit:\n"
        "  interval: soon\n"
    )

    assert [problem.split(": ")[0] for problem in found] == [f"{FILE}:{line}" for line in (1, 3, 5, 6, 8, 10)]
    assert found[0].endswith("; did you mean tls_server_config?")
    assert 'the header "X-Powered-By" cannot be set; write one of' in found[2]
    assert "hunter2" not in "".join(found)
    assert "bcrypt" in found[4]


@pytest.mark.parametrize("text", ["[]", "tls: [", "a: b: c", "\tx: 1", "just text", "12"])
def test_what_is_no_mapping_is_refused_with_its_line(text: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith(f"{FILE}:1: ")


@pytest.mark.parametrize("key", ["cert_file", "key_file"])
def test_tls_needs_a_certificate_and_a_key(key: str) -> None:
    (problem,) = problems(f"tls_server_config:\n  {key}: a\n")

    missing = "key_file" if key == "cert_file" else "cert_file"
    assert f"{missing} is missing; add it" in problem


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("cert: PEM",), 'unknown key "cert"; write one of'),
        (("client_auth_type: Maybe",), '"Maybe" is not valid; write one of NoClientCert, '),
        (("client_auth_type: RequireAndVerifyClientCert",), "add client_ca_file"),
        (("client_auth_type: VerifyClientCertIfGiven",), "add client_ca_file"),
        (("client_auth_type: RequireAnyClientCert",), "add client_ca_file"),
        (("client_ca_file: ca.crt",), "add a client_auth_type that requests a certificate"),
        (("client_allowed_sans: [a]",), "add client_auth_type: RequireAndVerifyClientCert"),
        (("client_allowed_sans: a",), "write a list of text"),
        (("min_version: TLS13", "max_version: TLS12"), "min_version is above max_version; write at most TLS12"),
        (("min_version: SSL3",), '"SSL3" is not valid; write one of TLS10, TLS11, TLS12, TLS13'),
        (
            ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",),
            '"TLS_RSA_WITH_RC4_128_SHA" is not valid; write one of TLS_AES',
        ),
        (("curve_preferences: [CurveP512]",), "did you mean CurveP521?"),
        (("curve_preferences: [X25519, CurveP256]",), "keep one of curve_preferences"),
        (("prefer_server_cipher_suites: perhaps",), "write true or false"),
        (("cert_file: c",), 'the key "cert_file" is there twice'),
    ],
)
def test_tls_settings_that_cannot_be_meant_are_refused(lines: tuple[str, ...], said: str) -> None:
    assert said in tls_problem(*lines)


@pytest.mark.parametrize("user", ["'a:b'", "''", '"a\\nb"'])
def test_names_that_basic_auth_cannot_carry_are_refused(user: str) -> None:
    (problem,) = problems(f"basic_auth_users:\n  {user}: {HASH}\n")

    assert "cannot be sent; write one without colons" in problem


@pytest.mark.parametrize(
    "hashed", ["hunter2", HASH[:-1], HASH + "x", HASH.replace("$10$", "$99$"), "$1$abc", "12", "[]"]
)
def test_what_is_no_bcrypt_hash_is_refused_and_not_repeated(hashed: str) -> None:
    (problem,) = problems(f"basic_auth_users:\n  alice: {hashed}\n")

    assert problem.startswith(f"{FILE}:2: basic_auth_users.alice: ")
    assert "write a bcrypt hash" in problem
    assert "hunter2" not in problem


def test_a_name_given_twice_is_refused() -> None:
    (problem,) = problems(f"basic_auth_users:\n  alice: {HASH}\n  alice: {HASH}\n")

    assert 'the name "alice" is there twice; remove one of them' in problem


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1s", 1.0), ("500ms", 0.5), ("1h2m3s", 3723.0), ("0", 0.0), ("1.5m", 90.0)],
)
def test_intervals_are_written_as_in_go(written: str, seconds: float) -> None:
    assert (
        parse_web_config(f"rate_limit: {{interval: {written}, burst: 1}}", FILE).rate_limit.interval_seconds == seconds
    )


@pytest.mark.parametrize(
    "limit", ["{interval: 1s}", "{interval: 1s, burst: 0}", "{interval: 1 s, burst: 1}", "{burst: -1}"]
)
def test_a_limit_that_lets_nothing_through_is_refused(limit: str) -> None:
    assert problems(f"rate_limit: {limit}")


def test_a_header_cannot_bring_another_line() -> None:
    (problem,) = problems('http_server_config: {headers: {Content-Security-Policy: "a\\r\\nSet-Cookie: b"}}')

    assert "write one line of ASCII text" in problem
