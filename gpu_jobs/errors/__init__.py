"""Where people go wrong: confusion, citations and groups, each rate with its interval."""
