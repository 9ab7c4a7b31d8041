"""The published table for this task, with which reports and the benchmark compare."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A row of the published table: seed accuracy in percent, latency end to end, memory as Pss, size of the files."""

    name: str
    seed_accuracy: float
    latency_ms: float
    pss_mb: float
    size_mb: float


PUBLISHED = (
    Published("original FP32", 82.34, 9.90, 115.72, 69.0),
    Published("original FP16", 82.34, 6.03, 106.24, 69.0),
    Published("vocabulary and width FP32", 82.11, 7.55, 59.49, 64.0),
    Published("vocabulary and width FP16", 82.11, 4.68, 52.23, 64.0),
    Published("INT8 matmul", 82.21, 4.57, 49.17, 11.0),
    Published("INT8 matmul and embeddings", 82.21, 4.64, 43.77, 5.4),
)
"""ERNIE 3.0 Tiny nano v2 on NLPCC 2018 Task 4 as its authors published it: one Kirin 985 thread, batch 1, length 16."""
