"""Pages of releases, statements, single amounts, invoices and spend."""
