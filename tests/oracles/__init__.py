"""Slow, obvious code, written from the published equations: what the fast code is judged by.

Nothing here imports `ablations` or `analysis`, not even their random streams: a mistake there must not be
repeated here. Where a line could be clever or clear, it is clear.
"""
