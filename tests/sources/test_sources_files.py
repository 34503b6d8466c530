"""Probes of files."""

import os
import threading
import time
from hashlib import sha256

import pytest
from probing import refusal, state

from exporter.config import FileSource
from exporter.sources.file_probe import FileProbe

LONG_AGO = time.time() - 3600


def probe_of(*paths, deadline=20.0):
    return FileProbe(FileSource(paths=tuple(map(str, paths))), deadline)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.csv", "b.csv", "c.txt"):
        write(folder / name, name)
    return folder


def write(path, text, *, at=LONG_AGO):
    path.write_text(text)
    os.utime(path, (at, at))


def test_the_content_is_the_state_and_a_new_time_on_it_is_not(data):
    probe = probe_of(data / "*.csv")
    first = state(probe)

    write(data / "a.csv", "a.csv", at=LONG_AGO + 60)
    write(data / "c.txt", "not probed")
    assert state(probe) == first
    assert state(probe_of(data / "*.csv")) == first

    write(data / "a.csv", "A.csv")
    assert state(probe) != first


def test_the_same_content_written_again_has_another_stamp(data):
    probe = probe_of(data / "*.csv")
    first, stamp = state(probe), probe.stamp
    assert (state(probe), probe.stamp) == (first, stamp)
    assert stamp is not None

    write(data / "a.csv", "a.csv", at=LONG_AGO + 60)
    assert state(probe) == first
    assert probe.stamp != stamp


@pytest.mark.parametrize("change", ["add", "remove", "rename", "swap"])
def test_which_files_there_are_belongs_to_the_state(data, change):
    probe = probe_of(data / "*.csv")
    first = state(probe)

    match change:
        case "add":
            write(data / "d.csv", "")
        case "remove":
            (data / "b.csv").unlink()
        case "rename":
            (data / "b.csv").rename(data / "d.csv")
        case "swap":
            write(data / "a.csv", "b.csv")
            write(data / "b.csv", "a.csv")

    assert state(probe) != first


def test_patterns_reach_into_folders_and_name_a_file_once(data):
    (data / "deep" / "er").mkdir(parents=True)
    write(data / "deep" / "er" / "d.csv", "d")

    everything = state(probe_of(data / "**" / "*.csv"))

    assert everything == state(probe_of(data / "deep" / "*" / "*.csv", data / "**/*.csv", data / "a.csv"))
    assert everything != state(probe_of(data / "*.csv"))


def test_a_path_that_looks_like_a_pattern_stands_for_itself_if_it_is_there(data):
    write(data / "[a].csv", "x")

    alone = state(probe_of(data / "[a].csv"))
    (data / "[a].csv").unlink()

    assert state(probe_of(data / "[a].csv")) != alone
    assert state(probe_of(data / "[a].csv")) == state(probe_of(data / "a.csv"))


def test_a_missing_file_is_a_failure_and_so_is_a_pattern_that_fits_none(data):
    assert "No such file or directory" in refusal(probe_of(data / "a.csv", data / "z.csv"))
    assert refusal(probe_of(data / "*.csv", data / "*.parquet")) == f"no file matches {data / '*.parquet'}"
    assert refusal(probe_of(data / "nowhere" / "*.csv")).startswith("no file matches")


def test_a_file_that_vanishes_and_comes_back_has_its_state_again(data):
    probe = probe_of(data / "a.csv")
    first = state(probe)

    (data / "a.csv").unlink()
    assert refusal(probe).startswith("FileNotFoundError")
    write(data / "a.csv", "a.csv")

    assert state(probe) == first


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(data):
    os.mkfifo(data / "pipe")

    assert refusal(probe_of(data / "pipe")).endswith("pipe is not a regular file")
    assert refusal(probe_of("/dev/zero")) == "/dev/zero is not a regular file"
    assert refusal(probe_of(data)).endswith("data is not a regular file")


def test_a_settled_file_is_read_once_and_again_when_a_time_moves(data, monkeypatch):
    path, reads = data / "a.csv", []

    def counted(*started):
        reads.append(started)
        return sha256(*started)

    monkeypatch.setattr("exporter.sources.file_probe._SETTLED_NS", -1)
    monkeypatch.setattr("exporter.sources.file_probe.sha256", counted)
    probe = probe_of(path)
    first = state(probe)
    assert state(probe) == first
    assert len(reads) == 1

    # The same length and time of modification: only the time at which the inode changed shows it.
    identity = path.stat()
    path.write_text("A.csv")
    os.utime(path, ns=(identity.st_atime_ns, identity.st_mtime_ns))

    assert path.stat().st_mtime_ns == identity.st_mtime_ns
    assert state(probe) != first
    assert len(reads) == 2


def test_a_file_that_was_just_written_is_read_each_time(data):
    """A clock of the file system ticks: two changes within a tick have one time."""
    path = data / "a.csv"
    path.write_text("now")
    probe = probe_of(path)
    first = state(probe)
    assert probe._known == {}

    write(path, "old")
    assert state(probe) != first


def test_a_change_while_a_file_is_read_is_a_failure(data, monkeypatch):
    path = data / "a.csv"
    probe = probe_of(path)
    content = probe._content

    def meanwhile(name, is_stopped):
        def look():
            with path.open("a") as file:
                file.write("more")
            return is_stopped()

        return content(name, look)

    monkeypatch.setattr(probe, "_content", meanwhile)

    assert refusal(probe) == f"{path} changed while it was read"


def test_too_many_files_are_refused(data):
    for number in range(11):
        (data / f"{number:05}.many").touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.sources.file_probe.MOST_FILES", 10)
        assert refusal(probe_of(data / "*.many")) == "more than 10 files, expected fewer: make the pattern narrower"


def test_past_the_deadline_the_thread_stops_at_the_next_piece(data, monkeypatch):
    probe = probe_of(data / "a.csv", deadline=0.1)
    seen = threading.Event()

    def stuck(path, is_stopped):
        while not is_stopped():
            time.sleep(0.01)
        seen.set()
        raise OSError("too late")

    monkeypatch.setattr(probe, "_content", stuck)

    assert refusal(probe) == "not all read within 0.1 s"
    assert seen.wait(20)


def test_an_unreadable_file_is_a_failure(data, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "a.csv")

    monkeypatch.setattr("exporter.sources.file_probe.os.open", refuse)

    assert "Permission denied" in refusal(probe_of(data / "a.csv"))
