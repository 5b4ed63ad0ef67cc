"""Engines: how cohorts are carried out."""
