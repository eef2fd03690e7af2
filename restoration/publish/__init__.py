"""Publishing a collection as an immutable, verified archive with a static gallery."""
