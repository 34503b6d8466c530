"""The pieces that every query is made of: metrics of the catalogue, aggregated before any join.

Two exporters, or two scrape jobs of one, expose every series twice. So a metric is never used as it comes but as the
maximum over all labels that the catalogue gives it, which leaves each series once.
"""

from collections.abc import Sequence

from exporter.metrics import METRICS

WORKSPACE = 'workspace="$workspace"'

# The workspace's own `other` has no info and so no team or owner: it matches them only where they may be empty, which
# is where all were chosen.
_CHOSEN = f'{WORKSPACE}, team=~"$team", owner=~"$owner"'
_OTHER = f'max by (workspace, project_id) (hex_project_week_runs{{{_CHOSEN}, project_id="other"}}) * 0 + 1'


def gauge(name: str, *matchers: str, offset: str = "", last: str = "", ahead: bool = False) -> str:
    """Every series of a gauge of the chosen workspace, once; `last`: its last value in that time, also if gone now.

    `ahead` has its last value in the interval that begins here. Raises KeyError for a name the catalogue lacks.
    """
    labels = METRICS[name].labels
    series = _selected(name, labels, matchers)
    if ahead:
        last, offset = "$__interval", "-$__interval"
    shift = f" offset {offset}" if offset else ""
    value = f"last_over_time({series}[{last}]{shift})" if last else f"{series}{shift}"
    return f"max by ({', '.join(labels)}) ({value})" if labels else f"max({value})"


def money(name: str, kind: str, *matchers: str) -> str:
    """One kind of money (`billed`, `other`, `estimate`) of a gauge that has it as a label, without that label."""
    labels = METRICS[name].labels
    series = _selected(name, labels, (f'money="{kind}"', *matchers))
    return f"max by ({', '.join(label for label in labels if label != 'money')}) ({series})"


def views(window: str, *matchers: str) -> str:
    """App views by project in one of Hex's own windows."""
    chosen_window = f'window="{window}"'
    return f"max by (workspace, project_id) ({gauge('hex_project_app_views', chosen_window, *matchers)})"


def growth(name: str, *matchers: str) -> str:
    """By how much each series of a counter grows in the interval that begins here: whole numbers, up to this moment.

    `increase` estimates what lies between scrapes, and its last interval is the last whole one. These are differences
    of what was scraped last. The ledger's counters fall only once, where they follow an import or another ledger: what
    is there then has been added since.
    """
    labels = METRICS[name].labels
    series = _selected(name, labels, matchers)

    def once(function: str, shift: str) -> str:
        return f"max by ({', '.join(labels)}) ({function}({series}[$__interval]{shift}))"

    ahead = " offset -$__interval"
    last, first = once("last_over_time", ahead), once("min_over_time", ahead)
    return f"({last} - ({once('last_over_time', '')} or {first}) >= 0 or {last})"


def increase(name: str, *matchers: str, window: str = "$__rate_interval", ahead: bool = False) -> str:
    """By how much each series of a counter has grown in the window, once; `ahead` in the interval that begins here.

    For bars `growth` has whole numbers, but reads three times as much.
    """
    labels = METRICS[name].labels
    shift = " offset -$__interval" if ahead else ""
    return f"max by ({', '.join(labels)}) (increase({_selected(name, labels, matchers)}[{window}]{shift}))"


def everywhere(name: str, *matchers: str) -> str:
    """Every series of a gauge of all workspaces, once."""
    labels = METRICS[name].labels
    return (
        f"max by ({', '.join(labels)}) ({name}{{{', '.join(matchers)}}})"
        if matchers
        else f"max by ({', '.join(labels)}) ({name})"
    )


def not_on(features: Sequence[str], where: str = "") -> str:
    """The features that are not on, with what they need; `where` limits them to the chosen workspace."""
    inside = ", ".join(one for one in (where, f'feature=~"{"|".join(features)}"', 'state!="on"') if one)
    labels = "workspace, feature, state, needs"
    return f'label_replace(max by ({labels}) (hex_feature_state{{{inside}}}), "state", "$1 $2", "state", "(.*)_(.*)")'


def all_on(features: Sequence[str], where: str = "") -> str:
    """0 for each workspace that has all of the features on."""
    inside = ", ".join(one for one in (where, f'feature=~"{"|".join(features)}"') if one)
    states = f"hex_feature_state{{{inside}}}"
    missing = f'hex_feature_state{{{inside}, state!="on"}}'
    return f"0 * max by (workspace) ({states}) unless on (workspace) max by (workspace) ({missing})"


def or_none_without(feature: str, expr: str, *, ahead: bool = False) -> str:
    """The amount, or 0 where the feature is not configured."""
    return f"({expr} or {none_without(feature, ahead=ahead)})"


def none_without(feature: str, *, ahead: bool = False) -> str:
    """0 where the feature is not configured: what does not exist has done nothing.

    `ahead` looks at the interval that begins here.
    """
    states = f'hex_feature_state{{{WORKSPACE}, feature="{feature}", state=~"off|not_configured"}}'
    return (
        f"0 * max by (workspace) ({f'last_over_time({states}[$__interval] offset -$__interval)' if ahead else states})"
    )


def or_none(expr: str, zero: str, label: str, name: str = "none") -> str:
    """The series, or where there are none the zero, by that name in the label that the legend shows."""
    return f'{expr} or on () label_replace({zero}, "{label}", "{name}", "", "")'


def bucket_increase(name: str, *matchers: str, window: str = "") -> str:
    """By how much each bucket of a histogram has grown in the window, or in the interval that begins here."""
    labels = METRICS[name].labels
    span = f"[{window}]" if window else "[$__rate_interval] offset -$__interval"
    series = f"{_selected(f'{name}_bucket', labels, matchers)}{span}"
    return f"max by ({', '.join((*labels, 'le'))}) (increase({series}))"


def projects() -> str:
    """Always 1: the projects of the chosen teams and owners with their title, owner, team, status and address."""
    return (
        f"(topk by (workspace, project_id) (1, hex_project_info{{{_CHOSEN}}})"
        f' or label_replace({_OTHER}, "title", "All other projects", "", ""))'
    )


def chosen(expr: str) -> str:
    """Of series by project, those of the chosen teams and owners."""
    return f"{expr} and on (workspace, project_id) {projects()}"


def named(expr: str, *labels: str) -> str:
    """Series by project of the chosen teams and owners, with labels of the project, by default only its title."""
    return f"{expr} * on (workspace, project_id) group_left ({', '.join(labels or ('title',))}) {projects()}"


def titled(expr: str) -> str:
    """Series by project with its title, whatever team and owner it has: for boards that do not choose by them."""
    info = f"topk by (workspace, project_id) (1, hex_project_info{{{WORKSPACE}}})"
    return f"{expr} * on (workspace, project_id) group_left (title) {info}"


def age(name: str, *matchers: str) -> str:
    """Seconds since the time that a gauge holds, by the clock of Prometheus; never below 0."""
    return f"clamp_min(time() - {gauge(name, *matchers)}, 0)"


def _selected(name: str, labels: tuple[str, ...], matchers: tuple[str, ...]) -> str:
    own = (WORKSPACE,) if "workspace" in labels else ()
    inside = ", ".join((*own, *matchers))
    return f"{name}{{{inside}}}" if inside else name
