"""`python -m stripe_double`: serve until interrupted."""

import argparse
import os
import signal
import sqlite3
import sys
import threading

from stripe_double.server import Double


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m stripe_double", description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=12121, help="0 picks a free one")
    options.add_argument("--webhook", metavar="URL", help="endpoint for the platform's events")
    options.add_argument("--secret", metavar="whsec_...")
    options.add_argument("--connect-webhook", metavar="URL", help="for connected accounts")
    options.add_argument("--connect-secret", metavar="whsec_...")
    options.add_argument("--state", metavar="FILE", help="SQLite file that survives kill -9")
    options.add_argument("--now", metavar="ISO", help="where the double's clock starts")
    options.add_argument("--public-url", help="address that hosted pages are given out under")
    options.add_argument("--i-know-this-is-not-stripe", action="store_true")
    return options


def main(argv: list[str] | None = None) -> int:
    options = parser().parse_args(argv)
    if os.environ.get("WAGEFILE_DOUBLE") != "1" and not options.i_know_this_is_not_stripe:
        print(
            "This is a simulated Stripe: no money moves. Set WAGEFILE_DOUBLE=1 or give"
            " --i-know-this-is-not-stripe to start it.",
            file=sys.stderr,
        )
        return 2
    try:
        double = Double.start(
            webhook=options.webhook,
            secret=options.secret,
            connect_webhook=options.connect_webhook,
            connect_secret=options.connect_secret,
            state=options.state,
            now=options.now,
            host=options.host,
            port=options.port,
            public_url=options.public_url,
        )
    except (OSError, ValueError, sqlite3.Error) as error:
        print(f"stripe_double: {error}", file=sys.stderr)
        return 2
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    print(f"listening on {double.url}", flush=True)
    stop.wait()
    double.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
