"""S3: listing, reading with fixity, content-addressed writing. The only package that speaks to an object store."""
