"""Reads of what leaves: releases, statements, the way of an amount, invoices, spend."""
