"""Registry of models as data, weight files pinned by sha256, and the nets, one file per architecture."""
