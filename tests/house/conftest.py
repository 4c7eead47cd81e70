"""Servers of their own for these tests: a checkout in a temporary folder names other places."""

import shutil

import pytest

from marketplace.runtime.places import places, private
from marketplace.runtime.postgres import Postgres
from marketplace.runtime.valkey import Valkey


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    """The places of an instance whose checkout is a temporary folder."""
    checkout = tmp_path_factory.mktemp("checkout")
    found = places("demo", checkout=checkout)
    private(found.var, mode=0o755)
    yield found
    for folder in (found.shared, found.postgres_run, found.valkey_run):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres(where):
    """A running, crash-safe PostgreSQL."""
    server = Postgres(places=where, fast=False)
    server.ensure()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def valkey(where):
    """A running Valkey that keeps its data."""
    server = Valkey(places=where, fast=False)
    server.ensure()
    yield server
    server.stop()
