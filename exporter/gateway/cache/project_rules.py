"""What applies to a project at this moment: its policy by the configuration in force, and the state of its source."""

from exporter.clock import Clock
from exporter.config import Budget, Config, Policy
from exporter.facts import Project
from exporter.gateway.cache.writeback import side_effect
from exporter.ledger import WorkspaceLedger
from exporter.sources import SourceStatus, source_status


class ProjectRules:
    """Policies and source states of one workspace's projects. `config` may be replaced at any time."""

    def __init__(self, config: Config, workspace_name: str, ledger: WorkspaceLedger, clock: Clock) -> None:
        self.config = config
        self._workspace_name = workspace_name
        self._ledger = ledger
        self._clock = clock

    def policy(self, project: Project) -> Policy:
        """The policy of the project's run requests."""
        assert self.config.gateway is not None
        return self.config.gateway.policy(self._workspace_name, project)

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
        return self.config.week(self._workspace_name).timezone

    def source(self, project: Project) -> SourceStatus:
        """The project's source, as the last probe left it."""
        states, now_ms = self._ledger.sources.states(), round(self._clock.now() * 1000)
        return source_status(self.config, self._workspace_name, project, states, now_ms)
