"""How much damage is found and mended: made damage on photographs that are whole, and marks by hand on real ones."""
