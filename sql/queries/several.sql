-- Which scans show several photographs, and where are they on the scan?
-- A restored scan stays one photograph until somebody parts it. Centres are shares of width and height, sizes of the long
-- side; the angle is in degrees clockwise.
SELECT p.collection, p.object_key, s.detail ->> 'arrangement' AS arrangement, part.place,
       jsonb_array_length(s.detail -> 'photographs') AS photographs,
       CAST(part.facts -> 'centre' ->> 0 AS double precision) AS x, CAST(part.facts -> 'centre' ->> 1 AS double precision) AS y,
       CAST(part.facts -> 'size' ->> 0 AS double precision) AS width,
       CAST(part.facts -> 'size' ->> 1 AS double precision) AS height,
       CAST(part.facts ->> 'angle' AS double precision) AS angle,
       CAST(part.facts ->> 'confidence' AS double precision) AS confidence
FROM audit.photo AS p
JOIN step_record AS s ON s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.detail ? 'photographs'
CROSS JOIN LATERAL jsonb_array_elements(s.detail -> 'photographs') WITH ORDINALITY AS part (facts, place)
WHERE (CAST(:collection AS text) IS NULL OR p.collection = :collection) AND p.current
ORDER BY p.collection, p.object_key, part.place
