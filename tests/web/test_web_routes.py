import gzip
import threading
from collections.abc import Callable
from urllib.parse import urljoin

import pytest
from web_client import OPENMETRICS, TEXT, Running, StandInPage, StandInPublisher, make_app, read_answer

from exporter.errors import ConfigError
from exporter.web import Health, ReloadOutcome, create_health_app, read_web_paths

Serve = Callable[..., Running]


class TestMetrics:
    def test_the_page_is_sent_as_it_is(self, serve: Serve) -> None:
        answer = serve().get("/metrics")

        assert (answer.status, answer.body) == (200, TEXT)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["content-length"] == str(len(TEXT))
        assert answer.headers["vary"] == "Accept, Accept-Encoding"
        assert "content-encoding" not in answer.headers

    def test_openmetrics_and_gzip_are_sent_when_asked_for(self, serve: Serve) -> None:
        answer = serve().get("/metrics", Accept="application/openmetrics-text", Accept_Encoding="gzip")

        assert gzip.decompress(answer.body) == OPENMETRICS
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0;")

    def test_several_accept_headers_count_as_one(self, serve: Serve) -> None:
        accepts = b"Accept: text/plain;q=0.1\r\nAccept: application/openmetrics-text\r\n"
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + accepts + b"\r\n"

        assert serve().send(request).body == OPENMETRICS

    def test_head_has_the_headers_of_get_and_no_body(self, serve: Serve) -> None:
        answer = serve().get("/metrics", method="HEAD")

        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-length"] == str(len(TEXT))

    def test_a_new_page_is_served_from_the_next_scrape_on(self, serve: Serve) -> None:
        publisher = StandInPublisher()
        running = serve(make_app(publisher))
        assert running.get("/metrics").body == TEXT

        publisher.page = StandInPage(text=b"hex_up 0.0\n")

        assert running.get("/metrics").body == b"hex_up 0.0\n"

    def test_a_page_of_many_pieces_arrives_whole(self, serve: Serve) -> None:
        page = StandInPage(text=bytes(range(256)) * 12_345)

        assert serve(make_app(StandInPublisher(page))).get("/metrics").body == page.text

    def test_a_connection_serves_scrape_after_scrape(self, serve: Serve) -> None:
        with serve().connect() as client:
            for _ in range(5):
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                assert read_answer(client).body == TEXT

    def test_another_path_for_the_metrics_takes_the_place_of_the_usual_one(self, serve: Serve) -> None:
        running = serve(make_app(paths=read_web_paths(telemetry_path="/hex/metrics")))

        assert running.get("/hex/metrics").body == TEXT
        assert running.get("/metrics").status == 404

    def test_the_metrics_may_take_the_landing_pages_place(self, serve: Serve) -> None:
        assert serve(make_app(paths=read_web_paths(telemetry_path="/"))).get("/").body == TEXT

    @pytest.mark.parametrize("path", ["metrics", "", "http://x/metrics", "/metrics?a", "/met rics"])
    def test_a_path_that_no_request_could_have_is_refused(self, path: str) -> None:
        with pytest.raises(ConfigError) as caught:
            read_web_paths(telemetry_path=path)

        assert str(caught.value) == f'--web.telemetry-path: "{path}" is not valid; write a path such as /metrics'

    @pytest.mark.parametrize("path", ["/metrics/", "/metricsx", "//metrics", "/METRICS", "/-/metrics", "/./metrics"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_other_paths_are_not_found(self, serve: Serve, path: str, method: str) -> None:
        assert serve().get(path, method=method).status == 404

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
    def test_other_methods_are_not_allowed_and_the_answer_says_which_are(self, serve: Serve, method: str) -> None:
        answer = serve().get("/metrics", method=method)

        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


class TestHealthAndReadiness:
    @pytest.mark.parametrize(("path", "which"), [("/-/healthy", "health"), ("/-/ready", "ready")])
    def test_a_good_verdict_is_200_with_its_text(self, serve: Serve, path: str, which: str) -> None:
        answer = serve(make_app(**{which: lambda: Health(True, "All is well.")})).get(path)

        assert (answer.status, answer.text) == (200, "All is well.\n")

    @pytest.mark.parametrize(("path", "which"), [("/-/healthy", "health"), ("/-/ready", "ready")])
    def test_a_bad_verdict_is_503_with_the_reason(self, serve: Serve, path: str, which: str) -> None:
        answer = serve(make_app(**{which: lambda: Health(False, "The ledger is being read.")})).get(path)

        assert (answer.status, answer.text) == (503, "The ledger is being read.\n")

    def test_metrics_are_served_before_anything_is_ready(self, serve: Serve) -> None:
        app = make_app(ready=lambda: (False, "no poll yet"), health=lambda: (False, "the loop has died"))

        assert serve(app).get("/metrics").status == 200

    def test_the_verdict_is_asked_for_each_time(self, serve: Serve) -> None:
        verdicts = iter([(False, "not yet"), (True, "now")])
        running = serve(make_app(ready=lambda: next(verdicts)))

        assert [running.get("/-/ready").status for _ in range(2)] == [503, 200]


class TestReload:
    def test_it_is_forbidden_unless_enabled(self, serve: Serve) -> None:
        answer = serve().get("/-/reload", method="POST")

        assert (answer.status, "--web.enable-lifecycle" in answer.text) == (403, True)

    def test_a_file_that_was_taken_is_200(self, serve: Serve) -> None:
        answer = serve(make_app(reload=lambda: ReloadOutcome(True, "Reloaded."))).get("/-/reload", method="POST")

        assert (answer.status, answer.text) == (200, "Reloaded.\n")

    def test_a_file_that_was_refused_is_500_with_the_reason(self, serve: Serve) -> None:
        reason = 'hex.yml:3: found the unknown key "weak"; did you mean week?'
        answer = serve(make_app(reload=lambda: ReloadOutcome(False, reason))).get("/-/reload", method="POST")

        assert (answer.status, answer.text) == (500, reason + "\n")

    def test_only_post_reloads(self, serve: Serve) -> None:
        calls: list[int] = []
        running = serve(make_app(reload=lambda: calls.append(1) or (True, "")))

        answer = running.get("/-/reload")

        assert (answer.status, answer.headers["allow"], calls) == (405, "POST", [])

    def test_scrapes_go_on_while_one_is_under_way(self, serve: Serve) -> None:
        begun, finish = threading.Event(), threading.Event()

        def reload() -> tuple[bool, str]:
            begun.set()
            return finish.wait(20), "done"

        running = serve(make_app(reload=reload))
        with running.connect() as client:
            client.sendall(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            assert begun.wait(20)

            scraped = running.get("/metrics").status

            finish.set()
            assert (scraped, read_answer(client).status) == (200, 200)


class TestLandingPage:
    def test_it_is_sent_as_it_is_now(self, serve: Serve) -> None:
        pages = iter([b"<!doctype html><p>one", b"<!doctype html><p>two"])
        running = serve(make_app(landing=lambda: next(pages)))

        first = running.get("/")

        assert first.headers["content-type"] == "text/html; charset=utf-8"
        assert (first.text, running.get("/").text) == ("<!doctype html><p>one", "<!doctype html><p>two")

    def test_the_browser_may_apply_its_style_sheet_and_load_nothing_else(self, serve: Serve) -> None:
        answer = serve(make_app(landing_style_sha256="AbC+/=")).get("/")

        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "style-src 'sha256-AbC+/='"} <= set(policy)
        assert "unsafe-inline" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


class TestPrefix:
    @pytest.fixture
    def prefixed(self, serve: Serve) -> Running:
        paths = read_web_paths(external_url="https://proxy.example/monitoring/hex/")
        return serve(make_app(paths=paths, reload=lambda: ReloadOutcome(True, "Reloaded.")))

    @pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/"])
    def test_everything_is_served_below_it_and_only_there(self, prefixed: Running, path: str) -> None:
        assert prefixed.get(f"/monitoring/hex{path}").status == 200
        assert prefixed.get(path).status == (307 if path == "/" else 404)

    def test_reload_too(self, prefixed: Running) -> None:
        assert prefixed.get("/monitoring/hex/-/reload", method="POST").status == 200
        assert prefixed.get("/-/reload", method="POST").status == 404

    @pytest.mark.parametrize("outside", ["http://here:9891", "https://proxy.example/added"])
    @pytest.mark.parametrize("path", ["/", "/monitoring/hex"])
    def test_what_lies_above_leads_to_the_landing_page_wherever_a_proxy_serves_it(
        self, prefixed: Running, path: str, outside: str
    ) -> None:
        answer = prefixed.get(path)

        assert urljoin(outside + path, answer.headers["location"]) == f"{outside}/monitoring/hex/"


class TestHealthOnItsOwn:
    def test_has_health_and_readiness_and_nothing_else(self, serve: Serve) -> None:
        verdict = {"health": lambda: Health(True, "Alive."), "ready": lambda: Health(False, "Not yet.")}
        running = serve(create_health_app(**verdict))

        paths = ("/-/healthy", "/-/ready", "/metrics", "/", "/-/reload")
        assert [running.get(path).status for path in paths] == [200, 503, 404, 404, 404]
        assert running.get("/-/healthy", method="POST").status == 405


def test_a_failure_of_the_application_is_a_500_and_not_the_end(serve: Serve) -> None:
    def broken() -> tuple[bool, str]:
        raise ZeroDivisionError

    running = serve(make_app(health=broken))

    assert running.get("/-/healthy").status == 500
    assert running.get("/metrics").status == 200
