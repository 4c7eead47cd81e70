import os
import shutil
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from marketplace.runtime import postgres as module
from marketplace.runtime.places import RuntimeFault, places, private
from marketplace.runtime.postgres import Postgres
from marketplace.runtime.processes import wait_until


def rows(url, query):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def test_it_is_postgresql_18_that_no_network_reaches(postgres):
    url = postgres.url("wagefile_app")
    assert rows(url, "SHOW server_version_num")[0][0].startswith("18")
    assert rows(url, "SHOW listen_addresses") == [("",)]
    assert rows(url, "SHOW fsync") == [("on",)]
    assert rows(url, "SHOW full_page_writes") == [("on",)]


def test_the_application_role_has_no_power(postgres):
    query = (
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname IN ('wagefile_app', 'wagefile_owner', 'wagefile_ledger_owner')"
    )
    assert rows(postgres.url("wagefile_app"), query) == [(False,) * 4] * 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(postgres.url("wagefile_app"), "CREATE TABLE mine (id int)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(postgres.url("wagefile_app"), "SET ROLE wagefile_owner")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        rows(postgres.url("wagefile_ledger_owner"), "SELECT 1")


def test_tables_of_the_owner_are_open_to_the_application_until_they_are_handed_over(postgres):
    owner, app = postgres.url("wagefile_owner"), postgres.url("wagefile_app")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE handed (id bigserial PRIMARY KEY)")
        rows(app, "INSERT INTO handed DEFAULT VALUES RETURNING id")
        connection.execute("ALTER TABLE handed OWNER TO wagefile_ledger_owner")
        connection.execute("REVOKE INSERT ON handed FROM wagefile_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(app, "INSERT INTO handed DEFAULT VALUES RETURNING id")
    assert rows(app, "SELECT count(*) FROM handed") == [(1,)]


def test_what_was_committed_survives_kill_9(postgres):
    owner = postgres.url("wagefile_owner")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (7)")
        pid = postgres.pid()
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: postgres.pid() is None, seconds=10)
    assert postgres.ensure() is True
    assert postgres.pid() != pid
    assert rows(owner, "SELECT id FROM kept") == [(7,)]


def test_a_running_server_is_used_again(postgres):
    pid = postgres.pid()
    assert postgres.ensure() is False
    assert postgres.pid() == pid


def test_a_pid_file_that_names_another_process_is_cleaned(postgres):
    postgres.stop()
    assert postgres.pid() is None
    # This process is alive, has another command line, and so is not the server.
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    assert postgres.pid() is None
    assert postgres.ensure() is True
    assert rows(postgres.url("wagefile_app"), "SELECT 1") == [(1,)]


def test_a_half_made_cluster_is_made_anew(tmp_path):
    where = places("half", checkout=tmp_path)
    server = Postgres(places=where, fast=True)
    private(where.var, mode=0o755)
    private(where.shared, mode=0o711)
    private(where.postgres, mode=0o711)
    (where.postgres / "18.new").mkdir()
    (where.postgres / "18.new" / "base").touch()
    # As after a kill in the middle of initdb, by the same user.
    uid = module.server_user().uid
    for path in (where.postgres, *where.postgres.rglob("*")):
        os.chown(path, uid, -1)
    try:
        assert server.ensure() is True
        assert rows(server.url("wagefile_owner"), "SHOW fsync") == [("off",)]
        query = "SELECT rolcreatedb FROM pg_roles WHERE rolname = 'wagefile_owner'"
        assert rows(server.url("wagefile_app"), query) == [(True,)]
    finally:
        server.stop()
        shutil.rmtree(where.shared, ignore_errors=True)


def test_no_permission_changes_outside_its_own_folder(tmp_path, monkeypatch):
    closed = tmp_path / "closed" / "checkout"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    where = places("demo", checkout=closed)
    watched = [*closed.parents, closed, Path("/var/tmp"), *Path(module.__file__).parents]
    before = {path: modes(path) for path in watched}
    # As if the virtual environment stood in a folder that the server's user cannot enter.
    monkeypatch.setattr(module, "_reachable", lambda _program: False)
    private(where.var, mode=0o755)
    server = Postgres(places=where, fast=True)
    try:
        server.ensure()
        assert rows(server.url("wagefile_app"), "SELECT 1") == [(1,)]
        copied = where.shared in module.binaries(where).parents
        assert copied is (os.getuid() == 0)
    finally:
        server.stop()
        shutil.rmtree(where.shared, ignore_errors=True)
    assert {path: modes(path) for path in watched} == before


def modes(path):
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def test_two_names_run_side_by_side(postgres, where):
    other = Postgres(places=places("other", checkout=where.var.parents[1]), fast=True)
    private(other.places.var, mode=0o755)
    try:
        other.ensure()
        with psycopg.connect(other.url("wagefile_owner"), autocommit=True) as connection:
            connection.execute("CREATE TABLE here (id int)")
        query = "SELECT count(*) FROM pg_tables WHERE tablename = 'here'"
        assert rows(other.url("wagefile_app"), query) == [(1,)]
        assert rows(postgres.url("wagefile_app"), query) == [(0,)]
    finally:
        other.stop()


def test_a_long_path_puts_the_sockets_elsewhere(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    found = places("demo", checkout=deep)
    assert deep not in found.valkey_run.parents
    assert deep not in found.postgres_run.parents
    assert len(str(found.postgres_run)) < 80


@pytest.mark.parametrize("name", ["", "../up", "Demo", "a b", "x" * 40])
def test_a_name_that_would_leave_the_folder_is_refused(name):
    with pytest.raises(RuntimeFault, match="An instance is named"):
        places(name)


def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeFault, match="belongs to somebody else"):
        private(tmp_path / "link")
