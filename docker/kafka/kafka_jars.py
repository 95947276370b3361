"""What a local Kafka is made of: Java, Maven, and the jars that pom.xml beside this file names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
POM = HERE / "pom.xml"
JAVA_MIN = 17

_HOW = """\
Kafka for development and tests needs Java {java} or newer and Maven, and {missing} is missing.
  Debian, Ubuntu:  apt-get install -y default-jre-headless maven
  Fedora:          dnf install -y java-latest-openjdk-headless maven
  macOS:           brew install openjdk maven
Or name a broker that runs already: LEADFLOW_TEST_KAFKA=host:port for tests, LEADFLOW_KAFKA for commands."""


class CannotStart(Exception):
    """The broker cannot run here; the message says what to do."""


def java_version() -> int:
    """Java's major version; 0 if there is none."""
    try:
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except FileNotFoundError:
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def _missing(*, maven: bool) -> list[str]:
    lacks = [] if java_version() >= JAVA_MIN else ["Java"]
    return lacks + (["Maven"] if maven and shutil.which("mvn") is None else [])


def install_on_debian(*packages: str) -> bool:
    """Install packages where apt-get is and this user may; says whether it was tried."""
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        return False
    print(f"Installing {' and '.join(packages)} with apt-get …", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Somebody else's installation is waited for, which apt-get does not do by itself.
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=5"]
    with _alone(Path("/var/lib/dpkg")):
        for command in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
            done = subprocess.run([*apt, *command], stdout=subprocess.DEVNULL, env=environment, check=False)
            if done.returncode:
                break
    return True


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """While this process changes what is at a place, no other does that asks here, too: several processes
    of one run of the tests may find at the same time that something is missing."""
    import fcntl  # Only where there is one: this module is read on other systems, too.

    held = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def ensure_tools(*, maven: bool) -> None:
    """See to Java, and to Maven if it is needed; on Debian as root they are installed.

    Raises CannotStart, which says what to install.
    """
    lacks = _missing(maven=maven)
    if not lacks:
        return
    if install_on_debian("default-jre-headless", *(["maven"] if maven else [])):
        lacks = _missing(maven=maven)
    if lacks:
        raise CannotStart(_HOW.format(java=JAVA_MIN, missing=" and ".join(lacks)))


def libraries(cache: Path | None = None) -> Path:
    """The directory with Kafka's jars, fetched by Maven if it is not there yet.

    It stands under the cache (default `.kafka/libs`) by the digest of pom.xml, so another version is another
    directory. Raises CannotStart.
    """
    cache = cache or Path(os.environ.get("LEADFLOW_KAFKA_LIBS") or ROOT / ".kafka" / "libs")
    target = cache / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    ensure_tools(maven=not target.is_dir())
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        # Two of Maven at a time would spoil each other's local repository.
        if not target.is_dir():
            _fetch(target)
    return target


def _fetch(target: Path) -> None:
    """Have Maven fetch the jars into a directory that is there whole or not at all. Raises CannotStart."""
    print("Fetching Kafka's jars with Maven (about 43 MB, once) …", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        jars = Path(scratch) / "jars"
        # Of these two, each is one Maven's way to be told that a download is worth another try.
        retries = [f"-D{name}.retryHandler.count=5" for name in ("maven.wagon.http", "aether.connector.http")]
        command = ["mvn", "-B", "-q", *retries, "-f", str(POM), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={jars}", "-DincludeScope=runtime"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            told = (done.stdout + done.stderr).strip()[-2000:]
            raise CannotStart(f"Maven could not fetch Kafka's jars:\n{told}")
        jars.rename(target)
