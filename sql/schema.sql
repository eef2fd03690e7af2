-- The catalog: what was done to every photograph, with what, how good it is, and who approved it.
-- This file is the whole schema as it stands; sql/migrations/ holds the steps that lead to it, and a test keeps the
-- two equal. Words are those of docs/architecture.md.

CREATE SCHEMA IF NOT EXISTS restoration;
SET search_path = restoration;

CREATE TYPE consent AS ENUM ('granted', 'unknown', 'refused');
CREATE TYPE sensitivity AS ENUM ('normal', 'memorial', 'sensitive');
CREATE TYPE photo_state AS ENUM
    ('pending', 'queued', 'restoring', 'restored', 'needs_review', 'rejected', 'quarantined', 'skipped');
CREATE TYPE run_state AS ENUM ('planning', 'running', 'done', 'failed', 'cancelled');
CREATE TYPE batch_state AS ENUM ('planned', 'queued', 'running', 'done', 'failed', 'cancelled');
CREATE TYPE step_status AS ENUM ('applied', 'not_needed', 'left_alone', 'failed');
CREATE TYPE face_action AS ENUM ('restored', 'blended', 'left_alone', 'recorded');
CREATE TYPE measurement_stage AS ENUM ('source', 'restored', 'pair');
CREATE TYPE review_decision AS ENUM ('accept', 'reject', 'accept_without_faces', 'keep_original');
CREATE TYPE publication_state AS ENUM ('staging', 'verified', 'current', 'superseded', 'abandoned');
CREATE TYPE reason_code AS ENUM (
    'empty_file', 'not_an_image', 'unsupported_format', 'truncated', 'corrupt', 'too_many_pixels', 'too_large',
    'too_small', 'decode_timeout', 'decode_memory', 'decoder_crashed', 'unsafe_name', 'name_collision',
    'source_changed', 'source_missing',
    'already_done', 'consent_refused', 'withdrawn', 'dry_run',
    'identity_low', 'heavy_damage', 'quality_fell', 'faces_left_alone', 'luminance_changed', 'consent_unknown',
    'sensitive',
    'step_failed', 'out_of_memory', 'encode_failed', 'storage_failed', 'worker_lost', 'time_limit', 'cancelled',
    'not_needed', 'already_colour', 'no_faces', 'face_too_small', 'face_too_damaged', 'restorer_missing', 'faces_off',
    'usage', 'recipe_invalid', 'settings_invalid', 'catalog_unavailable', 'storage_unavailable', 'broker_unavailable',
    'model_unknown', 'model_missing', 'model_corrupt', 'publication_invalid', 'chain_broken');

CREATE TABLE collection (
    collection_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title           text NOT NULL DEFAULT '',
    source_uri      text NOT NULL CHECK (source_uri ~ '^s3://[a-z0-9][a-z0-9.-]*(/.*)?$'),
    recipe          text NOT NULL,
    consent         consent NOT NULL DEFAULT 'unknown',
    sensitivity     sensitivity NOT NULL DEFAULT 'normal',
    rights          text NOT NULL DEFAULT '',
    contact         text NOT NULL DEFAULT '',
    active          boolean NOT NULL DEFAULT true,
    nightly         boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE model_version (
    model_version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL,
    version         text NOT NULL,
    architecture    text NOT NULL,
    weights_sha256  text NOT NULL CHECK (weights_sha256 ~ '^[0-9a-f]{64}$'),
    licence         text NOT NULL,
    source          text NOT NULL,
    training_data   text NOT NULL DEFAULT '',
    registered_at   timestamptz NOT NULL DEFAULT now(),
    retired_at      timestamptz,
    UNIQUE (name, version, weights_sha256)
);

-- One DAG run over one collection with one recipe.
CREATE TABLE run (
    run_id          uuid PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    dag_id          text NOT NULL,
    dag_run_id      text NOT NULL,
    recipe          text NOT NULL,
    recipe_sha256   text NOT NULL CHECK (recipe_sha256 ~ '^[0-9a-f]{64}$'),
    recipe_body     jsonb NOT NULL,
    parameters      jsonb NOT NULL DEFAULT '{}',
    state           run_state NOT NULL DEFAULT 'planning',
    code_version    text NOT NULL DEFAULT '',
    listing         jsonb NOT NULL DEFAULT '{}',
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    UNIQUE (dag_id, dag_run_id)
);

-- The result of one recipe with one set of model hashes on one content hash: the key of idempotency.
CREATE TABLE restoration (
    restoration_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_sha256   text NOT NULL CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    recipe_sha256   text NOT NULL CHECK (recipe_sha256 ~ '^[0-9a-f]{64}$'),
    models_sha256   text NOT NULL CHECK (models_sha256 ~ '^[0-9a-f]{64}$'),
    recipe          text NOT NULL,
    state           photo_state NOT NULL CHECK (state IN ('restored', 'needs_review')),
    reason          reason_code,
    reason_detail   text NOT NULL DEFAULT '',
    output_key      text NOT NULL,
    output_sha256   text NOT NULL CHECK (output_sha256 ~ '^[0-9a-f]{64}$'),
    output_bytes    bigint NOT NULL CHECK (output_bytes > 0),
    output_format   text NOT NULL,
    output_width    integer NOT NULL CHECK (output_width > 0),
    output_height   integer NOT NULL CHECK (output_height > 0),
    output_bits     smallint NOT NULL CHECK (output_bits IN (8, 16)),
    preview_before_key text NOT NULL,
    preview_after_key  text NOT NULL,
    ai_altered      boolean NOT NULL,
    device          text NOT NULL,
    device_class    text NOT NULL,
    worker          text NOT NULL,
    code_version    text NOT NULL,
    seconds         double precision NOT NULL CHECK (seconds >= 0),
    first_run_id    uuid NOT NULL REFERENCES run,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source_sha256, recipe_sha256, models_sha256, device_class)
);

-- One scan: collection, object key and version. A replaced object is a new row; the old one stops being current.
CREATE TABLE photo (
    photo_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    object_key      text NOT NULL,
    version_id      text NOT NULL DEFAULT '',
    etag            text NOT NULL,
    size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
    last_modified   timestamptz NOT NULL,
    current         boolean NOT NULL DEFAULT true,
    content_sha256  text CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    duplicate_of    bigint REFERENCES photo,
    format          text,
    width           integer,
    height          integer,
    bits            smallint,
    scan            jsonb NOT NULL DEFAULT '{}',
    dublin_core     jsonb NOT NULL DEFAULT '{}',
    state           photo_state NOT NULL DEFAULT 'pending',
    reason          reason_code,
    reason_detail   text NOT NULL DEFAULT '',
    restoration_id  bigint REFERENCES restoration,
    recipe_sha256   text,
    attempts        smallint NOT NULL DEFAULT 0,
    lease_owner     text,
    lease_until     timestamptz,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    UNIQUE (collection_id, object_key, version_id, etag)
);
CREATE UNIQUE INDEX photo_current_key ON photo (collection_id, object_key) WHERE current;

-- What one Celery task gets: 1 to 256 photographs of one run. batch_id is a UUIDv5 of run, shard and ordinal.
CREATE TABLE batch (
    batch_id        uuid PRIMARY KEY,
    run_id          uuid NOT NULL REFERENCES run,
    shard           smallint NOT NULL CHECK (shard >= 0),
    ordinal         integer NOT NULL CHECK (ordinal >= 0),
    state           batch_state NOT NULL DEFAULT 'planned',
    photo_count     integer NOT NULL CHECK (photo_count > 0),
    deliveries      integer NOT NULL DEFAULT 0,
    worker          text,
    heartbeat_at    timestamptz,
    queued_at       timestamptz,
    started_at      timestamptz,
    finished_at     timestamptz,
    UNIQUE (run_id, shard, ordinal)
);

-- Which photographs a batch carries, and how each ended in this run.
CREATE TABLE batch_photo (
    batch_id        uuid NOT NULL REFERENCES batch,
    photo_id        bigint NOT NULL REFERENCES photo,
    position        smallint NOT NULL,
    state           photo_state NOT NULL DEFAULT 'queued',
    reason          reason_code,
    reason_detail   text NOT NULL DEFAULT '',
    restoration_id  bigint REFERENCES restoration,
    finished_at     timestamptz,
    PRIMARY KEY (batch_id, photo_id)
);

CREATE TABLE step_record (
    restoration_id  bigint NOT NULL REFERENCES restoration,
    ordinal         smallint NOT NULL,
    step            text NOT NULL,
    status          step_status NOT NULL,
    reason          reason_code,
    parameters      jsonb NOT NULL DEFAULT '{}',
    model_version_id bigint REFERENCES model_version,
    seconds         double precision NOT NULL CHECK (seconds >= 0),
    detail          jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (restoration_id, ordinal)
);

CREATE TABLE face (
    restoration_id  bigint NOT NULL REFERENCES restoration,
    ordinal         smallint NOT NULL,
    x               real NOT NULL,
    y               real NOT NULL,
    width           real NOT NULL CHECK (width > 0),
    height          real NOT NULL CHECK (height > 0),
    confidence      real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    landmarks       jsonb NOT NULL,
    action          face_action NOT NULL,
    reason          reason_code,
    identity        real CHECK (identity BETWEEN -1 AND 1),
    blend           real CHECK (blend BETWEEN 0 AND 1),
    detector_id     bigint NOT NULL REFERENCES model_version,
    restorer_id     bigint REFERENCES model_version,
    identity_model_id bigint REFERENCES model_version,
    PRIMARY KEY (restoration_id, ordinal)
);

CREATE TABLE measurement (
    restoration_id  bigint NOT NULL REFERENCES restoration,
    metric          text NOT NULL,
    stage           measurement_stage NOT NULL,
    value           double precision NOT NULL,
    PRIMARY KEY (restoration_id, metric, stage)
);

CREATE TABLE publication (
    publication_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    version         integer NOT NULL CHECK (version > 0),
    run_id          uuid REFERENCES run,
    state           publication_state NOT NULL DEFAULT 'staging',
    uri             text NOT NULL,
    content_sha256  text CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    manifest_sha256 text CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
    chain_head      text,
    photo_count     integer,
    byte_count      bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    verified_at     timestamptz,
    current_at      timestamptz,
    UNIQUE (collection_id, version)
);
CREATE UNIQUE INDEX publication_one_current ON publication (collection_id) WHERE state = 'current';

-- What a publication shows of each photograph.
CREATE TABLE publication_photo (
    publication_id  bigint NOT NULL REFERENCES publication,
    photo_id        bigint NOT NULL REFERENCES photo,
    restoration_id  bigint REFERENCES restoration,
    payload_name    text NOT NULL,
    PRIMARY KEY (publication_id, photo_id)
);

CREATE TABLE review (
    review_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    photo_id        bigint NOT NULL REFERENCES photo,
    restoration_id  bigint NOT NULL REFERENCES restoration,
    decision        review_decision NOT NULL,
    reviewer        text NOT NULL CHECK (reviewer <> ''),
    words           text NOT NULL DEFAULT '',
    decided_at      timestamptz NOT NULL DEFAULT now()
);

-- Append-only facts in PREMIS vocabulary, hash-chained per collection.
CREATE TABLE event (
    collection_id   bigint NOT NULL REFERENCES collection,
    seq             bigint NOT NULL CHECK (seq > 0),
    event_type      text NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('success', 'warning', 'failure')),
    agent           text NOT NULL,
    run_id          uuid REFERENCES run,
    photo_id        bigint REFERENCES photo,
    restoration_id  bigint REFERENCES restoration,
    publication_id  bigint REFERENCES publication,
    detail          jsonb NOT NULL DEFAULT '{}',
    occurred_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    prev_sha256     text NOT NULL,
    sha256          text NOT NULL,
    PRIMARY KEY (collection_id, seq)
);
