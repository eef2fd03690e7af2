-- Evaluations of face restorers beside those of colorizers: a task, and faces within photographs.

SET LOCAL search_path = restoration;

ALTER TABLE evaluation ADD COLUMN task text NOT NULL DEFAULT 'colorize' CHECK (task IN ('colorize', 'restore-face'));
COMMENT ON COLUMN evaluation.task IS 'What the models do: colorize photographs, or restore faces.';
COMMENT ON COLUMN evaluation.with_reference IS
    'Whether the truth was known: the photographs'' colours, or the faces before they were degraded.';
COMMENT ON COLUMN evaluation.parameters IS
    'Working size, seed, models, nets of the metrics, FID and marks where there are any.';

ALTER TABLE evaluation_photo ADD COLUMN face integer NOT NULL DEFAULT 0 CHECK (face >= 0);
ALTER TABLE evaluation_photo DROP CONSTRAINT evaluation_photo_evaluation_id_name_key;
ALTER TABLE evaluation_photo ADD UNIQUE (evaluation_id, name, face);
COMMENT ON TABLE evaluation_photo IS 'The photographs of an evaluation; for face restorers, each of their faces.';
COMMENT ON COLUMN evaluation_photo.face IS
    'The photograph''s faces counted from 1; 0 for the photograph as a whole, or its best face.';

COMMENT ON TABLE evaluation_model IS
    'What took part in an evaluation: models, doing nothing (gray, degraded or given), and the truth where it is known.';
COMMENT ON COLUMN evaluation_model.ordinal IS 'Place in the evaluation, from 0; doing nothing comes first.';
COMMENT ON COLUMN evaluation_model.name IS
    'Name in the model registry, recipe:NAME, or file:NAME; gray, degraded, given and truth are no models.';
COMMENT ON COLUMN evaluation_model.version IS
    'Version in the model registry, or the start of the recipe''s hash; empty for what is neither.';
COMMENT ON COLUMN evaluation_model.weights_sha256 IS
    'Hash of the weight file, or over those of all models of the recipe; null for what is no model.';
COMMENT ON TABLE evaluation_score IS
    'One figure of one model on one photograph or face. A figure that does not apply (no face, no truth) has no row.';

CREATE OR REPLACE VIEW audit.evaluation AS
SELECT e.evaluation_id, e.created_at, e.data_set, e.data_set_sha256, e.with_reference, e.device_class, e.code_version,
       e.parameters,
       e.evaluation_id = (SELECT max(l.evaluation_id) FROM evaluation l WHERE l.data_set = e.data_set
                             AND l.with_reference = e.with_reference AND l.task = e.task) AS latest,
       m.name AS model, m.version AS model_version, m.weights_sha256, f.family, f.photos,
       (f.means ->> 'delta_e00')::double precision AS delta_e00,
       (f.means ->> 'skin_delta_e00')::double precision AS skin_delta_e00,
       (f.means ->> 'psnr')::double precision AS psnr,
       (f.means ->> 'ssim_y')::double precision AS ssim_y,
       (f.means ->> 'st_lpips')::double precision AS st_lpips,
       (f.means ->> 'colourfulness')::double precision AS colourfulness,
       (f.means ->> 'bleed')::double precision AS bleed,
       (f.means ->> 'skin_blue')::double precision AS skin_blue,
       (f.means ->> 'face_colourfulness')::double precision AS face_colourfulness,
       f.means, e.task, (f.means ->> 'identity')::double precision AS identity,
       (f.means ->> 'given_identity')::double precision AS given_identity
  FROM evaluation e
  JOIN evaluation_model m USING (evaluation_id)
 CROSS JOIN LATERAL (
       SELECT g.family, max(g.photos) AS photos, jsonb_object_agg(g.metric, g.mean) AS means
         FROM (SELECT p.family, s.metric, avg(s.value) AS mean, count(DISTINCT p.ordinal) AS photos
                 FROM evaluation_score s
                 JOIN evaluation_photo p ON p.evaluation_id = s.evaluation_id AND p.ordinal = s.photo_ordinal
                WHERE s.evaluation_id = e.evaluation_id AND s.model_ordinal = m.ordinal
                GROUP BY GROUPING SETS ((p.family, s.metric), (s.metric))) g
        GROUP BY g.family) f;
COMMENT ON COLUMN audit.evaluation.with_reference IS 'Whether the truth was known: colours, or faces before they were degraded.';
COMMENT ON COLUMN audit.evaluation.parameters IS
    'Working size, seed, models, nets of the metrics, FID and marks where there are any.';
COMMENT ON COLUMN audit.evaluation.latest IS 'Whether it is the last one of its data set and task, with or without a truth.';
COMMENT ON COLUMN audit.evaluation.model IS
    'Model by name; gray, degraded and given are doing nothing, truth the photographs themselves.';
COMMENT ON COLUMN audit.evaluation.photos IS 'Photographs in it; for face restorers, faces.';
COMMENT ON COLUMN audit.evaluation.task IS 'What the models do: colorize photographs, or restore faces.';
COMMENT ON COLUMN audit.evaluation.identity IS
    'Mean cosine between descriptors of the face and of the true face; higher is better.';
COMMENT ON COLUMN audit.evaluation.given_identity IS 'The same to the face as it was given, where nobody knows the truth.';

CREATE OR REPLACE VIEW audit.evaluation_score AS
SELECT e.evaluation_id, e.data_set, p.name AS photo, p.sha256, p.family, p.ita_group, m.name AS model,
       m.version AS model_version, m.weights_sha256, s.metric, s.value, e.task, p.face
  FROM evaluation_score s
  JOIN evaluation e USING (evaluation_id)
  JOIN evaluation_photo p ON p.evaluation_id = s.evaluation_id AND p.ordinal = s.photo_ordinal
  JOIN evaluation_model m ON m.evaluation_id = s.evaluation_id AND m.ordinal = s.model_ordinal;
COMMENT ON COLUMN audit.evaluation_score.task IS 'What the models do: colorize photographs, or restore faces.';
COMMENT ON COLUMN audit.evaluation_score.face IS
    'The photograph''s faces counted from 1; 0 for the photograph as a whole, or its best face.';
