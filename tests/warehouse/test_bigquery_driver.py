"""`check` and reads with Google's own driver, as published, before a small look-alike of BigQuery's REST interface.

`./test -m clients` runs them: the driver gets an environment of its own in `.cache/clients/`, once.
"""

import json
import subprocess
import tomllib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from helpers.client_packages import python_with
from helpers.running import ROOT, TOKEN, configuration, environment
from helpers.serving import serving
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from exporter.clock import SystemClock
from exporter.simulator import RateLimits, Simulation, create_app

pytestmark = [pytest.mark.clients, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

PROCESSED = 123_456_789
COLUMNS = {
    **{"part": "STRING", "query_id": "STRING", "start_ms": "INTEGER", "end_ms": "INTEGER", "query_text": "STRING"},
    **{"cache_hit": "BOOLEAN", "credits": "FLOAT", "bytes_billed": "INTEGER", "slot_ms": "INTEGER", "usd": "FLOAT"},
    "equal_ms": "INTEGER",
}
SCHEMA = {"fields": [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in COLUMNS.items()]}


class BigQuery:
    """Answers a dry run with its bytes, refuses a query above its cap, else gives one query of the window."""

    def __init__(self):
        self.dry_runs, self.caps, self._rows = [], [], []

    def app(self):
        jobs = "/bigquery/v2/projects/{project}"
        return Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route(jobs + "/jobs", self._job, methods=["POST"]),
                Route(jobs + "/queries", self._query, methods=["POST"]),
                Route(jobs + "/jobs/{job}", self._job, methods=["GET"]),
                Route(jobs + "/queries/{job}", self._results, methods=["GET"]),
            ]
        )

    async def _token(self, request):
        return JSONResponse({"access_token": "x", "expires_in": 3600, "token_type": "Bearer"})

    async def _job(self, request):
        configuration = {"query": {"query": "", "useLegacySql": False}}
        if request.method == "POST":
            configuration = (await request.json())["configuration"]
            if not configuration.get("dryRun"):
                return self._over(configuration["query"]) or JSONResponse({}, 500)
            self.dry_runs.append(configuration["query"]["query"])
        return JSONResponse(
            {
                "jobReference": {"projectId": "proj", "jobId": "j", "location": "US"},
                "configuration": configuration,
                "status": {"state": "DONE"},
                "statistics": {"totalBytesProcessed": str(PROCESSED), "query": {"totalBytesProcessed": str(PROCESSED)}},
            }
        )

    async def _query(self, request):
        query = await request.json()
        if (refused := self._over(query)) is not None:
            return refused
        given = {one["name"]: int(one["parameterValue"]["value"]) for one in query["queryParameters"]}
        end_ms = given["until_ms"] - 1000
        values = ["query", "a", end_ms - 5, end_ms, "-- Hex query metadata: {", "false", None, 10 << 20, 7, None, None]
        self._rows = [{"f": [{"v": None if one is None else str(one)} for one in values]}]
        return self._answer()

    def _over(self, query):
        cap = int(query.get("maximumBytesBilled", 1 << 60))
        self.caps.append(cap)
        if cap >= PROCESSED:
            return None
        said = f"Query exceeded limit for bytes billed: {cap}. {PROCESSED} or higher required."
        error = {"reason": "bytesBilledLimitExceeded", "message": said}
        return JSONResponse({"error": {"code": 400, "message": said, "errors": [error]}}, 400)

    async def _results(self, request):
        return self._answer()

    def _answer(self):
        reference = {"projectId": "proj", "jobId": "j", "location": "US"}
        answer = {"jobComplete": True, "jobReference": reference, "schema": SCHEMA}
        return JSONResponse(answer | {"rows": self._rows, "totalRows": str(len(self._rows))})


@pytest.fixture(scope="module")
def python(request):
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return python_with(request.config, ["sqlalchemy-bigquery==1.17.3", "google-cloud-bigquery==3.47.0", *needed])


@pytest.fixture(scope="module")
def hex_host():
    simulation = Simulation(3, 5, clock=SystemClock())
    with serving(create_app(simulation, limits=RateLimits.off())) as host:
        yield host


@pytest.fixture
def bigquery():
    return BigQuery()


@pytest.fixture
def check(python, hex_host, bigquery, tmp_path):
    """Runs `hex-exporter check` with a cap; its exit status and what it said."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def run(max_bytes):
        with serving(bigquery.app()) as host:
            account = {"type": "service_account", "project_id": "proj", "private_key": key.decode()}
            account |= {"private_key_id": "1", "client_id": "1", "client_email": "a@b.example"}
            (tmp_path / "account.json").write_text(json.dumps(account | {"token_uri": f"{host}/token"}))
            entry = {"name": "bq", "kind": "bigquery", "url_env": "BQ_URL", "prices": {"tib_usd": 6.25}}
            more = f"warehouses: {json.dumps([entry | {'max_bytes': max_bytes}])}"
            file = tmp_path / "hex-exporter.yml"
            file.write_text(configuration(f"{hex_host}/api/v1", tmp_path / "ledger.db", more))
            done = subprocess.run(
                [python, "-m", "exporter", "check", "--config.file", file],
                env=environment(
                    HEX_API_TOKEN=TOKEN,
                    BIGQUERY_EMULATOR_HOST=host,
                    BQ_URL=f"bigquery://proj?credentials_path={tmp_path / 'account.json'}&location=US",
                    PYTHONPATH=str(ROOT),
                ),
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            return done.returncode, done.stdout + done.stderr

    return run


def test_check_says_beforehand_what_a_read_processes_and_reads_within_the_cap(check, bigquery):
    status, said = check(200_000_000)
    assert "a read of its newest day processes 123,456,789 bytes, by a dry run" in said
    assert "one look bills at most 200,000,000 bytes (max_bytes)" in said
    assert "1 queries of Hex in its last closed hour, 1 unattributed, 0 without a price" in said
    assert status == 0
    [asked] = bigquery.dry_runs
    assert "INFORMATION_SCHEMA.JOBS_BY_PROJECT" in asked
    assert ":from_ms" not in asked
    assert bigquery.caps == [200_000_000]


def test_a_read_above_the_cap_is_foreseen_and_refused_by_the_warehouse(check, bigquery):
    status, said = check(5000)
    assert "processes 123,456,789 bytes, by a dry run, above max_bytes (5,000): it will be refused" in said
    assert "Query exceeded limit for bytes billed: 5000" in said
    assert status == 1
    assert set(bigquery.caps) == {5000}
