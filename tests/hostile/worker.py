"""Open mutants of a bundle one after the other, and say what came of each: a line before, and a line after it.

python worker.py BUNDLE DIRECTORY BACKEND NAMES FIRST LAST
"""

from __future__ import annotations

import sys
from pathlib import Path

from mutations import write_mutant

from slu.errors import SluError

TEXT = "打开 abc 100ml"


def main() -> None:
    bundle, directory, backend, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], tuple(sys.argv[4].split(","))
    from slu.runtime.inspection import inspect_model
    from slu.runtime.loading import load

    out = sys.stdout
    load(bundle, backend).parse(TEXT)  # so that importing libraries is no part of the time of a mutant
    for seed in range(int(sys.argv[5]), int(sys.argv[6])):
        write_mutant(bundle, directory, names, seed)
        print(seed, "begins", file=out, flush=True)
        said = "opened"
        try:
            load(directory, backend).parse(TEXT)
        except SluError as error:
            said = "refused" if "\n" not in str(error) else f"two lines: {error!r}"
        except Exception as error:  # whatever it is: it is counted as a traceback
            said = f"traceback {type(error).__name__}: {error}".replace("\n", " ")[:300]
        try:
            if seed % 5 == 0:
                inspect_model(directory)
        except SluError:
            pass
        except Exception as error:
            said = f"traceback of inspect {type(error).__name__}: {error}".replace("\n", " ")[:300]
        print(seed, said, file=out, flush=True)


if __name__ == "__main__":
    main()
