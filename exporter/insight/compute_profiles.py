"""The compute profile that a run had, and what that rests on: pure."""

from typing import Literal, NamedTuple

Basis = Literal["exact", "configured", "assumed"]
"""`exact`: the version that ran was read; `configured`: `compute.profiles` says so; `assumed`: neither."""

BASES: tuple[Basis, ...] = ("exact", "configured", "assumed")


class ComputeProfile(NamedTuple):
    """A compute profile by its name, and what it rests on."""

    name: str
    basis: Basis


class ProjectProfiles(NamedTuple):
    """What is known of a project's compute: by configuration, by version, and what is taken where neither says.

    `versions` has the number and the profile of each version that was read, the lowest first; `latest` the profile
    of what was published last, where no run has named its number yet.
    """

    stated: str | None = None
    versions: tuple[tuple[int, str], ...] = ()
    latest: str | None = None
    default: str = ""

    def of(self, version: str | None) -> ComputeProfile:
        """The profile of a run of this version (None: Hex did not say which).

        What the configuration says always applies. A version that was not read is taken to have the profile of the
        nearest earlier one that was; without such a one, that of the newest; without any, the default.
        """
        if self.stated is not None:
            return ComputeProfile(self.stated, "configured")
        number = int(version) if version is not None and version.isdecimal() else None
        earlier = None
        for known, profile in self.versions:
            if number is not None and known > number:
                break
            if known == number:
                return ComputeProfile(profile, "exact")
            earlier = profile
        return ComputeProfile(earlier or self.newest or self.default, "assumed")

    @property
    def newest(self) -> str | None:
        """The profile of the newest version that was read, None without any."""
        return self.latest or (self.versions[-1][1] if self.versions else None)

    @property
    def current(self) -> ComputeProfile:
        """The profile that the next run will have, as far as is known."""
        if self.stated is not None:
            return ComputeProfile(self.stated, "configured")
        newest = self.newest
        return ComputeProfile(self.default, "assumed") if newest is None else ComputeProfile(newest, "exact")

    @property
    def names(self) -> frozenset[str]:
        """Every profile that a run of the project may have had."""
        if self.stated is not None:
            return frozenset((self.stated,))
        return frozenset((*(profile for _, profile in self.versions), self.newest or self.default))
