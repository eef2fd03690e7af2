"""The decoding process, in which every picture that is turned is too large for memory."""

from __future__ import annotations

from restoration.photo import decoder_child

if __name__ == "__main__":
    decoder_child._HELD_IN_MEMORY = 0
    decoder_child.main()
