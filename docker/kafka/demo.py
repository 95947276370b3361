"""The demo on a real Kafka of its own: a broker, a decider and a projector for as long as it plays.

    python docker/kafka/demo.py [options of `leadflow demo`]

The broker's data are removed at the end, however that comes: the demo is over, Ctrl-C, SIGTERM or an error.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kafka_jars import CannotStart
from local_kafka import LocalKafka


def main(arguments: Sequence[str]) -> int:
    """Start a broker, play the demo on it, and stop it; gives the demo's exit code."""
    directory = Path(tempfile.mkdtemp(prefix="leadflow-demo-kafka-"))
    try:
        with LocalKafka(directory) as kafka:
            return _play(kafka.address, arguments)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _play(address: str, arguments: Sequence[str]) -> int:
    demo = subprocess.Popen(
        [sys.executable, "-m", "leadflow.cli", "demo", *arguments],
        env=os.environ | {"LEADFLOW_KAFKA": address},
    )
    # Ctrl-C reaches the demo as well, which ends what it has begun; SIGTERM is passed on to it.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: demo.terminate())
    try:
        return demo.wait()
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
