"""IPTC's words for where a picture comes from and what a part of it is: NewsCodes."""

from __future__ import annotations

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""Beginning of the address of every term."""
ENHANCED = SOURCE_TYPES + "algorithmicallyEnhanced"
"""Changed by algorithms that put no generated content into it."""
COMPOSITE = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
"""Has content that a trained model made."""
TRAINED = SOURCE_TYPES + "trainedAlgorithmicMedia"
"""Made by a trained model: an area that one filled."""
DATA_DRIVEN = SOURCE_TYPES + "dataDrivenMedia"
"""Draws data: a map of what was filled."""
COMPOSITE_ITEM = "http://cv.iptc.org/newscodes/imageregionrole/compositeImageItem"
"""Role of an image region: something put into the picture."""
