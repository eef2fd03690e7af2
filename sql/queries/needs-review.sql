-- Which photographs wait for a person, and since when?
-- earlier_decision is reject where a person refused an earlier restoration and it was restored anew.
SELECT collection, object_key, reason, reason_detail, faces, lowest_identity, sensitivity, earlier_decision, waiting_since
FROM audit.needs_review
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY waiting_since, object_key
