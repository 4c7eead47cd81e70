"""What the exports change: releases, statements, invoices."""

from apps.exports.actions.invoices import issue_invoices, set_project_billing
from apps.exports.actions.releases import build, make_release
from apps.exports.actions.statements import choose, issue_statements

__all__ = [
    "build",
    "choose",
    "issue_invoices",
    "issue_statements",
    "make_release",
    "set_project_billing",
]
