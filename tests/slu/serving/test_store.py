"""The directory of a server's files: room for what is mapped, servers that were killed, files that vanish."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slu.errors import ConfigError
from slu.serving import metrics, snapshots
from slu.serving.sessions import Sessions
from slu.serving.store import own_directory, reserve

WAITS = """
import sys
from pathlib import Path
from slu.serving.store import own_directory
with own_directory(Path(sys.argv[1])) as store:
    (store / "copy").write_bytes(b"large")
    print(store, flush=True)
    sys.stdin.read()
"""


def has_room(path: Path) -> bool:
    found = path.stat()
    return found.st_blocks * 512 >= found.st_size > 0


def test_mapped_files_have_their_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that writes to a mapped file is killed where the disk is full: so their place is taken before."""
    Sessions(tmp_path / "sessions").remember("m", "s", "music.play")
    again = Sessions(tmp_path / "sessions")  # as another worker has it
    assert again.previous("m", "s", ("call", "music.play")) == "music.play" and has_room(tmp_path / "sessions")
    from prometheus_client import values

    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv(metrics.VARIABLE, "replaced")
    metrics.prepare(tmp_path / "metrics")
    for _ in range(3):  # a worker and those that take its place: the same files, and the numbers go on
        metrics.begin_worker(1)
        counted = metrics.Metrics()
        counted.count("/v1/parse", 200, 0.1)
        said = counted.text()
        metrics.forget(1)
    assert b'slu_requests_total{endpoint="/v1/parse",status="200"} 3.0' in said
    files = sorted((tmp_path / "metrics").iterdir())
    assert [file.name for file in files] == ["counter_1.db", "histogram_1.db"] and all(map(has_room, files))


def test_a_disk_without_room(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sessions: no room for \d+ bytes .*; make room, or give another --run-dir"):
        reserve(tmp_path / "sessions", 1 << 60)
    with pytest.raises(ConfigError, match="no directory can be made there"), own_directory(tmp_path / "none"):
        pass


def test_what_a_killed_server_left_is_removed(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WAITS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    killed, alive = (Path(process.stdout.readline().strip()) for process in started if process.stdout)
    (tmp_path / "slu-serve-of-others").mkdir()
    (tmp_path / "slu-serve-link").symlink_to(alive)
    started[0].send_signal(signal.SIGKILL)
    started[0].wait(30)
    with own_directory(tmp_path) as store:
        assert not killed.exists() and (alive / "copy").exists()
        left = {"slu-serve-of-others", "slu-serve-link", alive.name}
        assert {path.name for path in tmp_path.iterdir()} == left | {store.name}
    started[1].communicate("")
    assert {path.name for path in tmp_path.iterdir()} == left - {alive.name}


def test_a_copy_that_is_removed_is_never_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may die while it removes one, and another may need the same version again."""
    old, new = tmp_path / "0123456789ab", tmp_path / "ba9876543210"
    for version in (old, new):
        version.mkdir()

    def dies(path: Path, ignore_errors: bool = False) -> None:
        if path.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(snapshots.shutil, "rmtree", dies)
    with pytest.raises(KeyboardInterrupt):
        snapshots.remove_others(tmp_path, {new.name})
    assert not old.exists() and new.exists()
    monkeypatch.undo()
    old.mkdir()
    snapshots.remove_others(tmp_path, {new.name})
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, "copies.lock"]
