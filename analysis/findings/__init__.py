"""Findings: what stored runs say, as records."""
