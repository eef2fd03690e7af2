"""IPTC's words for where a picture comes from: NewsCodes, scheme Digital Source Type."""

from __future__ import annotations

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""Beginning of the address of every term."""
ENHANCED = SOURCE_TYPES + "algorithmicallyEnhanced"
"""Changed by algorithms that put no generated content into it."""
COMPOSITE = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
"""Has content that a trained model made."""
