"""Makes the probe that a source needs."""

from collections.abc import Mapping

import httpx

from exporter.clock import Clock
from exporter.config import FileSource, HttpSource, Source, SqlSource
from exporter.ledger import WorkspaceLedger
from exporter.sources.credentials import Credential
from exporter.sources.file_probe import FileProbe
from exporter.sources.http_probe import HttpProbe
from exporter.sources.probe import Probe
from exporter.sources.queried_tables import QueriedTables
from exporter.sources.sql_probe import SqlProbe

_SHORTEST_FILE_SECONDS = 30.0


class ProbeFactory:
    """Makes the probes of a workspace. `environ` has the secrets that the configuration names."""

    def __init__(
        self,
        ledger: WorkspaceLedger,
        clock: Clock,
        environ: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._queried = QueriedTables(ledger, clock)
        self._environ = environ
        self._transport = transport

    def make(self, source: Source, project_id: str) -> Probe:
        """The probe of the source, of this project where each has a state of its own."""
        if source.sql is not None:
            return self._sql(source.sql, project_id)
        if source.http is not None:
            return self._http(source.http, project_id)
        # A read may take until the next is due.
        deadline_seconds = max(_SHORTEST_FILE_SECONDS, source.every_seconds)
        return FileProbe(source.file or FileSource(paths=()), deadline_seconds)

    def _sql(self, sql: SqlSource, project_id: str) -> Probe:
        url = Credential(self._environ, env=sql.url_env, file=sql.url_file)
        connection = sql.connection
        if connection is None:
            return SqlProbe(sql, url, lambda: sql.tables)
        return SqlProbe(sql, url, lambda: self._queried.through(connection, project_id))

    def _http(self, http: HttpSource, project_id: str) -> Probe:
        env, file = http.authorization_env, http.authorization_file
        authorization = None if env is None and file is None else Credential(self._environ, env=env, file=file)
        return HttpProbe(http, project_id, authorization, self._transport)
