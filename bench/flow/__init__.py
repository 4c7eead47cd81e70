"""Claim and submit over HTTP beside Label Studio, and a claim as a project grows."""
