"""From an S3 prefix to rows: listing, sidecar, rescan."""
