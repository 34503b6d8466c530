"""What applies to a project at this moment: its policy by the configuration in force, and the state of its source."""

from dataclasses import dataclass

from exporter.clock import Clock
from exporter.config import Budget, Config, Policy, Source
from exporter.facts import Project
from exporter.gateway.cache.writeback import side_effect
from exporter.ledger import WorkspaceLedger
from exporter.sources import SourceStatus, status_of

_MOST_MATCHED = 10_000
"""Projects whose policy and source are remembered; with more all are matched anew."""


@dataclass(frozen=True, slots=True)
class _Matched:
    """What a project was matched with: the same for as long as the project and the configuration are the same."""

    project: Project
    policy: Policy
    source: Source | None
    source_key: str


class ProjectRules:
    """Policies and source states of one workspace's projects. `config` may be replaced at any time."""

    def __init__(self, config: Config, workspace_name: str, ledger: WorkspaceLedger, clock: Clock) -> None:
        self._workspace_name = workspace_name
        self._ledger = ledger
        self._clock = clock
        self._matched: dict[str, _Matched] = {}
        self.config = config

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._config

    @config.setter
    def config(self, config: Config) -> None:
        self._config = config
        self._timezone = config.week(self._workspace_name).timezone
        self._matched.clear()

    def policy(self, project: Project) -> Policy:
        """The policy of the project's run requests."""
        return self._match(project).policy

    def side_effect(self, project: Project) -> str | None:
        """Why each request for the project has to run, whatever is known of its source: a run writes, or may write.

        None where its published version writes nothing, where the policy says that a write may be left out, and where
        versions are not read, so that nothing is known.
        """
        return side_effect(self.config, self._ledger, project, self.policy(project))

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets of the workspace."""
        return self.config.budgets_of(self._workspace_name)

    @property
    def timezone(self) -> str:
        """The zone whose midnight ends a day, which is that of the workspace's week."""
        return self._timezone

    def source(self, project: Project) -> SourceStatus:
        """The project's source, as the last probe left it."""
        matched = self._match(project)
        if matched.source is None:
            return SourceStatus()
        now_ms = round(self._clock.now() * 1000)
        return status_of(matched.source, matched.source_key, self._ledger.sources.states(), now_ms)

    def _match(self, project: Project) -> _Matched:
        matched = self._matched.get(project.project_id)
        if matched is None or matched.project is not project:
            assert self._config.gateway is not None
            policy = self._config.gateway.policy(self._workspace_name, project)
            source = self._config.source_of(self._workspace_name, project)
            key = "" if source is None else source.key(project.project_id)
            matched = _Matched(project, policy, source, key)
            if len(self._matched) >= _MOST_MATCHED:
                self._matched.clear()
            self._matched[project.project_id] = matched
        return matched
