-- Which finder of damage is best on our photographs?
-- The latest comparison of every data set, by the share of the error inside the damage that was removed, in the mean of all
-- kinds; damaged (nothing done) and true-mask (a perfect finder, without a net) are the floor and the ceiling.
SELECT data_set, evaluation_id, created_at, model, model_version, weights_sha256, photos,
       (SELECT avg(m.value::double precision) FROM jsonb_each_text(means) AS m(name, value)
         WHERE m.name LIKE 'damage\_removed\_%') AS damage_removed,
       (means ->> 'damage_removed_thin')::double precision AS thin,
       (means ->> 'damage_removed_bold')::double precision AS bold,
       (means ->> 'damage_removed_crease')::double precision AS crease,
       (means ->> 'damage_removed_tear')::double precision AS tear,
       (means ->> 'damage_removed_hole')::double precision AS hole,
       (means ->> 'damage_removed_dust')::double precision AS dust,
       (means ->> 'damage_removed_mixed')::double precision AS mixed,
       (means ->> 'whole_changed')::double precision AS whole_changed
FROM audit.evaluation
WHERE latest AND task = 'repair' AND family IS NULL
  AND (CAST(:collection AS text) IS NULL OR data_set = :collection)
ORDER BY data_set, damage_removed DESC NULLS LAST, model
