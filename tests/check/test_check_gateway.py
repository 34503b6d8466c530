"""What check says of the gateway."""

import socket

import bcrypt
import pytest
from checking import notes, wrong


class TestGateway:
    @pytest.mark.slow
    def test_that_can_listen_is_no_news(self, check):
        status, output = check("gateway: {listen_address: '127.0.0.1:0'}")

        assert status == 0
        assert not any("gateway" in line for line in notes(output))

    @pytest.mark.slow
    def test_address_in_use_is_noted_for_the_exporter_may_run(self, check):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            status, output = check(f"gateway: {{listen_address: '127.0.0.1:{port}'}}")

        assert status == 0
        assert (
            f"gateway: cannot listen on 127.0.0.1:{port}: Address already in use; by this exporter, if it runs already"
        ) in notes(output)

    @pytest.mark.slow
    def test_address_of_another_machine_is_wrong(self, check):
        status, output = check("gateway: {listen_address: '192.0.2.1:9892', allow_insecure: true}")

        assert status == 1
        assert wrong(output) == ["gateway: cannot listen on 192.0.2.1:9892: Cannot assign requested address"]

    @pytest.mark.slow
    def test_policies_for_nobody_are_noted(self, check):
        _, output = check(
            "gateway: {listen_address: '127.0.0.1:0', policies: [{match: {title: none}}, {}, {max_age: 1h}]}"
        )

        assert [line for line in notes(output) if line.startswith("gateway")] == [
            "gateway.policies[0] applies to no project: none matches, or an earlier policy has them all",
            "gateway.policies[2] applies to no project: none matches, or an earlier policy has them all",
        ]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (
                "{}",
                "gateway.web_config_file: the file has no TLS for the public address :0, and callers send their Hex "
                "tokens there; add tls_server_config to it, write a loopback address, or add allow_insecure: true",
            ),
            ("tls: {}", None),
        ],
    )
    def test_public_address_needs_tls_in_the_file(self, check, tmp_path, content, sentence):
        (tmp_path / "web.yml").write_text(content)

        status, output = check("gateway: {listen_address: ':0', web_config_file: web.yml}")

        assert status == 1
        assert len(wrong(output)) == 1
        assert sentence is None or wrong(output) == [sentence]

    @pytest.mark.slow
    def test_passwords_cannot_stand_where_tokens_do(self, check, tmp_path):
        (tmp_path / "web.yml").write_text(
            f"basic_auth_users: {{ann: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}'}}"
        )

        status, output = check("gateway: {listen_address: '127.0.0.1:0', web_config_file: web.yml}")

        assert status == 1
        assert wrong(output) == [
            "gateway.web_config_file: the file has basic_auth_users; remove them: a caller's Authorization is its Hex "
            "token"
        ]
