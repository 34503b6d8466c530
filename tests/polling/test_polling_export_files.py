"""Files of Hex's git export: the same facts as by requests, and none is sent for them."""

import asyncio
import os

import httpx
import msgspec
import pytest
import yaml
from helpers.following import NOW, stamp

from exporter.config import Collect, Exports
from exporter.polling.export_paths import matching_files

HOUR = 3600
ORDERS = "0b1c7b0e-0000-4000-8000-000000000001"
FILES_ONLY = Collect(exports=False)


def write(folder, name, project_id, profile="large", at=NOW - 60, **top):
    file = folder / name
    document = {"meta": {"projectId": project_id, "kernelSize": profile}, "cells": []} | top
    file.write_text(yaml.safe_dump(document))
    os.utime(file, (at, at))
    return file


@pytest.fixture
def follow_files(follow, hand_made, tmp_path):
    """A follower of the files of one folder, which sends no request for exports."""

    def make(collect=FILES_ONLY):
        following = follow(hand_made.transport, collect=collect, per_hour=40)
        paths = (str(tmp_path / "**" / "*.hex.yaml"),)
        following.config = msgspec.structs.replace(following.config, exports=Exports(paths=paths))
        following.restart()
        return following

    return make


def profiles(following, project_id):
    return {version: one.facts.profile for version, one in following.known.versions.of(project_id).items()}


@pytest.mark.slow
def test_a_file_gives_the_profile_of_the_version_that_runs_and_costs_no_request(follow_files, hand_made, tmp_path):
    hand_made.add_project(ORDERS)
    hand_made.add_run(ORDERS, "o-1", NOW - HOUR, end=NOW - HOUR + 60, elapsedTime=60_000, projectVersion="7")
    write(tmp_path, "orders.hex.yaml", ORDERS)
    following = follow_files()

    asyncio.run(following.run_for(HOUR))

    assert profiles(following, ORDERS) == {"latest": "large", "7": "large"}
    assert hand_made.requested("projects/export") == 0


@pytest.mark.slow
def test_with_the_lane_on_a_file_spares_the_request(follow_files, hand_made, tmp_path):
    hand_made.add_project(ORDERS)
    write(tmp_path, "orders.hex.yaml", ORDERS)
    following = follow_files(Collect(exports=True))

    asyncio.run(following.run_for(2 * HOUR))

    assert profiles(following, ORDERS) == {"latest": "large"}
    assert hand_made.requested("projects/export") == 0


@pytest.mark.slow
def test_a_file_from_before_the_last_publication_is_not_taken_for_it(follow_files, hand_made, tmp_path):
    hand_made.add_project(ORDERS, lastPublishedAt=stamp(NOW - HOUR))
    hand_made.add_run(ORDERS, "o-1", NOW, end=NOW + 60, elapsedTime=60_000, projectVersion="8")
    write(tmp_path, "orders.hex.yaml", ORDERS, at=NOW - 2 * HOUR)
    following = follow_files()

    asyncio.run(following.run_for(HOUR))
    assert profiles(following, ORDERS) == {"latest": "large"}  # of some version before: "8" is not it

    write(tmp_path, "orders.hex.yaml", ORDERS, "small", at=NOW + HOUR)
    hand_made.add_run(ORDERS, "o-2", NOW + 1.5 * HOUR, end=NOW + 1.5 * HOUR + 60, elapsedTime=1, projectVersion="8")
    asyncio.run(following.run_for(6 * HOUR))
    assert profiles(following, ORDERS)["latest"] == "small"


@pytest.mark.slow
def test_bad_files_and_those_of_others_stop_nothing(follow_files, hand_made, tmp_path, capsys):
    hand_made.add_project(ORDERS)
    bad = {
        "list.hex.yaml": b"- a",
        "binary.hex.yaml": b"\xff\xfe\x00",
        "deep.hex.yaml": b"a: " + b"[" * 500,
        "nobody.hex.yaml": b"meta: {kernelSize: large}",
        "large.hex.yaml": b"a: '" + b"x" * (9 * 1024 * 1024) + b"'",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.hex.yaml")
    (tmp_path / "folder.hex.yaml").mkdir()
    (tmp_path / "dangling.hex.yaml").symlink_to(tmp_path / "nowhere")
    write(tmp_path, "other.hex.yaml", "of-another-workspace")
    write(tmp_path / "folder.hex.yaml", "orders.hex.yaml", ORDERS)
    following = follow_files()

    asyncio.run(following.run_for(2 * HOUR))

    assert profiles(following, ORDERS)["latest"] == "large"
    assert following.counted("hex_exporter_bad_items_total") == {("export",): len(bad)}
    assert capsys.readouterr().out.count("An exported project cannot be read") == len(bad)


@pytest.mark.slow
def test_a_file_is_taken_once_its_project_is_listed(follow_files, hand_made, tmp_path):
    hand_made.add_project("first")
    write(tmp_path, "orders.hex.yaml", ORDERS)
    following = follow_files()
    asyncio.run(following.run_for(HOUR))
    assert not following.known.versions.of(ORDERS)

    hand_made.add_project(ORDERS)
    asyncio.run(following.run_for(2 * HOUR))

    assert profiles(following, ORDERS) == {"latest": "large"}


@pytest.mark.slow
def test_of_what_the_gateway_runs_hex_confirms_what_a_file_says(follow_files, hand_made, tmp_path):
    hand_made.add_project(ORDERS)
    content = yaml.safe_dump({"meta": {"projectId": ORDERS, "kernelSize": "4xl"}, "cells": []})
    hand_made.answers["projects/export"] = lambda _: httpx.Response(200, json={"content": content})
    write(tmp_path, "orders.hex.yaml", ORDERS)
    following = follow_files(Collect(exports=True))
    asyncio.run(following.run_for(HOUR))
    assert following.known.versions.of(ORDERS)["latest"].facts.is_from_file

    for _ in range(2):
        following.poller.expect_run(ORDERS)
        asyncio.run(following.run_for(HOUR))

    assert profiles(following, ORDERS) == {"latest": "4xl"}
    assert hand_made.requested("projects/export") == 1


@pytest.mark.slow
def test_a_file_that_is_written_again_replaces_what_it_said_of_the_same_publication(follow_files, hand_made, tmp_path):
    hand_made.add_project(ORDERS)
    write(tmp_path, "orders.hex.yaml", ORDERS, cells=None)  # as far as it was written
    following = follow_files()
    asyncio.run(following.run_for(HOUR))
    write(tmp_path, "orders.hex.yaml", ORDERS, "small", at=NOW + HOUR)
    hand_made.add_run(ORDERS, "o-1", NOW + HOUR, end=NOW + HOUR + 60, elapsedTime=60_000, projectVersion="7")

    asyncio.run(following.run_for(3 * HOUR))

    assert profiles(following, ORDERS) == {"latest": "small", "7": "small"}


@pytest.mark.slow
def test_a_file_is_read_once_it_rests(follow_files, hand_made, tmp_path):
    hand_made.add_project(ORDERS)
    write(tmp_path, "orders.hex.yaml", ORDERS, at=NOW)  # something may still be writing it
    following = follow_files()

    asyncio.run(following.run_for(4))
    assert not following.known.versions.of(ORDERS)

    asyncio.run(following.run_for(300))
    assert following.known.versions.of(ORDERS)


@pytest.mark.slow
def test_of_two_files_of_one_project_that_differ_no_cells_are_known(follow_files, hand_made, tmp_path, capsys):
    hand_made.add_project(ORDERS)
    write(tmp_path, "orders.hex.yaml", ORDERS, "small", at=NOW - 60)
    other = write(tmp_path, "copy.hex.yaml", ORDERS, "large", at=NOW - 30)
    write(tmp_path, "same.hex.yaml", ORDERS, "large", at=NOW - 90)
    following = follow_files()

    asyncio.run(following.run_for(HOUR))

    facts = following.known.versions.of(ORDERS)["latest"].facts
    assert (facts.profile, facts.cells) == ("large", None)
    assert following.counted("hex_exporter_bad_items_total") == {("export",): 1}
    assert capsys.readouterr().out.count("more than one file") == 1

    other.unlink()
    (tmp_path / "same.hex.yaml").unlink()
    asyncio.run(following.run_for(HOUR))

    facts = following.known.versions.of(ORDERS)["latest"].facts
    assert (facts.profile, facts.cells) == ("small", ())


def test_folders_that_lead_back_to_themselves_are_walked_once(tmp_path):
    for name in ("a", "b", "a/c"):
        (tmp_path / name).mkdir()
        for link in ("one", "two"):
            (tmp_path / name / link).symlink_to(tmp_path)
    (tmp_path / "a" / "itself").symlink_to(tmp_path / "a" / "itself")
    write(tmp_path / "a" / "c", "orders.hex.yaml", ORDERS)
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".git", "hidden.hex.yaml", ORDERS)
    current = tmp_path.parent / "current"  # as git-sync has it
    current.symlink_to(tmp_path)

    for pattern in ("**/*.hex.yaml", "**", "a/**/*.yaml", "*/c/*.yaml", "**/c/**/*.hex.yaml"):
        found = list(matching_files([str(current / pattern)]))
        assert [os.path.basename(one) for one in found if one.endswith(".yaml")] == ["orders.hex.yaml"], pattern
