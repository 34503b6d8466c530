"""Every metric this exporter has: its name, kind, meaning, labels and unit, said once.

The HELP text answers "what does this number mean here". A gauge taken from a listing says so: its value is as old as
that listing, and it disappears when the listing is older than `collect.max_age`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from exporter.ledger import BOUNDS_MS

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` in the order in which samples give their values, `workspace` first where there is one.

    `bounds` are a histogram's upper bounds without +Inf. `divisor` turns the integers of the ledger into the unit of
    the name (1000: milliseconds to seconds, thousandths of a credit to credits).
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    divisor: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics that belong together, under the title that the documentation gives them."""

    title: str
    metrics: tuple[Metric, ...]


def _gauge(name: str, labels: str, help: str) -> Metric:
    return Metric(name, "gauge", help, tuple(labels.split()))


def _counter(name: str, labels: str, help: str, *, divisor: int = 1) -> Metric:
    return Metric(name, "counter", help, tuple(labels.split()), divisor=divisor)


def _histogram(name: str, labels: str, help: str) -> Metric:
    bounds = tuple(bound_ms / 1000 for bound_ms in BOUNDS_MS[name])
    return Metric(name, "histogram", help, tuple(labels.split()), bounds, divisor=1000)


GROUPS = (
    Group(
        "Is it working",
        (
            _gauge("hex_up", "workspace", "1: the last project listing was read whole; 0: it was not, or none was."),
            _gauge(
                "hex_last_successful_poll_timestamp_seconds",
                "workspace",
                "When the last complete project listing was read.",
            ),
            _gauge(
                "hex_runs_complete_until_timestamp_seconds",
                "workspace",
                "Every run of every published project that started before this time is known. Absent until each "
                "project's runs were read once.",
            ),
            _gauge(
                "hex_feature_state",
                "workspace feature state needs",
                "1: the feature is in this state. on; off: switched off; not_configured: a key is missing; "
                "no_permission: Hex refuses it to this token or plan; failing: the last attempt failed and nothing "
                "fresh is known; reading: not read yet; too_young: not enough history yet. needs: the key to set, "
                "the scope to grant or what is waited for.",
            ),
            _gauge(
                "hex_collector_success",
                "workspace collector",
                "1: the last attempt of this collector was complete; 0: it failed.",
            ),
            _gauge(
                "hex_collector_last_success_timestamp_seconds",
                "workspace collector",
                "When this collector was last complete.",
            ),
            _gauge(
                "hex_token_expiry_timestamp_seconds",
                "workspace",
                "When the token in use expires. Absent for a token without an expiry.",
            ),
        ),
    ),
    Group(
        "Runs",
        (
            _counter(
                "hex_runs_total",
                "workspace project_id trigger status",
                "Runs that ended since the ledger's first contact with the workspace, each counted once.",
            ),
            _counter(
                "hex_workspace_runs_total",
                "workspace trigger status",
                "The same runs of all projects together: cheap to draw over months.",
            ),
            _counter(
                "hex_run_seconds_total",
                "workspace project_id trigger",
                "Run time of the runs that ended since first contact, as Hex reports it: a lower bound of compute "
                "time, since notebook sessions are not runs.",
                divisor=1000,
            ),
            _histogram(
                "hex_run_duration_seconds",
                "workspace trigger status",
                "How long the runs took that ended since first contact.",
            ),
            _gauge("hex_runs_active", "workspace state", "Runs that had not ended when their project was last read."),
            _gauge(
                "hex_runs_active_oldest_start_timestamp_seconds",
                "workspace project_id",
                "When the oldest active run of the project started. Absent without an active run.",
            ),
            _gauge(
                "hex_week_hour_runs",
                "workspace weekday hour",
                "Runs started in the last 7 x 24 hours by weekday and hour of the configured zone. Computed at most "
                "once a minute; absent until that time is completely known.",
            ),
            _gauge(
                "hex_week_hour_scheduled_runs",
                "workspace weekday hour",
                "Runs that the enabled schedules of published projects start in this week, by weekday and hour of the "
                "configured zone. From the project listing.",
            ),
            _counter(
                "hex_unviewed_runs_total",
                "workspace project_id",
                "Scheduled and refresh runs whose result had not been viewed when the next one came. An estimate: Hex "
                "reports only the last view.",
            ),
            _counter(
                "hex_missed_schedules_total",
                "workspace project_id",
                "Firings of enabled schedules after which no run came within the allowed delay.",
            ),
        ),
    ),
    Group(
        "The last seven days",
        (
            _gauge(
                "hex_runs_7d",
                "workspace status",
                "Runs started in the last 7 x 24 hours by their state now. As the whole group: summed from the ledger, "
                "also of runs before first contact; absent until that time is completely known.",
            ),
            _gauge(
                "hex_scheduled_runs_7d",
                "workspace status",
                "Those of them that a schedule started.",
            ),
            _gauge(
                "hex_run_seconds_7d",
                "workspace",
                "Run time of the runs that started in the last 7 x 24 hours, as Hex reports it: a lower bound of "
                "compute time, since notebook sessions are not runs.",
            ),
            _gauge(
                "hex_project_runs_7d",
                "workspace project_id",
                "Runs started in the last 7 x 24 hours, in any state but unable_to_allocate_kernel.",
            ),
            _gauge(
                "hex_project_ended_runs_7d",
                "workspace project_id",
                "Runs started in the last 7 x 24 hours that have ended, in whatever state.",
            ),
            _gauge(
                "hex_project_failed_runs_7d",
                "workspace project_id",
                "Those of them that ended without a result: errored, killed or unable_to_allocate_kernel.",
            ),
            _gauge(
                "hex_project_scheduled_failed_runs_7d",
                "workspace project_id",
                "Those of the failed ones that a schedule started.",
            ),
            _gauge(
                "hex_project_run_seconds_7d",
                "workspace project_id",
                "Run time of the runs that started in the last 7 x 24 hours, as Hex reports it.",
            ),
            _gauge(
                "hex_gateway_lookups_7d",
                "workspace",
                "Run requests since the hour seven days ago for which the gateway looked for a result. This and the "
                "following are what was counted, known to the hour.",
            ),
            _gauge("hex_gateway_hits_7d", "workspace", "Those of them that started no run."),
            _gauge(
                "hex_unviewed_runs_7d",
                "workspace",
                "Scheduled and refresh runs since the hour seven days ago whose result had not been viewed when the "
                "next one came: an estimate.",
            ),
            _gauge(
                "hex_missed_schedules_7d",
                "workspace",
                "Firings of enabled schedules since the hour seven days ago after which no run came.",
            ),
            _gauge(
                "hex_source_checked_runs_7d",
                "workspace",
                "Runs since the hour seven days ago where the state of the source data was known.",
            ),
            _gauge("hex_source_unchanged_runs_7d", "workspace", "Those of them that repeated an unchanged source."),
            _gauge(
                "hex_sql_cells_expected_7d",
                "workspace",
                "SQL cells since the hour seven days ago that judged runs would have queried a watched warehouse with. "
                "Hex's own cache answered 1 - seen / expected of them. Known three hours after the warehouses' logs.",
            ),
            _gauge("hex_sql_cells_seen_7d", "workspace", "Those of them whose query is in the warehouse's log."),
            _gauge(
                "hex_sql_cells_unjudged_runs_7d",
                "workspace",
                "Completed runs since the hour seven days ago that are not in hex_sql_cells_expected_7d; "
                "hex_sql_cells_unjudged_runs_total has the reasons.",
            ),
            _gauge(
                "hex_project_gateway_lookups_7d",
                "workspace project_id",
                "hex_gateway_lookups_7d by project. As those below: a project without any is absent.",
            ),
            _gauge("hex_project_gateway_hits_7d", "workspace project_id", "hex_gateway_hits_7d by project."),
            _gauge(
                "hex_project_gateway_saved_seconds_7d",
                "workspace project_id",
                "Run time that these hits did not spend.",
            ),
            _gauge(
                "hex_project_sql_cells_expected_7d", "workspace project_id", "hex_sql_cells_expected_7d by project."
            ),
            _gauge("hex_project_sql_cells_seen_7d", "workspace project_id", "hex_sql_cells_seen_7d by project."),
            _gauge("hex_project_unviewed_runs_7d", "workspace project_id", "hex_unviewed_runs_7d by project."),
            _gauge("hex_project_missed_schedules_7d", "workspace project_id", "hex_missed_schedules_7d by project."),
            _gauge(
                "hex_project_source_unchanged_runs_7d",
                "workspace project_id",
                "hex_source_unchanged_runs_7d by project.",
            ),
        ),
    ),
    Group(
        "Projects",
        (
            _gauge(
                "hex_week_runs_by_hour",
                "workspace week hour",
                "Runs since the start of the week (this, previous) up to the end of each of its 168 local hours (000 "
                "to 167), in any state but unable_to_allocate_kernel. This week's end with the hour that is going on; "
                "absent until the week is completely known.",
            ),
            _gauge(
                "hex_project_week_runs",
                "workspace project_id",
                "Runs started in the current week of the configuration, in any state but unable_to_allocate_kernel. "
                "Absent until that week is completely known.",
            ),
            _gauge(
                "hex_project_previous_week_runs",
                "workspace project_id",
                "Runs started in the week before the current one, in any state but unable_to_allocate_kernel, those "
                "seen after it was closed included. Absent until that week is completely known.",
            ),
            _gauge(
                "hex_project_previous_week_runs_by_now",
                "workspace project_id",
                "The part of hex_project_previous_week_runs that had started by the same local moment, to the quarter "
                "of an hour: what this week's runs compare with.",
            ),
            _gauge("hex_projects", "workspace state", "Projects by their strongest state. From the project listing."),
            _gauge(
                "hex_project_info",
                "workspace project_id title owner team project_status url",
                "Always 1: the title, owner, team, status and address of a project. The last known facts, kept while "
                "the project has series.",
            ),
            _gauge(
                "hex_project_last_run_timestamp_seconds",
                "workspace project_id status",
                "When the last run with this status started.",
            ),
            _gauge(
                "hex_project_last_viewed_timestamp_seconds",
                "workspace project_id",
                "When the project was last viewed. From the project listing.",
            ),
            _gauge(
                "hex_project_last_edited_timestamp_seconds",
                "workspace project_id",
                "When the project was last edited. From the project listing.",
            ),
            _gauge(
                "hex_project_last_published_timestamp_seconds",
                "workspace project_id",
                "When the project was last published. From the project listing.",
            ),
            _gauge(
                "hex_project_results_updated_timestamp_seconds",
                "workspace project_id",
                "When the published results were last refreshed. From the project listing.",
            ),
            _gauge(
                "hex_project_app_views",
                "workspace project_id window",
                "App views in Hex's own rolling window: never take an increase of it. From the project listing.",
            ),
            _gauge(
                "hex_schedules",
                "workspace cadence state",
                "Schedules by cadence; those of archived and trashed projects do not run and are shown as disabled. "
                "From the project listing.",
            ),
            _gauge(
                "hex_project_schedule_info",
                "workspace project_id cadence cron timezone",
                "Always 1: a schedule that is enabled, and when it fires; at most 1,000. From the project listing.",
            ),
            _gauge(
                "hex_project_connection_info",
                "workspace project_id connection_id",
                "Always 1: a connection that the project is known to query, at most 1,000 pairs.",
            ),
            _gauge(
                "hex_project_cache_info",
                "workspace project_id published_results_cached auto_rerun logic_query_cache published_query_cache",
                "Always 1: the cache settings of the published version: whether viewers get the results of an earlier "
                "run, whether the app runs again for each of them, and how long query results are kept in the notebook "
                "and in the app (90m, 24h, 7d, lastscheduledrun, or disabled). Empty: Hex does not say. Needs "
                "collect.exports.",
            ),
            _gauge(
                "hex_project_compute_info",
                "workspace project_id profile image basis",
                "Always 1: the compute profile that the project's next run has, its kernel image (empty: not known), "
                "and the basis: exact (its published version was read), configured (compute.profiles) or assumed.",
            ),
            _gauge(
                "hex_project_scheduled_week_runs",
                "workspace project_id",
                "Runs that the project's enabled schedules start in the current week. From the project listing.",
            ),
        ),
    ),
    Group(
        "Seats, connections, AI",
        (
            _gauge("hex_seats", "workspace role", "Users of the workspace by role. From the user listing."),
            _gauge(
                "hex_seats_inactive",
                "workspace role",
                "Users who have not logged in for seats.inactive_after, or never. From the user listing.",
            ),
            _gauge(
                "hex_seat_info",
                "workspace user role url",
                "Always 1: a person with a seat, shown as owners are. The 200 whose seats cost most and "
                "who logged in longest ago; none where labels show no people. url: the workspace in Hex. From the user "
                "listing.",
            ),
            _gauge(
                "hex_seat_last_login_timestamp_seconds",
                "workspace user role",
                "When this person last logged in. Absent for someone who never has.",
            ),
            _gauge(
                "hex_seats_reviewed_timestamp_seconds",
                "workspace",
                "The day on which the seats were last reviewed, from the configuration.",
            ),
            _gauge(
                "hex_connections",
                "workspace connection_type",
                "Data connections that the token can see. From the connection listing.",
            ),
            _gauge(
                "hex_connection_info",
                "workspace connection_id name connection_type",
                "Always 1: the name and the type of a data connection. From the connection listing.",
            ),
            _gauge(
                "hex_connection_projects",
                "workspace connection_id",
                "Projects known to query the connection. Absent where neither queried tables nor cells can be read.",
            ),
            _gauge(
                "hex_connection_last_run_timestamp_seconds",
                "workspace connection_id",
                "When a project that queries the connection last started a run.",
            ),
            _gauge(
                "hex_connection_runs_7d",
                "workspace connection_id",
                "Runs started in the last 7 x 24 hours of projects that query the connection. A project that queries "
                "two is in both: do not add them up.",
            ),
            _gauge(
                "hex_connection_cost_week_money_usd",
                "workspace connection_id money",
                "What the runs of these projects cost in the current week by kind of money, in dollars. Do not add "
                "the connections up.",
            ),
            _gauge(
                "hex_connection_peak_runs",
                "workspace connection_id",
                "The most runs at one time, over the last 7 days, among projects that query the connection: an upper "
                "bound of its load. Computed at most once a minute.",
            ),
            _counter(
                "hex_ai_credits_total",
                "workspace source thread_type",
                "AI credits that visible threads have used since first contact.",
                divisor=1000,
            ),
        ),
    ),
    Group(
        "AI credits",
        (
            _gauge(
                "hex_ai_credits_complete_until_timestamp_seconds",
                "workspace",
                "When the AI threads were last read whole. Hex shows no private ones: credits are a lower bound.",
            ),
            _gauge(
                "hex_ai_credits_week",
                "workspace source thread_type model",
                "AI credits used in the current week, by when each thread grew between two looks at it. The 50 largest "
                "combinations; the rest are `other`.",
            ),
            _gauge(
                "hex_ai_credits_week_by_user",
                "workspace user team",
                "The same by user, shown as owners are, and team. The 20 largest; the rest, and people without a "
                "label, are `other`.",
            ),
            _gauge("hex_ai_credits_7d", "workspace", "AI credits used in the last seven days."),
            _gauge(
                "hex_ai_credits_7d_usual",
                "workspace",
                "What seven days usually use: the median of the four such spans before the last. Absent until two of "
                "them are known.",
            ),
            _gauge(
                "hex_ai_credits_month_granted",
                "workspace",
                "AI credits that come with today's seats this calendar month, by the price book. This and the other "
                "figures of the month are absent where the plan, or the grant of a role in use, is not known.",
            ),
            _gauge("hex_ai_credits_month_used", "workspace", "AI credits used this calendar month."),
            _gauge(
                "hex_ai_credits_month_left",
                "workspace",
                "What is left of each user's own grant, added up: at most this, since private threads are not shown.",
            ),
            _gauge(
                "hex_ai_credits_month_beyond_grants",
                "workspace",
                "What users used beyond their own grants: credits that are bought.",
            ),
            _gauge(
                "hex_ai_credits_month_expected",
                "workspace",
                "AI credits used by the month's end, if use goes on as in the last seven days.",
            ),
            _gauge(
                "hex_ai_credits_month_expected_beyond_grants",
                "workspace",
                "Those of them that are beyond each user's own grant.",
            ),
            _gauge(
                "hex_ai_grant_gone_timestamp_seconds",
                "workspace of",
                "When grants are used up at this pace, or when they were: first_user: the first person's, from when on "
                "credits are bought; all: as much was used as all grants together. Absent without any use.",
            ),
            _gauge("hex_ai_month_end_timestamp_seconds", "workspace", "When the month ends and grants begin anew."),
            _gauge(
                "hex_ai_top_ups_expected",
                "workspace",
                "Packs of credits still to be bought until the month's end at this pace, from an empty pool: Hex shows "
                "no balance.",
            ),
            _gauge("hex_ai_top_ups_expected_usd", "workspace", "What these packs cost by the price book, in dollars."),
        ),
    ),
    Group(
        "Budgets",
        (
            _gauge("hex_budget_limit", "workspace budget unit", "The budget's limit for each period, in its unit."),
            _gauge(
                "hex_budget_used",
                "workspace budget unit",
                "Used since the budget's period began, by the start of the runs. Absent until the period is "
                "completely known, and for dollars where no run has a price.",
            ),
            _gauge(
                "hex_budget_previous_used",
                "workspace budget unit",
                "Used in the whole period before, with what was found after it was closed (adjustments, which report "
                "shows apart). Absent until that is completely known.",
            ),
            _gauge(
                "hex_budget_forecast",
                "workspace budget unit",
                "Forecast for the end of the period: used, plus the median of what up to four earlier periods "
                "added after this local time. Absent without a completely known earlier period.",
            ),
            _gauge(
                "hex_budget_used_by_hour",
                "workspace budget unit period hour",
                "Used since the period's start, up to the end of each local hour (000 on) of the period. this: so far; "
                "previous: the period before, at the same moments; expected: from now on, by the forecast. Of a month "
                "every sixth hour, of the bill every 24th. Absent as the figures of that period are.",
            ),
            _gauge(
                "hex_budget_window_used",
                "workspace budget unit window",
                "Used in the rolling window that ends now: to look at, not to page on.",
            ),
            _gauge(
                "hex_budget_window_previous_used",
                "workspace budget unit window",
                "Used in the same rolling window a week earlier, at the same local time.",
            ),
            _gauge(
                "hex_budget_threshold_ratio",
                "workspace budget unit severity",
                "The part of the limit at which this severity begins, from the configuration.",
            ),
            _gauge(
                "hex_budget_period_start_timestamp_seconds",
                "workspace budget unit",
                "When the budget's current week or month began in the configured zone.",
            ),
            _gauge(
                "hex_budget_period_end_timestamp_seconds",
                "workspace budget unit",
                "When the budget resets to 0.",
            ),
            _gauge(
                "hex_budget_period_end_utc_offset_seconds",
                "workspace budget unit timezone",
                "How far the configured zone is ahead of UTC when the budget resets.",
            ),
            _gauge(
                "hex_budget_project_used",
                "workspace budget unit project_id trigger",
                "What a project of the budget used of it in its period, in its unit: the five largest, and the one "
                "that grew most. Added up over projects and triggers at most hex_budget_used.",
            ),
            _gauge(
                "hex_budget_project_info",
                "workspace project_id title owner",
                "1 for each project that hex_budget_project_used shows, with series of its own elsewhere or not.",
            ),
            _gauge(
                "hex_budget_project_previous_used",
                "workspace budget unit project_id",
                "What the same project used in the whole period before. Absent until that is completely known.",
            ),
            _gauge(
                "hex_budget_project_growth",
                "workspace budget unit project_id",
                "What the same project used beyond the period before, up to the same local moment: the most that any "
                "span up to now has more.",
            ),
            _gauge(
                "hex_budget_project_since_timestamp_seconds",
                "workspace budget unit project_id",
                "When the growth of the project began. Absent where it is less than a tenth of what was used.",
            ),
            _gauge(
                "hex_budget_user_used",
                "workspace budget unit user source thread_type",
                "The same for budgets of AI credits, by who owns the threads. user: the address, shown as owners are.",
            ),
            _gauge(
                "hex_budget_user_previous_used",
                "workspace budget unit user",
                "What the same user used in the whole period before. Absent until that is completely known.",
            ),
            _gauge(
                "hex_budget_user_growth",
                "workspace budget unit user",
                "What the same user used beyond the period before, up to the same local moment: the most that any "
                "span up to now has more.",
            ),
            _gauge(
                "hex_budget_user_since_timestamp_seconds",
                "workspace budget unit user",
                "When the growth of the user began. Absent where it is less than a tenth of what was used.",
            ),
            _gauge(
                "hex_budget_unreadable_projects",
                "workspace budget unit",
                "Projects of the budget whose runs are refused, or of which a run of this period or the last cannot be "
                "read: the true figures are higher.",
            ),
        ),
    ),
    Group(
        "Costs",
        (
            _gauge(
                "hex_cost_week_usd",
                "workspace component",
                "Cost of the current week in dollars. seats: the whole week's share of the monthly prices; compute: "
                "run minutes by profile, a lower bound; ai_credits: beyond those of the seats, by calendar month; "
                "own_estimate: what runs and warehouse minutes cost by the configuration, not part of Hex's bill; "
                "warehouse: what Hex's queries and idle time cost in the warehouses, another bill. "
                "A component without its prices is absent.",
            ),
            _gauge(
                "hex_cost_basis_ratio",
                "workspace basis",
                "Share of the current week's run minutes by what their compute profile rests on: exact (the version "
                "that ran was read), configured (compute.profiles) or assumed. Together 1; absent without run minutes.",
            ),
            _gauge(
                "hex_app_sessions_7d_usd",
                "workspace",
                "An estimate, in no other figure: what sessions of apps that rerun for each viewer cost at most in "
                "seven days: each view as long as a usual run and the idle timeout of 15 minutes. Viewers who work "
                "longer, other apps and notebooks are not in it: Hex bills their sessions, and its API shows nothing "
                "that bounds them. Needs collect.exports.",
            ),
            _gauge(
                "hex_cost_previous_week_usd",
                "workspace component",
                "The same for the week before the current one, with the seats and prices of its days, and with what "
                "was found after it was closed (adjustments, which report shows apart).",
            ),
            _gauge(
                "hex_cost_week_money_usd",
                "workspace money",
                "Cost of the current week by kind of money, in dollars. billed: Hex's bill (seats, compute, credits), "
                "a lower bound where a component is absent; other: other bills, where they are known; estimate: what "
                "the configuration says, which no one bills. Never add them up. Absent until the week is known.",
            ),
            _gauge(
                "hex_cost_previous_week_money_usd",
                "workspace money",
                "Cost of the week before the current one by kind of money, in dollars, with adjustments.",
            ),
            _gauge(
                "hex_project_cost_week_usd",
                "workspace project_id",
                "Compute and own estimate of the project's runs that started in the current week, in dollars: two "
                "kinds of money, which hex_project_cost_week_money_usd has apart. Absent where no run has a price, and "
                "until the week is completely known.",
            ),
            _gauge(
                "hex_project_cost_previous_week_usd",
                "workspace project_id",
                "The same for the week before the current one, with adjustments.",
            ),
            _gauge(
                "hex_project_cost_week_money_usd",
                "workspace project_id money",
                "What the project cost in the current week by kind of money, in dollars: billed (compute of its runs, "
                "a lower bound), other (its queries in the warehouses) and estimate (own, of its runs). A kind in "
                "which nothing has a price is absent.",
            ),
            _gauge(
                "hex_project_cost_previous_week_money_usd",
                "workspace project_id money",
                "What the project's runs of the week before the current one cost by kind of money, in dollars, with "
                "adjustments.",
            ),
            _gauge(
                "hex_seat_month_usd",
                "workspace role",
                "What a seat of the role costs a month on the configured plan, in dollars; 0: free. Absent without a "
                "price.",
            ),
            _gauge(
                "hex_plan_month_usd",
                "workspace plan",
                "A month of today's seats, and of last month's AI credits beyond theirs, billed on the plan, in "
                "dollars; compute costs the same on each. Absent for plans whose prices are not known.",
            ),
        ),
    ),
    Group(
        "Contract",
        (
            _gauge(
                "hex_contract_seats",
                "workspace role",
                "Seats that the contract pays for, by the kind of seat: editor (admins and managers too), explorer, "
                "viewer.",
            ),
            _gauge("hex_contract_seats_used", "workspace role", "Seats of the kind that are held."),
            _gauge("hex_contract_credits_month", "workspace", "AI credits a month that the contract pays for."),
            _gauge(
                "hex_contract_credits_month_used",
                "workspace",
                "AI credits used in this calendar month by visible threads: a lower bound.",
            ),
            _gauge(
                "hex_contract_credits_month_expected",
                "workspace",
                "The same by the end of the month, at the pace of the last seven days.",
            ),
            _gauge(
                "hex_contract_commit_year_usd",
                "workspace",
                "What the contract commits to spend in the twelve months before its renewal, in dollars.",
            ),
            _gauge(
                "hex_contract_commit_year_used_usd",
                "workspace",
                "Hex's bill of the days of that year so far that are known, in dollars: a lower bound.",
            ),
            _gauge(
                "hex_contract_commit_year_expected_usd",
                "workspace",
                "What the whole year comes to at the pace of its known days, in dollars.",
            ),
            _gauge(
                "hex_contract_true_up_usd",
                "workspace component",
                "What is owed beyond the contract, as things go, in dollars. seats: those beyond it until the renewal; "
                "ai_credits: of this month; commit: of the year.",
            ),
            _gauge(
                "hex_contract_renewal_timestamp_seconds",
                "workspace",
                "When the contract is renewed. Once that has passed nothing else of it is shown.",
            ),
        ),
    ),
    Group(
        "Sources",
        (
            _gauge(
                "hex_source_success",
                "workspace source",
                "1: the last probe of the source read its state; 0: it failed (a source per project: for at least one "
                "project), and runs go ahead as if there were no source. Absent before the first probe.",
            ),
            _gauge(
                "hex_source_last_success_timestamp_seconds",
                "workspace source",
                "When a probe last read the state of the source; for a source per project, the oldest of its "
                "projects. Absent until each was read once.",
            ),
            _gauge(
                "hex_source_projects",
                "workspace source state",
                "Published projects that the source applies to: known, the last probe read the state; unknown, it "
                "failed or is still to come. From the project listing.",
            ),
            _gauge(
                "hex_source_changed_timestamp_seconds",
                "workspace project_id",
                "When the source data of the project was first seen in the state it has now. Absent without a source, "
                "and until a change was seen.",
            ),
            _counter(
                "hex_source_checked_runs_total",
                "workspace project_id trigger",
                "Runs that ended and got a kernel, where probes read the state of the source data at "
                "their start and at the completed run before. Counted since first contact.",
            ),
            _counter(
                "hex_source_unchanged_runs_total",
                "workspace project_id trigger",
                "Of the checked runs, those that repeated an unchanged source: what a gateway could have answered "
                "from the run before.",
            ),
        ),
    ),
    Group(
        "Warehouse",
        (
            _gauge(
                "hex_warehouse_log_success",
                "workspace warehouse",
                "1: the last look at the warehouse's query log read all that was new; 0: it failed.",
            ),
            _gauge(
                "hex_warehouse_log_complete_until_timestamp_seconds",
                "workspace warehouse",
                "Every query that Hex sent and that ended before then is in the figures of this warehouse. Hours are "
                "read when they are closed, and later than that by what the vendor's log is late.",
            ),
            _counter(
                "hex_warehouse_queries_total",
                "workspace project_id context warehouse",
                "Queries that Hex sent for the project and that ended since first contact, by the context that Hex's "
                "comment gives: scheduled_run, app_view, logic_view or what else it says.",
            ),
            _counter(
                "hex_warehouse_seconds_total",
                "workspace project_id context warehouse",
                "Time from start to end of these queries, waiting in the warehouse included.",
                divisor=1000,
            ),
            _counter(
                "hex_warehouse_result_cache_hits_total",
                "workspace project_id context warehouse",
                "Of these queries, those that the warehouse answered from its own result cache. Always 0 where its "
                "log has no such flag (Snowflake).",
            ),
            _counter(
                "hex_warehouse_result_cache_judged_total",
                "workspace project_id context warehouse",
                "Of these queries, those of which the log says whether the warehouse's result cache answered: what "
                "hits are to be divided by. Always 0 on Snowflake.",
            ),
            _counter(
                "hex_warehouse_unattributed_queries_total",
                "workspace warehouse",
                "Queries with Hex's marker whose comment cannot be read without a guess: cut off, broken, or two that "
                "differ.",
            ),
            _counter(
                "hex_warehouse_run_queries_total",
                "workspace warehouse join",
                "Queries whose context is a run's, by whether the run was found: run (one of the project was running "
                "when it started), ambiguous (two were), no_run. Three hours later than the log.",
            ),
            _counter(
                "hex_sql_cells_expected_total",
                "workspace project_id",
                "SQL cells, those of components included, that completed runs of versions whose cells are known would "
                "have queried a watched warehouse with. Hex's own cache answered 1 - seen / expected of them.",
            ),
            _counter(
                "hex_sql_cells_seen_total",
                "workspace project_id",
                "Of these cells, those whose query is in the warehouse's log.",
            ),
            _counter(
                "hex_sql_cells_unjudged_runs_total",
                "workspace project_id reason",
                "Completed runs that are not in hex_sql_cells_expected_total: cells_unknown (the version was not "
                "exported), no_sql_cells, ambiguous (another run of the project at the same time), unexpected_cell (a "
                "query of a cell that the version lacks), unreadable_comment (a query that cannot be attributed was "
                "sent meanwhile).",
            ),
            _gauge(
                "hex_project_warehouse_week_usd",
                "workspace project_id",
                "What the project's queries of the current week cost in the warehouse, in dollars of the warehouse's "
                "bill, not Hex's. Absent without a price, and until the log of every warehouse reaches the week.",
            ),
            _gauge(
                "hex_project_warehouse_previous_week_usd",
                "workspace project_id",
                "What the project's queries of the week before the current one cost in the warehouse. Absent unless "
                "the logs are known from its beginning to its end.",
            ),
            _gauge(
                "hex_warehouse_week_usd",
                "workspace warehouse part",
                "What the warehouse cost in the current week: query (for projects of Hex), unattributed (sent by Hex, "
                "comment not readable), idle (billed while no query ran), other (queries of others). idle and other "
                "only where the log says what was billed; then the parts add up to that bill.",
            ),
            _gauge(
                "hex_warehouse_previous_week_usd",
                "workspace warehouse part",
                "What the warehouse cost in the week before the current one, by the same parts. Absent unless the "
                "logs are known from its beginning to its end.",
            ),
            _gauge(
                "hex_warehouse_week_queries",
                "workspace warehouse answer",
                "Queries of Hex in the current week, by what answered them: cache (the warehouse's own), warehouse, or "
                "not_judged, where its log has no flag for that, as Snowflake's. Absent until the logs reach the week.",
            ),
            _gauge(
                "hex_warehouse_unattributed_week_queries",
                "workspace warehouse",
                "Those of the current week's queries whose comment is cut off or broken: no project has them.",
            ),
            _gauge(
                "hex_warehouse_unpriced_week_queries",
                "workspace warehouse",
                "Those of the current week's queries whose price is not known: the dollars of the warehouse are a "
                "lower bound.",
            ),
            _gauge(
                "hex_warehouse_repeated_week_queries",
                "workspace warehouse",
                "What Hex's comment costs on BigQuery, whose result cache needs an equal text: queries of the current "
                "week that were billed although a text, equal but for the comment, had been answered in the day "
                "before. At most: whether the data changed meanwhile is not known. Absent for other kinds.",
            ),
            _gauge(
                "hex_warehouse_repeated_week_bytes", "workspace warehouse", "Bytes that were billed for these queries."
            ),
            _gauge(
                "hex_warehouse_repeated_week_usd",
                "workspace warehouse",
                "What these queries cost in the warehouse. Absent without a price.",
            ),
            _gauge(
                "hex_warehouse_context_week_usd",
                "workspace context",
                "What the queries of the current week cost in the warehouses, by the context that Hex's comment gives: "
                "the ten costliest, the rest as other. Absent like hex_project_warehouse_week_usd.",
            ),
            _gauge(
                "hex_warehouse_connection_week_usd",
                "workspace connection_id",
                "What the queries of the current week cost in the warehouses, by the Hex connection whose name the "
                "comment gives; unknown: no connection has that name.",
            ),
            _gauge(
                "hex_warehouse_cell_week_usd",
                "workspace project_id cell_id url",
                "What the ten costliest cells of the current week cost in the warehouses; url leads to the cell.",
            ),
        ),
    ),
    Group(
        "Run gateway",
        (
            _counter(
                "hex_cache_lookups_total",
                "workspace project_id",
                "Run requests for which the gateway looked for a result: hit, miss and joined. With the hits it gives "
                "the hit rate over any time.",
            ),
            _counter(
                "hex_cache_hits_total",
                "workspace project_id",
                "Run requests that started no run: answered from an earlier run (hit), or given the run that was "
                "already under way (joined).",
            ),
            _counter(
                "hex_cache_saved_seconds_total",
                "workspace project_id",
                "Run time that hits did not spend: for each, that of the run whose result was given instead.",
                divisor=1000,
            ),
            _counter(
                "hex_gateway_requests_total",
                "workspace outcome",
                "Run requests by outcome: hit, miss, joined, bypass (the request demanded a run of its own, "
                "or its project writes to a database), "
                "refused (queue full or waited too long).",
            ),
            _counter(
                "hex_gateway_absorbed_total",
                "workspace reason",
                "Refusals by Hex that the gateway retried and no caller saw: rate_limit, a 429; kernel_limit, a 503 "
                "that says no more kernels may start.",
            ),
            _counter(
                "hex_gateway_braked_total",
                "workspace budget outcome",
                "Run requests that the brake of a spent budget (`when_budget_spent`) held back: cached (answered with "
                "the last result), waited (ran after a wait), refused (429).",
            ),
            _counter(
                "hex_gateway_saved_calls_total",
                "workspace reason",
                "Reads that were answered without a request to Hex: remembered, a final state; recent, a state read "
                "a moment ago; shared_page, one page for all active runs of a project.",
            ),
            _counter(
                "hex_gateway_stale_hits_total",
                "workspace",
                "Hits whose run had in fact been sent before the source changed. Must stay 0.",
            ),
            _counter(
                "hex_gateway_unknown_runs_total",
                "workspace",
                "Run requests sent before a crash where it cannot be known whether Hex started them; none was sent "
                "again.",
            ),
            _gauge(
                "hex_gateway_queue_length",
                "workspace",
                "Run requests that wait in the queue of the gateway. Absent without a gateway.",
            ),
            _gauge(
                "hex_gateway_queue_limit",
                "workspace",
                "Run requests that may wait at once, from gateway.queue.length.",
            ),
            _gauge(
                "hex_gateway_active_runs",
                "workspace",
                "Runs that the gateway sent and that are not known to have ended. Absent without a gateway.",
            ),
            _gauge(
                "hex_gateway_active_runs_limit",
                "workspace",
                "Runs that the gateway keeps active at once, from gateway.concurrency.",
            ),
            _histogram(
                "hex_gateway_queue_seconds",
                "workspace",
                "How long run requests waited at the gateway before they were sent to Hex.",
            ),
        ),
    ),
    Group(
        "Triggers",
        (
            _counter(
                "hex_triggers_total",
                "workspace project_id outcome",
                "What the project's trigger (`triggers`) led to: started, a run for a change or for `latest`; joined "
                "or hit, another run has read the change; dry_run, a run would have started; retried, another attempt "
                "after a failed run; failed, the last attempt failed too; stopped, Hex refuses these runs; unknown, "
                "it cannot be known whether the run was started.",
            ),
            _counter(
                "hex_trigger_replaced_runs_total",
                "workspace project_id",
                "Runs that the project's schedules, enabled or not, would have started between its triggered runs, or "
                "those that would have been, beyond one for each of them.",
            ),
            _histogram(
                "hex_trigger_lag_seconds",
                "workspace",
                "From when a change of a source was seen to the end of the run that has read it, of completed runs.",
            ),
            _gauge(
                "hex_trigger_stopped",
                "workspace project_id",
                "1: Hex refuses the runs of the project's trigger (a token without the scope, an input that the "
                "project does not have), so that none is started until that is mended; 0: it does not.",
            ),
        ),
    ),
    Group(
        "Savings",
        (
            _gauge(
                "hex_findings_last_audit_timestamp_seconds",
                "workspace",
                "When the last audit was made. The figures of this group are of that time.",
            ),
            _gauge(
                "hex_findings_judged",
                "workspace kind",
                "1: the last audit could judge this kind of finding; 0: it lacked a scope, a price or a source, which "
                "`hex-exporter audit` names.",
            ),
            _gauge(
                "hex_findings",
                "workspace kind",
                "Findings of the last audit, without the ignored. Absent for a kind that could not be judged.",
            ),
            _gauge(
                "hex_findings_ignored",
                "workspace kind",
                "Findings of the last audit that the configuration ignores.",
            ),
            _gauge(
                "hex_findings_saving_month_usd",
                "workspace kind",
                "What acting on the findings of this kind would save a month, in dollars. A run or seat that several "
                "findings would save is counted in one kind, so that the kinds add up. Absent where nothing has a "
                "price.",
            ),
            _gauge(
                "hex_findings_saving_month_money_usd",
                "workspace kind money",
                "What acting on the findings of this kind would save a month by kind of money, in dollars. billed: so "
                "much less to pay Hex; other: so much less on the bills of warehouses; estimate: so much less of your "
                "own estimate. Never add them up.",
            ),
            _gauge(
                "hex_findings_saving_month_runs",
                "workspace kind",
                "Runs a month that acting on the findings of this kind would save; the kinds add up.",
            ),
            _gauge(
                "hex_finding_info",
                "workspace kind subject subject_type name team confidence action",
                "Always 1: for one of the top findings (audit.top), the type (project, user, connection, plan, owner) "
                "and name of its subject, its team, whether its saving is measured or estimated, and what to do.",
            ),
            _gauge(
                "hex_finding_saving_month_usd",
                "workspace kind subject",
                "What acting on one of the top findings (audit.top) would save a month, in dollars. Findings that "
                "overlap each show their whole saving: do not add them up.",
            ),
            _gauge(
                "hex_finding_saving_month_money_usd",
                "workspace kind subject money",
                "Savings of the top findings by kind of money (billed, other, estimate), in dollars a month.",
            ),
            _gauge(
                "hex_finding_saving_month_runs",
                "workspace kind subject",
                "Runs a month that acting on one of the top findings (audit.top) would save. Do not add them up.",
            ),
            _gauge(
                "hex_finding_cost_month_usd",
                "workspace kind subject",
                "What the subject of one of the top findings (audit.top) costs a month now, in dollars; of connections "
                "that overlap, whose saving is not known, what runs through the one to remove.",
            ),
            _gauge(
                "hex_finding_cost_month_money_usd",
                "workspace kind subject money",
                "Costs of the subjects of the top findings by kind of money (billed, other, estimate), in dollars a "
                "month.",
            ),
            _gauge(
                "hex_finding_first_seen_timestamp_seconds",
                "workspace kind subject",
                "When one of the top findings (audit.top) was first seen; one that disappeared and came back keeps its "
                "time.",
            ),
            _gauge(
                "hex_team_findings",
                "workspace team",
                "Findings of the last audit by the team of their subject, without the ignored.",
            ),
            _gauge(
                "hex_team_saving_month_usd",
                "workspace team",
                "What acting on the findings of this team would save a month, in dollars; the teams add up. Absent "
                "where nothing has a price.",
            ),
            _gauge(
                "hex_team_saving_month_money_usd",
                "workspace team money",
                "Savings of each team by kind of money (billed, other, estimate), in dollars a month; the teams add "
                "up.",
            ),
            _gauge(
                "hex_team_saving_month_runs",
                "workspace team",
                "Runs a month that acting on the findings of this team would save; the teams add up.",
            ),
            _counter(
                "hex_findings_realised_usd_total",
                "workspace kind",
                "Dollars saved since findings of this kind disappeared together with their cost.",
                divisor=1_000_000,
            ),
            _counter(
                "hex_findings_realised_money_usd_total",
                "workspace kind money",
                "Dollars saved since findings of this kind disappeared, by kind of money: billed, not billed by Hex; "
                "estimate, what was not spent of your own estimate.",
                divisor=1_000_000,
            ),
        ),
    ),
    Group(
        "Requests to Hex",
        (
            _counter(
                "hex_api_requests_total",
                "workspace endpoint code",
                "Requests sent to Hex by HTTP status; code is timeout or error where there was no answer.",
            ),
            _counter("hex_api_rate_limited_total", "workspace endpoint", "Answers with status 429, too many requests."),
            _histogram(
                "hex_api_request_duration_seconds",
                "workspace endpoint",
                "How long an exchange with Hex took, to the last byte.",
            ),
            _gauge(
                "hex_api_cooldown_until_timestamp_seconds",
                "workspace",
                "The exporter's own polling sends no request before this time; 0: there was no cool-down yet.",
            ),
            _gauge(
                "hex_api_planned_requests_per_hour",
                "workspace",
                "Requests an hour that polling the workspace needs, as planned now.",
            ),
            _gauge(
                "hex_api_allowed_requests_per_hour",
                "workspace",
                "Requests an hour that the configured share of the rate limit allows.",
            ),
        ),
    ),
    Group(
        "The exporter itself",
        (
            _gauge(
                "hex_exporter_build_info",
                "version python_version",
                "Always 1: the version of the exporter and of Python.",
            ),
            _gauge(
                "hex_exporter_config_last_reload_successful",
                "",
                "1: the last configuration read is in use; 0: it was refused, and the one before stays in use.",
            ),
            _gauge(
                "hex_exporter_config_last_reload_success_timestamp_seconds",
                "",
                "When the configuration in use was read.",
            ),
            _gauge(
                "hex_exporter_loop_heartbeat_timestamp_seconds",
                "",
                "When the polling loop last ran.",
            ),
            _gauge("hex_exporter_ledger_created_timestamp_seconds", "", "When the ledger in use was created."),
            _gauge(
                "hex_exporter_ledger_read_timestamp_seconds",
                "",
                "When the ledger was read last: while its database is away, the page shows what was known then.",
            ),
            _gauge(
                "hex_exporter_ledger_durable",
                "",
                "1: the ledger is kept on disk; 0: it is not, or it was damaged and a fresh one was started: see the "
                "log.",
            ),
            _gauge("hex_exporter_page_build_seconds", "", "How long building the page before this one took."),
            _gauge("hex_exporter_page_series", "", "Series on the page before this one."),
            _gauge(
                "hex_exporter_page_duplicate_series",
                "",
                "Series left out of the page before this one, because a series had the same labels.",
            ),
            _gauge(
                "hex_exporter_overdue_projects",
                "workspace",
                "Projects whose runs should have been read by now and were not.",
            ),
            _gauge(
                "hex_exporter_unreadable_projects",
                "workspace",
                "Projects that the token was never able to read, or not their runs: they are part of no figure.",
            ),
            _gauge(
                "hex_exporter_unreadable_runs",
                "workspace",
                "Runs that Hex lists and that cannot be read: they are part of no figure.",
            ),
            _gauge(
                "hex_exporter_excluded_projects",
                "workspace",
                "Projects that collect.match and collect.except leave out: no other figure includes them.",
            ),
            _gauge(
                "hex_exporter_oldest_poll_timestamp_seconds",
                "workspace",
                "When the runs of the published project that was read longest ago were read.",
            ),
            _gauge(
                "hex_exporter_history_projects",
                "workspace",
                "Published projects whose run history is, or will be, read back to its start.",
            ),
            _gauge(
                "hex_exporter_history_projects_complete",
                "workspace",
                "Of these, the projects whose whole history in the API has been read.",
            ),
            _gauge(
                "hex_exporter_projects_without_own_series",
                "workspace",
                'Projects that share project_id "other", because of limits.projects_with_series.',
            ),
            _gauge(
                "hex_exporter_clock_skew_seconds",
                "workspace",
                "This machine's clock minus the time that Hex's answers agree on, 0 up to 3 seconds; absent before.",
            ),
            _gauge(
                "hex_exporter_lease_owner",
                "workspace",
                "1: this replica owns the workspace, polls it and runs its gateway; 0: another does. Absent where one "
                "process is alone with its ledger.",
            ),
            _gauge(
                "hex_exporter_lease_epoch",
                "workspace",
                "How many owners the workspace has had; what an owner of an earlier epoch writes is refused.",
            ),
            _counter(
                "hex_exporter_lease_changes_total",
                "workspace",
                "How often another replica became the owner: one left, was lost, or joined.",
            ),
            _gauge(
                "hex_exporter_page_lag_seconds",
                "workspace",
                "How far this page may be behind the ledger: 0 where this replica owns the workspace.",
            ),
            _gauge("hex_exporter_replicas", "", "Replicas on this ledger that have renewed themselves lately."),
            _gauge(
                "hex_exporter_replica_configurations",
                "",
                "Different configurations among these replicas: 1 is right; with more, each workspace goes by its "
                "owner's.",
            ),
            _counter(
                "hex_exporter_bad_items_total",
                "workspace endpoint",
                "Items of answers that could not be read and were left out; the log names each once.",
            ),
        ),
    ),
    Group(
        "Process and Python",
        (
            _gauge("process_virtual_memory_bytes", "", "Virtual memory size in bytes."),
            _gauge("process_resident_memory_bytes", "", "Resident memory size in bytes."),
            _gauge("process_start_time_seconds", "", "When the process started, in seconds since the epoch."),
            _counter("process_cpu_seconds_total", "", "User and system CPU time that the process has spent."),
            _gauge("process_open_fds", "", "Open file descriptors."),
            _gauge("process_max_fds", "", "The most file descriptors that the process may open."),
            _counter("python_gc_objects_collected_total", "generation", "Objects collected by garbage collection."),
            _counter(
                "python_gc_objects_uncollectable_total",
                "generation",
                "Objects that garbage collection found and could not free.",
            ),
            _counter("python_gc_collections_total", "generation", "How often the generation was collected."),
            _gauge(
                "python_info",
                "implementation major minor patchlevel version",
                "Always 1: the Python that runs the program.",
            ),
        ),
    ),
)
"""The catalogue in the order of the documentation."""

CATALOGUE: tuple[Metric, ...] = tuple(metric for group in GROUPS for metric in group.metrics)
"""Every metric, once."""

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in CATALOGUE}
"""Every metric by its name."""
