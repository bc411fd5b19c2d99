"""How random a text is: tokens are, words are not."""

from __future__ import annotations

import math
from collections import Counter


def entropy_bits(text: str) -> float:
    """Shannon entropy per character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
