"""What several tests share: the demo swarm, started once, and a certificate."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm

# A busy machine is slow; how long an example takes says nothing about the code.
settings.register_profile("truename", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("truename")


@pytest.fixture(scope="session")
def local_swarm() -> Iterator[LocalSwarm]:
    """The real torrents and two hundred invented ones, on loopback, with an HTTP tracker and seeders in a child."""
    with LocalSwarm(SwarmPlan(invented=200)) as swarm:
        yield swarm


@pytest.fixture
def certificate() -> Iterator[tuple[Path, Path]]:
    """A certificate for `tracker.example` that nobody but itself vouches for, and its key."""
    with tempfile.TemporaryDirectory() as folder:
        key, signed = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        more = ["-days", "2", "-subj", "/CN=tracker.example", "-addext", "subjectAltName=DNS:tracker.example"]
        files = ["-keyout", str(key), "-out", str(signed)]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(["openssl", "req", "-x509", *curve, *files, *more], check=True, capture_output=True)
        yield signed, key
