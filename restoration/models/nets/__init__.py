"""One file per architecture: how it is built, and what goes in and comes out."""
