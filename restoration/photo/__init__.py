"""What a photograph is in memory: decode, colour, encode, ageing. Pure functions on arrays; no S3, no SQL."""
