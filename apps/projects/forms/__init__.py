"""The buyer's forms: one file for each kind, `steps.py` puts them together for the wizard."""
