"""How to start Debian's Alertmanager from where it was unpacked to."""

from pathlib import Path

_MOUNT = 'mount -t overlay none -o "lowerdir=$1:/usr/share" /usr/share && shift && exec "$@"'


def alertmanager_command(alertmanager: Path) -> list[str]:
    """The words that start this Alertmanager, to be followed by its flags; the process is its own.

    Debian's build reads its default templates from /usr/share/prometheus. In a mount namespace of its own, the folder
    that came with the program lies over the machine's, which stays as it is. Needs no root where user namespaces work.
    """
    share = alertmanager.parents[1] / "share"
    if (Path("/usr/share/prometheus/alertmanager/default.tmpl")).exists():
        return [str(alertmanager)]
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(share), str(alertmanager)]
