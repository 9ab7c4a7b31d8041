"""Makes confident.json: what cleanlab, the reference implementation, says of probabilities that are drawn here.

cleanlab is not among the project's packages (its first version under the Apache licence is younger than the lock file's
date): install it in an environment of its own, `pip install cleanlab==2.9.0`, and run this there.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def drawn(seed: int, texts: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, a third of them wrong, and probabilities rounded to what JSON keeps."""
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, texts)
    logits = random.normal(0, 1, (texts, classes))
    logits[np.arange(texts), true] += 2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.where(random.random(texts) < 1 / 3, random.integers(0, classes, texts), true)
    return labels, shares.round(6)


def main() -> None:
    import cleanlab
    from cleanlab.count import get_confident_thresholds
    from cleanlab.filter import find_label_issues

    cases = []
    for seed, texts, classes in ((0, 60, 2), (1, 120, 5), (2, 200, 9)):
        labels, shares = drawn(seed, texts, classes)
        issues = find_label_issues(labels, shares, filter_by="confident_learning", n_jobs=1)
        cases.append(
            {
                "labels": labels.tolist(),
                "shares": shares.tolist(),
                "thresholds": get_confident_thresholds(labels, shares).round(6).tolist(),
                "wrong": np.flatnonzero(issues).tolist(),
            }
        )
    found = {"made_with": f"cleanlab {cleanlab.__version__}", "cases": cases}
    Path(__file__).with_name("confident.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
