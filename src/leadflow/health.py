"""`python -m leadflow.health`: asks the process on `LEADFLOW_METRICS_PORT` whether it is ready.

For health checks of containers, which run every few seconds: it imports the standard library alone and is
done in a tenth of a second. Exit codes: 0 ready, 1 not ready (the answer says why), 3 nobody answers.
"""

from __future__ import annotations

import http.client
import os
import sys

WAIT_S = 5.0


def main() -> int:
    """Ask, and print the answer."""
    port = os.environ.get("LEADFLOW_METRICS_PORT", "")
    if not port.isdecimal():
        print("LEADFLOW_METRICS_PORT is not set to the port of the process", file=sys.stderr)
        return 2
    host = os.environ.get("LEADFLOW_METRICS_HOST", "127.0.0.1")
    # Who listens everywhere is asked at home.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    link = http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    try:
        link.request("GET", "/readyz")
        answer = link.getresponse()
        print(answer.read().decode("utf-8", "replace").strip())
    except (OSError, http.client.HTTPException) as problem:
        print(f"nobody answers at {host}:{port}: {problem}", file=sys.stderr)
        return 3
    finally:
        link.close()
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
