import os
import signal

from kombu import Connection
from redis import Redis

from marketplace.runtime.places import places, private
from marketplace.runtime.processes import wait_until
from marketplace.runtime.valkey import Valkey


def test_celery_and_the_cache_reach_it_by_the_urls_it_gives(valkey):
    # Celery's own transport; Celery itself would prefer CELERY_BROKER_URL to what it is told.
    with Connection(valkey.broker_url) as connection:
        queue = connection.SimpleQueue("house")
        queue.put({"n": 1})
        assert queue.get(timeout=5).payload == {"n": 1}
        queue.close()
    client = Redis.from_url(valkey.cache_url)
    client.set("key", "value")
    assert client.get("key") == b"value"
    client.close()


def test_what_was_written_survives_kill_9(valkey):
    client = Redis.from_url(valkey.cache_url)
    client.set("kept", "yes")
    # The file is written before the answer, and read back whole; only the disk may lag a second.
    pid = valkey.pid()
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: valkey.pid() is None, seconds=10)
    assert valkey.ensure() is True
    assert client.get("kept") == b"yes"
    client.close()
    assert valkey.ensure() is False


def test_the_fast_one_keeps_nothing_and_stops_cleanly(tmp_path):
    where = places("fast", checkout=tmp_path)
    private(where.var, mode=0o755)
    server = Valkey(places=where, fast=True)
    server.ensure()
    client = Redis.from_url(server.cache_url)
    client.set("key", "value")
    client.close()
    server.stop()
    assert server.pid() is None
    assert not server.socket.exists()
    assert server.ensure() is True
    try:
        client = Redis.from_url(server.cache_url)
        assert client.get("key") is None
        client.close()
    finally:
        server.stop()
