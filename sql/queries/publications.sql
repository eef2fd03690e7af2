-- Which versions of the archive were published, and what do their manifests and chain heads say?
SELECT collection, version, state, uri, photo_count, byte_count, manifest_sha256, chain_head, verified_at, current_at
FROM audit.publication
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY collection, version
