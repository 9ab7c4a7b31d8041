"""Several processes on the same training, started by Paddle's launcher. Two of them on the processors of this machine:

    python -m paddle.distributed.launch --nproc_per_node 2 --log_dir runs/log \\
        .venv/bin/slu train --config configs/demo.toml --out runs/two --set training.shards=2

The launcher wants a script, not ``-m slu.cli``. ``training.shards`` must be a multiple of the number of processes;
the result depends on the number of shards and, apart from rounding, not on the number of processes. Only process 0
writes the result and shows the progress; the output of process N is in ``runs/log/workerlog.N``.
"""

from __future__ import annotations

import os


def world() -> int:
    """The number of processes; 1 without Paddle's launcher."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def rank() -> int:
    """The number of this process, from 0. Process 0 writes the results."""
    return int(os.environ.get("PADDLE_TRAINER_ID", "0"))


def start() -> None:
    """Connect the processes (by gloo, as there is no accelerator). Does nothing for a single process."""
    if world() > 1:
        import paddle

        os.environ.setdefault("PADDLE_DISTRI_BACKEND", "gloo")
        if not paddle.distributed.is_initialized():
            paddle.distributed.init_parallel_env()


def barrier() -> None:
    """Wait for all processes."""
    if world() > 1:
        import paddle

        paddle.distributed.barrier()
