"""Readers of what libvips does not read, through other wheels, within the decoding process; loaded if one is needed."""
