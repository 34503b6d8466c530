# Any base with Python 3.11 or later and its venv module will do, a bare Debian too.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
# Drivers of the ledger in PostgreSQL and of SQL sources, as EXTRAS=postgres,snowflake: see pyproject.toml.
ARG EXTRAS=postgres
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN ["python3", "-m", "venv", "tools"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/hex-exporter"]
COPY requirements.txt requirements-build.txt ./
# Compiled at the end, without what is removed.
RUN tools/bin/pip install --no-compile --require-hashes --requirement requirements-build.txt \
 && tools/bin/pip --python /opt/hex-exporter/bin/python install --no-compile --require-hashes --requirement requirements.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY exporter exporter
COPY alerts alerts
COPY dashboards dashboards
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && tools/bin/pip --python /opt/hex-exporter/bin/python install --no-compile --no-deps wheels/*.whl \
 && mkdir state
# The lock has no drivers; what it has keeps its version.
RUN if [ -n "$EXTRAS" ]; then \
      sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' requirements.txt > locked.txt \
      && tools/bin/pip --python /opt/hex-exporter/bin/python install --no-compile --constraint locked.txt \
        "hex-exporter[$EXTRAS] @ file://$(ls /build/wheels/*.whl)"; \
    fi
# Rich brings what colours source code, SQLAlchemy what tests its dialects: a fifth of all, and never imported.
# Nothing can be compiled later; a driver's file that cannot be is never imported either.
RUN rm -r /opt/hex-exporter/lib/python3*/site-packages/pygments /opt/hex-exporter/lib/python3*/site-packages/sqlalchemy/testing \
 && { /opt/hex-exporter/bin/python -m compileall -q /opt/hex-exporter/lib || true; }

FROM ${BASE}
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="hex-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Hex workspaces" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/hex-exporter /opt/hex-exporter
COPY --from=build --chown=10001:10001 /build/state /var/lib/hex-exporter
ENV PATH=/opt/hex-exporter/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_STATE_HOME=/var/lib
USER 10001:10001
WORKDIR /var/lib/hex-exporter
VOLUME /var/lib/hex-exporter
EXPOSE 9891
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9891, timeout=4); c.request('GET', '/-/healthy'); raise SystemExit(c.getresponse().status >= 500)"]
ENTRYPOINT ["hex-exporter"]
CMD ["--web.listen-address=:9891"]
