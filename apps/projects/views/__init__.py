"""The buyer's pages below the live page: list, wizard, items, criteria, and what runs a project."""
