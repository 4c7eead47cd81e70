"""Driving a real crowd's answers through the same actions that the website calls."""
