"""AI credits by person, as labels may show people: by the name that owners have, with their team."""

from collections import Counter
from collections.abc import Mapping

from exporter.view.ai_credits import OTHER_USERS
from exporter.view.snapshot import Snapshot
from exporter.view.teams import team_of_person


def credits_by_person(snapshot: Snapshot, by_user: Mapping[str | None, int]) -> Counter[tuple[str, str]]:
    """Thousandths of a credit by label and team; `other` for those who have no label, or whom no listing names."""
    listing = snapshot.stored.users
    addresses = {} if listing is None else {seat.user_id: seat.email for seat in listing.items}
    used: Counter[tuple[str, str]] = Counter()
    for user_id, milli in by_user.items():
        address = addresses.get(user_id or "")
        team = team_of_person(snapshot.config, snapshot.name, address or "")
        used[snapshot.owner_label(address) or OTHER_USERS, team] += milli
    return used
