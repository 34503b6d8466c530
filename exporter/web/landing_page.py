"""The page at `/`: what this is, how each workspace is doing, and where to go from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LANDING_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""The page needs nothing but its own style sheet, so the browser may load nothing else."""

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; overflow-wrap: anywhere }
code { font-family: ui-monospace, monospace }
small { opacity: .75 }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceState:
    """One row of the page: the workspace's name, its state in a word or two and, where there is one, the reason."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """What the page shows. `docs_url` is where a person reads on, empty for nowhere."""

    version: str
    workspaces: Sequence[WorkspaceState] = ()
    docs_url: str = ""


def render_landing(landing: Landing, *, telemetry_path: str) -> str:
    """The page as HTML, complete in itself; whatever a workspace is called, it stays text.

    Links are relative: below whatever prefix a proxy serves the page, they lead to its neighbours.
    """
    rows = "".join(
        f"<tr><td><code>{escape(row.name)}</code></td><td>{escape(row.state)}</td><td>{escape(row.detail)}</td></tr>"
        for row in landing.workspaces
    )
    docs = f' · <a href="{escape(landing.docs_url)}">Documentation</a>' if landing.docs_url else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hex exporter</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Hex exporter</h1>
<p>Runs, seats, connections, schedules and API use of Hex workspaces, for Prometheus.</p>
<p><a href=".{escape(telemetry_path)}">Metrics</a> · <a href="./-/healthy">Health</a> ·
<a href="./-/ready">Readiness</a>{docs}</p>
<table>
<thead><tr><th>Workspace</th><th>State</th><th></th></tr></thead>
<tbody>{rows}</tbody>
</table>
<p>Every metric is explained by its <code># HELP</code> line; <code>hex-exporter check</code> says what is wrong and
what polling costs.</p>
<p><small>Version {escape(landing.version)}</small></p>
</body>
</html>
"""
