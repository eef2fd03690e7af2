-- A publication is a bag: one hash stands for all its files, and its name says which.

SET LOCAL search_path = restoration;

COMMENT ON COLUMN publication.manifest_sha256 IS
    'Hash of its tagmanifest-sha256.txt, which names every file directly or through a manifest; of manifest-sha256.txt for archives from before the bags.';
COMMENT ON COLUMN audit.publication.manifest_sha256 IS
    'Hash of its tagmanifest-sha256.txt, which stands for every file.';
