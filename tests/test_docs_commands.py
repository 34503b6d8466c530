"""Every command and setting that a document shows is taken as it stands: options exist and values are accepted."""

import re
import shlex
from contextlib import suppress
from pathlib import Path

import click
import pytest
from test_docs import PAGES, text_of

from exporter.cli import main
from exporter.config import load_config
from exporter.errors import ConfigError

_ENDS = re.compile(r"^(\||\|\||&&|&|;|>|>>|2>|2>&1|<|#.*|\\)$")
"""What ends a command for a shell."""

_COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?hex-exporter((?: .*)?)$")


def commands(page: str) -> tuple[list[str], list[str]]:
    """What follows hex-exporter in a page: on lines of blocks, and in code quotes within sentences."""
    text = text_of(page).replace("\\\n", " ")
    shell = re.findall(r"(?ms)^ *```(?:sh|bash|shell|console)?\n(.*?)^ *```", text)
    lines = [line.strip() for block in shell for line in block.splitlines()]
    prose = re.sub(r"(?ms)^ *```.*?^ *```", "", text)
    quoted = [" ".join(code.split()) for code in re.findall(r"`([^`]*hex-exporter [^`]*)`", prose)]

    def shown(lines: list[str]) -> list[str]:
        return list(dict.fromkeys(found[1].strip() for line in lines if (found := _COMMAND.match(line))))

    return shown(lines), shown(quoted)


def arguments(line: str) -> list[str]:
    """The words up to where the shell ends the command; optional parts in brackets are taken too."""
    line = line.replace("<kind>", "'idle paid seat'")
    words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
    kept: list[str] = []
    for word in words:
        if _ENDS.match(word):
            break
        kept.append(word)
    return kept


SHOWN = [
    pytest.param(line, is_quoted, id=f"{page}: {line}"[:90])
    for page in PAGES
    for is_quoted, lines in enumerate(commands(page))
    for line in lines
]


def test_there_are_commands_to_try() -> None:
    assert len(SHOWN) > 40


@pytest.mark.parametrize(("line", "is_quoted"), SHOWN)
def test_a_command_is_taken_as_it_stands(
    line: str, is_quoted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = arguments(line)
    for word in words:
        # A file that the reader has: it need not be here for its name to be right.
        if re.fullmatch(r"[\w./-]+\.(ya?ml|csv|pem|crt|txt)", word) and not word.startswith("/"):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()
    # A sentence may name a command without what it needs; a block to be pasted may not. --version ends by Exit.
    with suppress(click.exceptions.Exit, *([click.MissingParameter] if is_quoted else [])):
        parse(words)


def parse(words: list[str]) -> None:
    """Make the contexts of a command and its groups and enter none: everything is read, nothing runs."""
    context = main.make_context("hex-exporter", list(words))
    group: click.Command = main
    while isinstance(group, click.Group) and (rest := [*context._protected_args, *context.args]):
        name, found, rest = group.resolve_command(context, rest)
        assert found is not None
        context = found.make_context(name or "", rest, parent=context)
        group = found


PLACES = (
    "{}",
    "gateway: {{listen_address: '127.0.0.1:9892', {}}}",
    "gateway: {{listen_address: '0.0.0.0:9892', web_config_file: w.yml, {}}}",
    "gateway: {{policies: [{{match: {{title: '*'}}, {}}}], listen_address: '127.0.0.1:9892'}}",
    "gateway: {{policies: [{{match: {{title: '*'}}, max_age: 1h, {}}}], listen_address: '127.0.0.1:9892'}}",
    "sources: [{{match: {{title: '*'}}, file: {{paths: [a]}}, {}}}]",
    "sources: [{{match: {{title: '*'}}, sql: {{url_env: A, query: select 1, {}}}}}]",
    "workspaces: [{{name: w, {}}}]",
    "gateway: {{listen_address: ':9892', {}}}",
    "gateway: {{web_config_file: w.yml, {}}}",
    "labels: {{hash_key_file: key, {}}}",
    "budgets: [{{name: b, limit: 5, {}}}]",
    "budgets: [{{name: b, limit: 5, unit: usd, {}}}]",
    "gateway: {{listen_address: '127.0.0.1:9892'}}\n"
    "sources: [{{match: {{title: '*'}}, file: {{paths: [a]}}}}]\n"
    "triggers: [{{match: {{title: '*'}}, token_env: A, {}}}]",
)
"""Where a setting that a sentence names may stand."""

QUOTED = [
    pytest.param(setting, id=f"{page}: {setting}")
    for page in PAGES
    if page.startswith("docs/") and page != "docs/configuration.md"  # its own are tried by tests/config
    for setting in dict.fromkeys(
        re.findall(r"(?<!`)`([a-z_]+(?:\.[a-z_]+)*: [^`\n]+)`(?!`)", re.sub(r"(?ms)^ *```.*?^ *```", "", text_of(page)))
    )
]


@pytest.mark.parametrize("setting", QUOTED)
def test_a_setting_in_a_sentence_is_taken(setting: str) -> None:
    keys, _, value = setting.partition(": ")
    *above, last = keys.split(".")
    alone = nested = f"{last}: {value}"
    for key in reversed(above):
        nested = f"{key}: {{{nested}}}"

    def is_taken(text: str) -> bool:
        try:
            load_config(text, source="hex.yml", environ={"A": "x"}, state_dir=Path("/state"))
        except ConfigError:
            return False
        return True

    assert any(is_taken(place.format(block)) for place in PLACES for block in (nested, alone))
