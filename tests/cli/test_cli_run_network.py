"""The command `run` over TLS and through proxies."""

import pytest
import trustme
from helpers.answering import Gateway, granted
from helpers.proxying import company_proxy
from helpers.run_command import run
from helpers.serving import serving


class TestTls:
    @pytest.fixture
    def web_file(self, tmp_path):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        certificate = authority.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        path = tmp_path / "web.yml"
        path.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}")
        return path

    def test_certificates_of_ones_own_are_trusted_where_the_environment_says_so(self, web_file, tmp_path):
        with serving(Gateway(granted("hit")), web_file=web_file) as url:
            result = run("p1", "--gateway", url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

        assert result.exit_code == 0, result.output

    def test_others_are_not_and_the_token_is_not_sent(self, web_file):
        gateway = Gateway(granted("hit"))
        with serving(gateway, web_file=web_file) as url:
            result = run("p1", "--gateway", url)

        assert result.exit_code == 1
        assert "the certificate of 127.0.0.1 is not trusted" in result.output
        assert "give its authority in --ca-file" in result.output
        assert not gateway.requested

    def test_a_flag_names_certificates_too(self, web_file, tmp_path):
        with serving(Gateway(granted("hit")), web_file=web_file) as url:
            result = run("p1", "--gateway", url, "--ca-file", str(tmp_path / "ca.pem"))

        assert result.exit_code == 0, result.output

    def test_a_proxy_that_inspects_needs_the_authority_of_the_company(self, web_file, tmp_path):
        asking = ("p1", "--gateway", "https://127.0.0.1:9")
        with (
            serving(Gateway(granted("hit")), web_file=web_file) as url,
            company_proxy(int(url.rpartition(":")[2])) as proxy,
        ):
            refused = run(*asking, "--proxy", proxy.address)
            done = run(*asking, "--proxy", proxy.address, "--ca-file", str(tmp_path / "ca.pem"))

        assert refused.exit_code == 1
        assert "give its authority in --ca-file" in refused.output
        assert done.exit_code == 0, done.output
        assert set(proxy.requested) == {"CONNECT 127.0.0.1:9 HTTP/1.1"}


class TestProxy:
    @pytest.fixture
    def proxy(self):
        """A proxy that leads to a gateway, whichever host is named."""
        with serving(Gateway(granted("hit"))) as url, company_proxy(int(url.rpartition(":")[2])) as proxy:
            yield proxy

    def test_a_flag_names_it(self, proxy, tmp_path):
        result = run("p1", "--gateway", "http://gateway.example", "--allow-insecure", "--proxy", proxy.address)

        assert result.exit_code == 0, result.output
        assert proxy.requested == ["POST http://gateway.example/api/v1/projects/p1/runs HTTP/1.1"]

    def test_the_environments_is_used_only_where_a_flag_says_so(self, proxy):
        asking = ("p1", "--gateway", "http://no-gateway.invalid", "--allow-insecure")

        assert run(*asking, HTTP_PROXY=proxy.address, NO_PROXY="").exit_code == 1
        assert not proxy.requested
        assert run(*asking, "--proxy", "environment", HTTP_PROXY=proxy.address, NO_PROXY="").exit_code == 0

    def test_hex_itself_is_asked_on_the_workspaces_way(self, proxy, tmp_path):
        config = tmp_path / "c.yml"
        config.write_text(f"workspaces: [{{base_url: 'https://eu.hex.example', proxy: '{proxy.address}'}}]")

        result = run("p1", "--config.file", str(config), "--gateway", "https://eu.hex.example")

        assert result.exit_code == 1
        assert proxy.requested[0] == "CONNECT eu.hex.example:443 HTTP/1.1"

    @pytest.mark.parametrize("flag", [("--proxy", "proxy.example:1"), ("--proxy-credentials-file", __file__)])
    def test_one_that_cannot_be_used_is_refused(self, flag):
        result = run("p1", "--gateway", "http://127.0.0.1:1", *flag)

        assert result.exit_code == 1
        assert "--proxy: " in result.output
