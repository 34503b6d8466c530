"""Secrets of sources are in no log, no repr, no error and nothing that is stored."""

import asyncio
import logging
import traceback

import httpx
import pytest
from source_world import World, http_source, sql_source
from structlog.testing import capture_logs

from exporter.config import HttpSource, SqlSource
from exporter.sources.credentials import Credential
from exporter.sources.database import Address
from exporter.sources.http_probe import HttpProbe
from exporter.sources.probe import ProbeError
from exporter.sources.sql_probe import SqlProbe

SECRET = "s3cret/of+the?source"
WRITTEN = ("s3cret", "c291cmNl")


def echo(request):
    return httpx.Response(401, text=request.headers["Authorization"], headers={"X-Auth": SECRET})


def echo_in_redirect(request):
    return httpx.Response(302, headers={"Location": f"https://elsewhere.example/{request.headers['Authorization']}"})


def echo_in_error(request):
    raise httpx.ConnectError(
        f"cannot connect with {request.headers['Authorization']} to {request.url}", request=request
    )


def out_of_time(request):
    raise httpx.ReadTimeout(f"{request.url} {request.headers['Authorization']}", request=request)


def stumble(request):
    raise RuntimeError(f"{request.url} {request.headers['Authorization']}")


def shows(*shown):
    """What of it holds a secret; the tests themselves hold it, and say so nowhere else."""
    return [text for text in shown if any(one in text for one in WRITTEN)]


@pytest.mark.parametrize(
    "answer", [echo, echo_in_redirect, echo_in_error, out_of_time, stumble], ids=lambda answer: answer.__name__
)
def test_nothing_shows_the_authorization_or_the_address(answer, manual_clock, caplog):
    url = "https://data.example/s3cret/orders?sig=s3cret"
    world = World(manual_clock, http_source(url, authorization_env="AUTH"), environ={"AUTH": f"Bearer {SECRET}"})
    world.answer = answer

    with caplog.at_level(logging.WARNING), capture_logs() as logs:
        asyncio.run(world.look())

    assert world.standing().state.failure
    assert not shows(caplog.text, repr(logs), repr(world.standing().state), repr(vars(world.monitor)))


def test_an_error_of_a_probe_keeps_no_request_with_the_authorization_alive():
    source = HttpSource(url="https://data.example/orders", authorization_env="AUTH")
    probe = HttpProbe(
        source, "p", Credential({"AUTH": f"Bearer {SECRET}"}, env="AUTH"), httpx.MockTransport(echo_in_error)
    )

    with pytest.raises(ProbeError) as caught:
        asyncio.run(probe.state())

    error = caught.value
    report = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "http_probe.py" in report
    assert not shows(str(error), repr(error), repr(error.__context__), repr(error.__cause__), repr(probe))
    assert not shows(*report.splitlines())


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://user:s3cret%2Fof%2Bthe%3Fsource@127.0.0.1:1/db",
        "postgresql://user:s3cret%2Fof%2Bthe%3Fsource@/s3cret%2Fof%2Bthe%3Fsource?host=/nowhere",
        "postgresql://user@127.0.0.1:1/db?password=s3cret&sslmode=disable",
        "postgresql://user:s3cret@127.0.0.1:port/db",
        "snowflake://user:s3cret@account/db",
        "sqlite:////nowhere/s3cret.db?token=s3cret",
        "nonsense s3cret",
        "unheard+of://user:s3cret@host/db",
    ],
)
def test_nothing_shows_the_password_of_a_database(written, manual_clock, caplog):
    world = World(manual_clock, sql_source(query="select 1"), environ={"URL": written})

    with caplog.at_level(logging.WARNING), capture_logs() as logs:
        asyncio.run(world.look())

    assert world.standing().state.failure
    assert not shows(caplog.text, repr(logs), repr(world.standing().state), repr(vars(world.monitor)))


def test_what_holds_a_secret_prints_without_it():
    credential = Credential({"URL": "postgresql://user:s3cret@host/db"}, env="URL")
    source = SqlSource(url_env="URL", query="select 1")
    address = Address(credential.read())

    assert repr(credential) == "Credential(URL)"
    assert repr(address) == "Address(postgresql)"
    assert not shows(repr(vars(address)), repr(credential.read()), repr(vars(SqlProbe(source, credential, lambda: ()))))
