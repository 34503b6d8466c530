"""How projects and the subjects of findings are shown to people: a link into Hex, a name, people as owners are."""

from urllib.parse import quote, urlsplit

from exporter.insight.savings import Finding
from exporter.view.snapshot import Snapshot


def project_url(snapshot: Snapshot, project_id: str) -> str:
    """Where people find the project in Hex."""
    return f"{workspace_url(snapshot)}/hex/{quote(project_id, safe='')}"


def cell_url(snapshot: Snapshot, project_id: str, cell_id: str) -> str:
    """Where people find a cell of the project's notebook in Hex."""
    return f"{project_url(snapshot, project_id)}/draft/logic?selectedCellId={quote(cell_id, safe='')}"


def workspace_url(snapshot: Snapshot) -> str:
    """Where people find the workspace: the host that the API has, and the organisation if it is known."""
    identity = snapshot.stored.identity
    return workspace_address(snapshot.workspace.base_url, None if identity is None else identity.org_id)


def workspace_address(base_url: str, org_id: str | None) -> str:
    """The same from the address of its API and the id of its organisation."""
    base = urlsplit(base_url)
    host = f"{base.scheme}://{base.netloc.rpartition('@')[2]}"
    return host if org_id is None else f"{host}/{org_id}"


def subject_name(snapshot: Snapshot, finding: Finding) -> str:
    """The subject's name, people's as owners are shown; where there is none, the subject itself."""
    if finding.subject_type in {"user", "owner"}:
        return snapshot.owner_label(finding.subject_name) or finding.subject
    if finding.subject_type == "threads":
        # A title may say what somebody is working on: the audit shows it, a label that many may read does not.
        return f"AI threads of {snapshot.owner_label(finding.owner) or 'one person'}"
    return finding.subject_name
