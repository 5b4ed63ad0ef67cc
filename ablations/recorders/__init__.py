"""Recorders look on between two steps of the learner and change no bit."""
