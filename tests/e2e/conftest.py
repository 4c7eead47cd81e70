"""A Chromium for the story; the houses are in `served.py`, what people do in `browsing.py`."""

import os
from collections.abc import Iterator

import pytest

from marketplace.runtime import browser as chromium


@pytest.fixture(scope="module")
def browser() -> Iterator:
    sync_api = pytest.importorskip("playwright.sync_api")
    path = chromium.find_or_install()
    assert path, "No Chromium here, and none could be installed."
    # Playwright's loop runs in this thread, which makes Django refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as play:
        running = play.chromium.launch(**chromium.launch_options(path))
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
