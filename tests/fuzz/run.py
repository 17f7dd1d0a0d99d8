"""Give one target bytes that reach new branches of it, until none comes for ten minutes: needs `pip install atheris`.

The minutes are the processor's, so that a busy machine does not make them shorter.

python -m tests.fuzz.run records CORPUS_FOLDER      # a finding ends it with a traceback and the bytes; make it a test
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atheris

with atheris.instrument_imports(include=["curate"]):
    from tests.fuzz import seeds
    from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from types import FrameType

QUIET_SECONDS = 600


def main() -> None:
    """Fuzz until no file has joined the corpus for ten minutes; libFuzzer adds one for every new branch."""
    name, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    seeds.write(name, corpus)
    files, since = 0, time.process_time()

    def look(number: int, frame: FrameType | None) -> None:
        nonlocal files, since
        del number, frame
        now, found = time.process_time(), sum("-unit-" not in path.name for path in corpus.iterdir())  # slow ones
        if found != files:
            files, since = found, now
        if now - since >= QUIET_SECONDS:
            sys.stderr.write(f"{name}: no new branch for {now - since:.0f} s after {now:.0f} s\n")
            sys.stderr.flush()
            signal.raise_signal(signal.SIGTERM)
        signal.alarm(5)

    signal.signal(signal.SIGALRM, look)
    signal.alarm(5)
    target: Any = TARGETS[name]
    options = [
        "-max_len=4096",
        "-use_counters=0",
        "-reduce_inputs=0",
        f"-dict={Path(__file__).with_name('words.dict')}",
        f"-artifact_prefix={corpus}/",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
