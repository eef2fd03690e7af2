"""What files say of their own pixels, read before or beside libvips: part of the decoding process, without numpy."""
