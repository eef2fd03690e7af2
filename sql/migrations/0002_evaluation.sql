-- Evaluations of models: which figures which model reached on which photographs.

SET LOCAL search_path = restoration;

CREATE TABLE evaluation (
    evaluation_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data_set        text NOT NULL CHECK (data_set <> ''),
    data_set_sha256 text NOT NULL CHECK (data_set_sha256 ~ '^[0-9a-f]{64}$'),
    with_reference  boolean NOT NULL,
    parameters      jsonb NOT NULL DEFAULT '{}',
    device_class    text NOT NULL,
    code_version    text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX evaluation_data_set ON evaluation (data_set, evaluation_id);
COMMENT ON TABLE evaluation IS
    'A comparison of models on one set of photographs (restoration evaluate --record). Written once, never changed.';
COMMENT ON COLUMN evaluation.evaluation_id IS 'Number of the evaluation.';
COMMENT ON COLUMN evaluation.data_set IS 'Name of the set of photographs; that of a collection where they are its own.';
COMMENT ON COLUMN evaluation.data_set_sha256 IS
    'Hash over names and contents of the photographs: only evaluations of equal hash compare directly.';
COMMENT ON COLUMN evaluation.with_reference IS 'Whether the photographs'' true colours were known.';
COMMENT ON COLUMN evaluation.parameters IS 'Working size, models, nets of the metrics, FID where it was asked for.';
COMMENT ON COLUMN evaluation.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN evaluation.code_version IS 'Version of the software that measured.';
COMMENT ON COLUMN evaluation.created_at IS 'When it was recorded.';
COMMENT ON INDEX evaluation_data_set IS 'The last evaluation of one set of photographs.';

CREATE TABLE evaluation_model (
    evaluation_id   bigint NOT NULL REFERENCES evaluation,
    ordinal         integer NOT NULL CHECK (ordinal >= 0),
    name            text NOT NULL,
    version         text NOT NULL DEFAULT '',
    weights_sha256  text CHECK (weights_sha256 ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (evaluation_id, ordinal),
    UNIQUE (evaluation_id, name)
);
COMMENT ON TABLE evaluation_model IS
    'What took part in an evaluation: models, the gray pass-through, and the truth where it is known.';
COMMENT ON COLUMN evaluation_model.evaluation_id IS 'The evaluation.';
COMMENT ON COLUMN evaluation_model.ordinal IS 'Place in the evaluation, from 0; gray comes first.';
COMMENT ON COLUMN evaluation_model.name IS 'Name in the model registry, or recipe:NAME; gray and truth are no models.';
COMMENT ON COLUMN evaluation_model.version IS 'Version in the model registry, or the start of the recipe''s hash; empty for gray and truth.';
COMMENT ON COLUMN evaluation_model.weights_sha256 IS 'Hash of the weight file, or over those of all models of the recipe; null for gray and truth.';

CREATE TABLE evaluation_photo (
    evaluation_id   bigint NOT NULL REFERENCES evaluation,
    ordinal         integer NOT NULL CHECK (ordinal >= 0),
    name            text NOT NULL,
    sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    family          text NOT NULL,
    ita_group       text CHECK (ita_group IN ('very light', 'light', 'intermediate', 'tan', 'brown', 'dark')),
    ita_degrees     double precision CHECK (ita_degrees BETWEEN -180 AND 180),
    PRIMARY KEY (evaluation_id, ordinal),
    UNIQUE (evaluation_id, name)
);
CREATE INDEX evaluation_photo_content ON evaluation_photo (sha256);
COMMENT ON TABLE evaluation_photo IS 'The photographs of an evaluation.';
COMMENT ON COLUMN evaluation_photo.evaluation_id IS 'The evaluation.';
COMMENT ON COLUMN evaluation_photo.ordinal IS 'Place in the evaluation, from 0.';
COMMENT ON COLUMN evaluation_photo.name IS 'Path within the folder of photographs.';
COMMENT ON COLUMN evaluation_photo.sha256 IS 'Hash of the file.';
COMMENT ON COLUMN evaluation_photo.family IS 'Family: the file name up to the first underscore.';
COMMENT ON COLUMN evaluation_photo.ita_group IS
    'Skin group of the largest face as photographed, by its typology angle; null without a face or a truth.';
COMMENT ON COLUMN evaluation_photo.ita_degrees IS 'That angle: atan2(L* - 50, b*) of the median skin colour, in degrees.';
COMMENT ON INDEX evaluation_photo_content IS 'Which evaluations a scan took part in.';

CREATE TABLE evaluation_score (
    evaluation_id   bigint NOT NULL,
    photo_ordinal   integer NOT NULL,
    model_ordinal   integer NOT NULL,
    metric          text NOT NULL CHECK (metric ~ '^[a-z][a-z0-9_]*$'),
    value           double precision NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    PRIMARY KEY (evaluation_id, photo_ordinal, model_ordinal, metric),
    FOREIGN KEY (evaluation_id, photo_ordinal) REFERENCES evaluation_photo,
    FOREIGN KEY (evaluation_id, model_ordinal) REFERENCES evaluation_model
);
COMMENT ON TABLE evaluation_score IS
    'One figure of one model on one photograph. A figure that does not apply (no face, no truth) has no row.';
COMMENT ON COLUMN evaluation_score.evaluation_id IS 'The evaluation.';
COMMENT ON COLUMN evaluation_score.photo_ordinal IS 'The photograph''s place.';
COMMENT ON COLUMN evaluation_score.model_ordinal IS 'The model''s place.';
COMMENT ON COLUMN evaluation_score.metric IS 'Name of the figure; docs/evaluation.md says what each one means.';
COMMENT ON COLUMN evaluation_score.value IS 'The figure; shares are 0 to 1.';

CREATE VIEW audit.evaluation AS
SELECT e.evaluation_id, e.created_at, e.data_set, e.data_set_sha256, e.with_reference, e.device_class, e.code_version,
       e.parameters,
       e.evaluation_id = (SELECT max(l.evaluation_id) FROM evaluation l WHERE l.data_set = e.data_set
                             AND l.with_reference = e.with_reference) AS latest,
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
       f.means
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
COMMENT ON VIEW audit.evaluation IS
    'One row an evaluation, model and family with means over its photographs, and one for all families together.';
COMMENT ON COLUMN audit.evaluation.evaluation_id IS 'Number of the evaluation.';
COMMENT ON COLUMN audit.evaluation.created_at IS 'When it was recorded.';
COMMENT ON COLUMN audit.evaluation.data_set IS 'Name of the set of photographs.';
COMMENT ON COLUMN audit.evaluation.data_set_sha256 IS 'Hash over their names and contents.';
COMMENT ON COLUMN audit.evaluation.with_reference IS 'Whether their true colours were known.';
COMMENT ON COLUMN audit.evaluation.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN audit.evaluation.code_version IS 'Version of the software that measured.';
COMMENT ON COLUMN audit.evaluation.parameters IS 'Working size, models, nets of the metrics, FID where it was asked for.';
COMMENT ON COLUMN audit.evaluation.latest IS 'Whether it is the last one of its data set, with or without true colours.';
COMMENT ON COLUMN audit.evaluation.model IS 'Model by name; gray is the pass-through, truth the photographs themselves.';
COMMENT ON COLUMN audit.evaluation.model_version IS 'Its version.';
COMMENT ON COLUMN audit.evaluation.weights_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.evaluation.family IS 'Family of photographs; null for all of them together.';
COMMENT ON COLUMN audit.evaluation.photos IS 'Photographs in it.';
COMMENT ON COLUMN audit.evaluation.delta_e00 IS 'Mean CIEDE2000 difference from the truth; lower is better.';
COMMENT ON COLUMN audit.evaluation.skin_delta_e00 IS 'The same on the skin.';
COMMENT ON COLUMN audit.evaluation.psnr IS 'Mean PSNR in dB; kind to gray.';
COMMENT ON COLUMN audit.evaluation.ssim_y IS 'Mean SSIM of luma; kind to gray.';
COMMENT ON COLUMN audit.evaluation.st_lpips IS 'Mean perceptual distance; lower is better.';
COMMENT ON COLUMN audit.evaluation.colourfulness IS 'Mean colourfulness (Hasler and Suesstrunk); 0 is gray.';
COMMENT ON COLUMN audit.evaluation.bleed IS 'Mean share of colour change away from outlines, 0 to 1; lower is better.';
COMMENT ON COLUMN audit.evaluation.skin_blue IS 'Mean share of skin that is plainly blue, 0 to 1; lower is better.';
COMMENT ON COLUMN audit.evaluation.face_colourfulness IS 'Mean colourfulness of the faces.';
COMMENT ON COLUMN audit.evaluation.means IS 'Means of all figures by name.';

CREATE VIEW audit.evaluation_score AS
SELECT e.evaluation_id, e.data_set, p.name AS photo, p.sha256, p.family, p.ita_group, m.name AS model,
       m.version AS model_version, m.weights_sha256, s.metric, s.value
  FROM evaluation_score s
  JOIN evaluation e USING (evaluation_id)
  JOIN evaluation_photo p ON p.evaluation_id = s.evaluation_id AND p.ordinal = s.photo_ordinal
  JOIN evaluation_model m ON m.evaluation_id = s.evaluation_id AND m.ordinal = s.model_ordinal;
COMMENT ON VIEW audit.evaluation_score IS 'One row a figure of a model on a photograph. Ask by evaluation_id.';
COMMENT ON COLUMN audit.evaluation_score.evaluation_id IS 'Number of the evaluation.';
COMMENT ON COLUMN audit.evaluation_score.data_set IS 'Name of the set of photographs.';
COMMENT ON COLUMN audit.evaluation_score.photo IS 'Path of the photograph within its folder.';
COMMENT ON COLUMN audit.evaluation_score.sha256 IS 'Hash of the photograph.';
COMMENT ON COLUMN audit.evaluation_score.family IS 'Its family.';
COMMENT ON COLUMN audit.evaluation_score.ita_group IS 'Skin group of its largest face.';
COMMENT ON COLUMN audit.evaluation_score.model IS 'Model by name.';
COMMENT ON COLUMN audit.evaluation_score.model_version IS 'Its version.';
COMMENT ON COLUMN audit.evaluation_score.weights_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.evaluation_score.metric IS 'Name of the figure.';
COMMENT ON COLUMN audit.evaluation_score.value IS 'The figure.';

GRANT SELECT ON audit.evaluation, audit.evaluation_score
    TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
GRANT SELECT ON evaluation, evaluation_model, evaluation_photo, evaluation_score
    TO restoration_ingest, restoration_publisher;
GRANT SELECT, INSERT ON evaluation, evaluation_model, evaluation_photo, evaluation_score TO restoration_worker;
