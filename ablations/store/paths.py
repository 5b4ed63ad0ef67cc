"""Names of files without this machine's folders: what is stored says nothing of where it was made."""

from __future__ import annotations

import re
from pathlib import Path


def relative(filename: str) -> str:
    """A source file's name without this machine's folders: from the packages' folder on, else the last two parts."""
    parts = Path(filename).parts
    for anchor in ("site-packages", "ablations"):
        if anchor in parts[:-1]:
            return "/".join(parts[parts.index(anchor) :])
    return parts[-1] if parts else filename


def without_folders(text: str) -> str:
    """A text with this machine's absolute paths cut to what ``relative`` leaves of them."""
    quoted = re.sub(r"""(?<=["'])/[^"'\n]+(?=["'])""", lambda match: relative(match[0]), text)
    return re.sub(r"""(?<![\w.:/])/[^\s"':,()]+""", lambda match: relative(match[0]), quoted)
