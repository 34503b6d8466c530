"""Headers: which go on to Hex, and which come back."""

import pytest

from exporter.gateway.routing.headers import HeaderError, authorization, to_caller, to_upstream

TOKEN = (b"authorization", b"Bearer hxtp_1")


class TestToUpstream:
    def test_what_is_the_callers_own_goes_on_in_order(self) -> None:
        given = [
            (b"Accept", b"application/json"),
            (b"Authorization", b"Bearer hxtp_1"),
            (b"enable-expanded-stats", b"true"),
            (b"Content-Type", b"application/json"),
            (b"X-Twice", b"1"),
            (b"X-Twice", b"2"),
        ]

        assert to_upstream(given) == [(name.lower(), value) for name, value in given]

    @pytest.mark.parametrize(
        "name",
        [
            "Host",
            "Cookie",
            "Forwarded",
            "Via",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Anything",
            "X_Forwarded_For",
            "X-Real-IP",
            "True-Client-IP",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "X-Method-Override",
            "Content-Length",
            "Transfer-Encoding",
            "TE",
            "Trailer",
            "Upgrade",
            "Connection",
            "Keep-Alive",
            "Proxy-Authorization",
            "Proxy-Connection",
            "HTTP2-Settings",
            "Expect",
            "Accept-Encoding",
            "X-Hex-Exporter-Cache",
        ],
    )
    def test_what_belongs_to_the_connection_or_claims_another_address_stays(self, name: str) -> None:
        assert to_upstream([TOKEN, (name.encode(), b"x"), (name.upper().encode(), b"y")]) == [TOKEN]

    def test_what_connection_names_stays(self) -> None:
        given = [(b"connection", b"close, X-Mine"), (b"Connection", b" x-other"), (b"x-mine", b"1"), (b"x-other", b"2")]

        assert to_upstream([*given, TOKEN]) == [TOKEN]

    def test_the_callers_right_cannot_be_named_away(self) -> None:
        given = [(b"connection", b"authorization, content-type"), TOKEN, (b"content-type", b"application/json")]

        assert to_upstream(given) == given[1:]

    def test_more_can_be_left_behind(self) -> None:
        assert to_upstream([TOKEN, (b"x-hex-trial", b"1")], without=["X-Hex-Trial"]) == [TOKEN]

    def test_two_tokens_are_refused(self) -> None:
        two = [TOKEN, (b"Authorization", b"Bearer hxtp_2")]

        with pytest.raises(HeaderError, match="found 2 Authorization headers; send one") as refused:
            to_upstream(two)
        with pytest.raises(HeaderError):
            authorization(two)
        assert "hxtp" not in str(refused.value)

    def test_the_token_is_found_in_any_case(self) -> None:
        assert authorization([(b"AUTHORIZATION", b"Bearer x")]) == b"Bearer x"
        assert authorization([(b"accept", b"*/*")]) is None


class TestToCaller:
    def test_what_hex_says_of_the_answer_comes_back(self) -> None:
        given = [
            (b"Content-Type", b"application/json"),
            (b"X-Trace-Id", b"t"),
            (b"Retry-After", b"7"),
            (b"RateLimit-Remaining", b"3"),
            (b"WWW-Authenticate", b"Bearer"),
        ]

        assert to_caller(given) == [(name.lower(), value) for name, value in given]

    @pytest.mark.parametrize(
        "name",
        [
            "Set-Cookie",
            "Set-Cookie2",
            "Connection",
            "Keep-Alive",
            "Transfer-Encoding",
            "Content-Length",
            "Content-Encoding",
            "Trailer",
            "Date",
            "Alt-Svc",
            "Strict-Transport-Security",
            "Clear-Site-Data",
            "Proxy-Authenticate",
            "X-Hex-Exporter-Cache",
        ],
    )
    def test_what_is_about_hexs_host_or_connection_does_not(self, name: str) -> None:
        assert to_caller([(name.encode(), b"x"), (b"etag", b"e")]) == [(b"etag", b"e")]

    def test_what_its_connection_names_does_not(self) -> None:
        assert to_caller([(b"Connection", b"x-internal"), (b"X-Internal", b"1")]) == []
