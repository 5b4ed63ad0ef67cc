"""Frames of an environment as an animated GIF."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

MOST_FRAMES = 2_000
NARROWEST, WIDEST = 200, 400
"""Pixels; larger frames are made smaller, and those of which several go into the narrowest larger by whole numbers."""
COLORS = 64
SHORTEST_MS = 20
"""Viewers slow a GIF down whose frames last shorter."""


class Film:
    """Collects frames, small and in few colours, until there are ``MOST_FRAMES``."""

    def __init__(self, frames_per_second: float) -> None:
        self.milliseconds = max(SHORTEST_MS, round(1000 / frames_per_second))
        self.frames: list[Image.Image] = []
        self.left_out = 0

    def add(self, frame: np.ndarray[Any, Any]) -> None:
        """Take a frame (height, width, 3) of uint8, or of floats, from 0 to 1 or to 255."""
        if len(self.frames) == MOST_FRAMES:
            self.left_out += 1
            return
        if frame.dtype.kind == "f":
            frame = np.rint(frame * (255 if frame.max() <= 1 else 1)).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(frame)
        if image.width > WIDEST:
            size = WIDEST, round(image.height * WIDEST / image.width)
            image = image.resize(size, Image.Resampling.LANCZOS)
        times = max(1, min(NARROWEST // image.width, WIDEST // image.height))
        image = image.resize((times * image.width, times * image.height), Image.Resampling.NEAREST)
        self.frames.append(image.quantize(COLORS, dither=Image.Dither.NONE))

    def gif(self) -> bytes:
        """All frames, shown again and again."""
        sink = io.BytesIO()
        first, *rest = self.frames
        first.save(
            sink, "GIF", save_all=True, append_images=rest, duration=self.milliseconds, loop=0, optimize=False
        )
        return sink.getvalue()
