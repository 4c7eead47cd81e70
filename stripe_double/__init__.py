"""A small stateful stand-in for Stripe, for demos and tests without a network. See README.md."""

from stripe_double.server import Double

__all__ = ["Double"]
