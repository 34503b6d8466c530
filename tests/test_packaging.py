"""What a release promises: a complete wheel, hashed locks that name no address, pinned Actions, a changelog."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["requirements.txt", "requirements-build.txt", "requirements-test.txt"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources so that nothing is left in the tree."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("exporter", "alerts", "dashboards"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))

    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(place), str(source)], check=True, timeout=100)
    [built] = place.glob("*.whl")
    return built


class TestWheel:
    @pytest.mark.slow
    def test_holds_every_file_of_the_package(self, wheel: Path) -> None:
        tracked = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "exporter").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

        packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("exporter/")}

        assert {name for name in packed if not name.startswith("exporter/bundle/files/")} == tracked
        assert "exporter/py.typed" in packed

    def test_holds_what_the_bundle_is_written_from(self, wheel: Path) -> None:
        wanted = {*ROOT.glob("alerts/*.yml"), *ROOT.glob("alerts/rules/*.yml"), *ROOT.glob("alerts/templates/*.tmpl")}
        wanted |= {*ROOT.glob("dashboards/*.json")}

        with zipfile.ZipFile(wheel) as archive:
            packed = {
                name.removeprefix("exporter/bundle/files/"): archive.read(name)
                for name in archive.namelist()
                if name.startswith("exporter/bundle/files/")
            }

        assert packed == {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in wanted}

    def test_brings_nothing_but_the_package_and_its_metadata(self, wheel: Path) -> None:
        folders = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

        assert folders == {"exporter", wheel.name.rpartition("-py3")[0] + ".dist-info"}

    def test_carries_its_license(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            described = archive.read(next(n for n in archive.namelist() if n.endswith("/METADATA"))).decode()

        assert "License-Expression: Apache-2.0" in described
        assert "License-File: LICENSE" in described
        assert "Requires-Python: >=3.11" in described

    def test_links_and_pictures_of_its_readme_are_absolute(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            described = archive.read(next(n for n in archive.namelist() if n.endswith("/METADATA"))).decode()
        targets = re.findall(r"\]\(([^)\s]+)|(?:src|srcset|href)=\"([^\"\s]+)", described)
        written = re.findall(r"!\[[^\]]*\]\((docs/images/[^)]+)\)", (ROOT / "README.md").read_text())
        source = PROJECT["project"]["urls"]["Source"]

        assert f"Project-URL: Source, {source}" in described
        assert {"Source", "Documentation", "Changelog", "Issues"} <= PROJECT["project"]["urls"].keys()
        assert targets
        assert all(re.match(r"https?://|#", link or tag) for link, tag in targets)
        version = wheel.name.split("-")[1]
        assert all(f"({source}/raw/v{version}/{picture})" in described for picture in written)

    @pytest.mark.integration
    def test_comes_from_the_sdist_where_there_is_no_git(self, wheel: Path, tmp_path: Path) -> None:
        """What is in the sdist is enough for the same wheel."""
        build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
        subprocess.run([*build, "--target", "sdist"], cwd=ROOT, check=True, capture_output=True, timeout=100)
        [sdist] = tmp_path.glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path, filter="data")
        [unpacked] = (path for path in tmp_path.iterdir() if path.is_dir())
        without_git = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
        subprocess.run(
            [*build, "--target", "wheel"], cwd=unpacked, env=without_git, check=True, capture_output=True, timeout=100
        )
        [built] = tmp_path.glob("*.whl")

        with zipfile.ZipFile(built) as ours, zipfile.ZipFile(wheel) as theirs:
            assert {name: ours.read(name) for name in ours.namelist() if "/RECORD" not in name} == {
                name: theirs.read(name) for name in theirs.namelist() if "/RECORD" not in name
            }

    @pytest.mark.integration
    def test_runs_in_a_clean_environment_without_the_sources(self, wheel: Path, tmp_path: Path) -> None:
        """Only the wheel and the libraries are in reach: what is missing from it would be missed here."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=100)
        python = tmp_path / "venv" / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*pip, str(wheel)], check=True, timeout=100)
        [packages] = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
        # A path added by a .pth file has no .pth files read: the editable install stays out of sight.
        (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

        where = "import exporter; print(exporter.__file__)"
        imported = _output(tmp_path, clean, python, "-c", where)
        version = _output(tmp_path, clean, tmp_path / "venv" / "bin" / "hex-exporter", "--version")

        assert imported.startswith(str(packages))
        assert wheel.name.split("-")[1] in version


class TestLocks:
    @pytest.mark.parametrize("name", LOCKS)
    def test_every_requirement_is_pinned_and_hashed(self, name: str) -> None:
        entries = re.split(r"\n(?=\S)", _lock_text(name).strip())

        assert entries
        for entry in entries:
            assert re.match(r"^[\w.-]+==[\w.!+-]+( ; .+?)? \\\n", entry), entry
            assert re.search(r"--hash=sha256:[0-9a-f]{64}$", entry, flags=re.MULTILINE), entry

    @pytest.mark.parametrize("name", LOCKS)
    def test_names_no_address_and_no_place_of_a_machine(self, name: str) -> None:
        text = (ROOT / name).read_text()

        assert not re.search(r"://|--(extra-)?index|--find-links|--trusted|^\s*[-\w]* ?/\w", text, flags=re.MULTILINE)

    def test_holds_all_that_the_package_needs(self) -> None:
        """`--require-hashes` then `--no-deps` leaves nothing unresolved: the lock is closed under "requires"."""
        locked = _pins("requirements.txt")

        todo = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
        for requirement in todo:
            pinned = locked[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(pinned), requirement
        assert {canonicalize_name(name) for name in _closure(todo)} <= locked.keys()

    def test_what_is_tested_is_what_is_run(self) -> None:
        tested = _pins("requirements-test.txt")

        assert _pins("requirements.txt").items() <= tested.items()
        assert _pins("requirements-build.txt").items() <= tested.items()

    def test_building_takes_only_what_is_locked(self) -> None:
        needed = [Requirement(line) for line in PROJECT["build-system"]["requires"]]

        assert {canonicalize_name(name) for name in _closure(needed)} <= _pins("requirements-build.txt").keys()


class TestWorkflows:
    FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

    @pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
    def test_every_action_is_pinned_by_commit_and_says_its_version(self, file: Path) -> None:
        """A tag can be moved to other code; dependabot keeps hash and comment in step."""
        used = re.findall(r"(?m)^\s*(?:- )?uses: (.+)$", file.read_text())

        assert used
        for action in used:
            assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action

    @pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
    def test_jobs_have_only_the_permissions_that_they_name(self, file: Path) -> None:
        workflow = yaml.safe_load(file.read_text())

        assert workflow["permissions"] == {}
        assert all(job["permissions"] and job["timeout-minutes"] for job in workflow["jobs"].values())

    @pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
    def test_scripts_that_are_run_exist(self, file: Path) -> None:
        for script in re.findall(r"(?<![\w/])(\.ci/[\w-]+)", file.read_text()):
            assert os.access(ROOT / script, os.X_OK), script

    def test_a_release_has_the_chart_of_its_version_before_everything_is_attested(self) -> None:
        steps = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["build"]["steps"]
        (chart,) = [number for number, step in enumerate(steps) if "helm package" in step.get("run", "")]
        (attest,) = [
            number for number, step in enumerate(steps) if step.get("with", {}).get("subject-path") == "dist/*"
        ]

        assert (ROOT / "charts" / "hex-exporter" / "Chart.yaml").is_file()
        assert re.search(r"--destination dist .*--version .*--app-version", steps[chart]["run"], re.DOTALL)
        assert chart < attest

    def test_the_hooks_run_what_is_locked_and_fetch_nothing(self) -> None:
        hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

        assert [repository["repo"] for repository in hooks] == ["local"]
        assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks[0]["hooks"])


class TestChangelog:
    TEXT = (ROOT / "CHANGELOG.md").read_text()
    VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "exporter" / "__init__.py").read_text())[1]  # type: ignore[index]

    def test_the_version_of_the_program_has_a_heading(self) -> None:
        assert re.search(rf"(?m)^## \[{re.escape(self.VERSION)}\] - (Unreleased|\d{{4}}-\d\d-\d\d)$", self.TEXT)

    def test_headings_are_those_of_keep_a_changelog_newest_first(self) -> None:
        versions = re.findall(r"(?m)^## (.+)$", self.TEXT)
        numbers = [tuple(map(int, re.findall(r"\d+", version.partition("]")[0]))) for version in versions]
        kinds = set(re.findall(r"(?m)^### (.+)$", self.TEXT))

        assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - (Unreleased|\d{4}-\d\d-\d\d)", one) for one in versions)
        assert numbers == sorted(set(numbers), reverse=True)
        assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

    def test_release_notes_are_the_part_of_that_version_or_say_what_to_do(self, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        (tree / ".ci").mkdir(parents=True)
        (tree / "exporter").mkdir()
        shutil.copy(ROOT / ".ci" / "release-notes", tree / ".ci")
        (tree / "exporter" / "__init__.py").write_text('__version__ = "1.2.0"\n')
        changelog = tree / "CHANGELOG.md"
        changelog.write_text("# Changelog\n\n## [1.2.0] - 2027-01-02\n\n- New.\n\n## [1.1.0] - 2026-01-02\n\n- Old.\n")

        def notes(version: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [tree / ".ci" / "release-notes", version], capture_output=True, text=True, check=False, timeout=10
            )

        assert notes("1.2.0").stdout.split() == ["-", "New."]
        other = notes("1.1.0")
        assert (other.returncode, other.stdout) == (1, "")
        assert "set __version__" in other.stderr
        changelog.write_text("## [1.2.0] - Unreleased\n")
        undated = notes("1.2.0")
        assert undated.returncode == 1
        assert 'write "## [1.2.0] - YYYY-MM-DD"' in undated.stderr


def test_no_file_names_a_package_registry() -> None:
    """Which registry or mirror a machine uses is the machine's business."""
    address = re.compile(
        r"https?://[^\s\"'<>)]*(pypi|/simple\b|npmjs|registry|/debian\b|artifact|mirror)", re.IGNORECASE
    )

    naming = [str(path) for path in _files_of_the_repository() if address.search(path.read_text(errors="replace"))]

    assert naming == []


def _files_of_the_repository() -> Iterator[Path]:
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    leave_out = shutil.ignore_patterns(".git", *ignored)
    for folder, folders, names in os.walk(ROOT):
        folders[:] = set(folders) - leave_out(folder, folders)
        yield from (Path(folder, name) for name in set(names) - leave_out(folder, names))


def _lock_text(name: str) -> str:
    lines = (ROOT / name).read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def _pins(name: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", _lock_text(name), flags=re.MULTILINE)
    return {canonicalize_name(project): version for project, version in pins}


def _closure(requirements: list[Requirement]) -> set[str]:
    todo, seen = list(requirements), set[str]()
    while todo:
        requirement = todo.pop()
        if requirement.name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(requirement.name)
        todo += [Requirement(line) for line in metadata.requires(requirement.name) or ()]
    return seen


def _output(place: Path, environment: dict[str, str], *command: str | Path) -> str:
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
