-- Was anything restored or published although consent is refused or unknown?
SELECT collection, consent, sensitivity, rights, contact, restored + needs_review AS restored, skipped, published_version
FROM audit.collection
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY consent DESC, collection
