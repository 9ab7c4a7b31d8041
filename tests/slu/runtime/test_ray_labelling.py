"""Soft labels by a Ray cluster: the files of one process, also when a machine goes in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from slu.cli import main
from slu.corpus.utterance import Utterance
from slu.errors import SluError
from slu.runtime.labelling import label
from slu.runtime.ray_labelling import RayCluster
from slu.runtime.soft_labels import shard_name


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def workers_of(raylet: int) -> list[int]:
    """Processes of a machine of the cluster that compute shards."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_bytes().rsplit(b")", 1)[1].split()[1])
            if parent == raylet and (path / "cmdline").read_bytes().startswith(b"ray::_shard"):
                found.append(int(path.name))
        except (OSError, IndexError):
            continue
    return found


@pytest.mark.slow
def test_two_machines_whose_workers_are_killed(
    _whole_checkpoint: Path, sample: list[Utterance], tmp_path: Path
) -> None:
    from ray.cluster_utils import Cluster

    file = tmp_path / "texts.txt"
    file.write_text("\n".join(utterance.text for utterance in sample[:1200]), encoding="utf-8")
    label(_whole_checkpoint, file, tmp_path / "one", lines=30)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()]
        killed: list[int] = []

        def kill() -> None:
            """Each machine's worker once, while it computes."""
            until = time.monotonic() + 200
            while raylets and time.monotonic() < until:
                if (tmp_path / "two" / shard_name(2)).exists():
                    for pid in workers_of(raylets[0]):
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)
                    raylets[:1] = [] if killed else raylets[:1]
                time.sleep(0.01)

        killing = threading.Thread(target=kill)
        killing.start()
        done = label(_whole_checkpoint, file, tmp_path / "two", lines=30, cluster=RayCluster(cluster.address))
        raylets.clear()
        killing.join()
        assert killed
        assert done["shards"] == 40 and files_of(tmp_path / "two") == files_of(tmp_path / "one")

        bad = tmp_path / "bad.txt"
        bad.write_bytes(b"a\n\xff\n")
        with pytest.raises(SluError, match="not UTF-8"):
            label(_whole_checkpoint, bad, tmp_path / "three", cluster=RayCluster(cluster.address))
    finally:
        cluster.shutdown()


@pytest.mark.slow
def test_no_cluster_is_one_line(_whole_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("取消\n", encoding="utf-8")
    command = ["label", str(_whole_checkpoint), str(file), "--out", str(tmp_path / "out")]
    assert main([*command, "--ray", "auto"]) == 2
    assert "no cluster there" in capsys.readouterr().err
