-- The catalog: what was done to every photograph, with what, how good it is, and who approved it.
-- This file is the whole schema as it stands; sql/migrations/ holds the steps that lead to it, and a test keeps the
-- two equal. Words are those of docs/architecture.md. The group roles named in grants come from sql/roles.sql.

CREATE SCHEMA restoration;
COMMENT ON SCHEMA restoration IS
    'What was done to every photograph: tables that the ingest, worker and publisher roles write. Auditors read schema audit.';
CREATE SCHEMA audit;
COMMENT ON SCHEMA audit IS 'Views for people: the only part of the catalog that the auditor role may read.';

SET LOCAL search_path = restoration;

-- Types -----------------------------------------------------------------------------------------------------------

CREATE TYPE consent AS ENUM ('granted', 'unknown', 'refused');
COMMENT ON TYPE consent IS
    'Whether the people shown, or their heirs, agree. refused: nothing is restored. unknown: published only after approval.';

CREATE TYPE sensitivity AS ENUM ('normal', 'memorial', 'sensitive');
COMMENT ON TYPE sensitivity IS
    'How carefully a collection is treated. sensitive: no face is altered, and nothing is published before a person '
    'approved exactly what would be shown.';

CREATE TYPE photo_state AS ENUM
    ('pending', 'queued', 'restoring', 'restored', 'needs_review', 'rejected', 'quarantined', 'skipped');
COMMENT ON TYPE photo_state IS
    'Where a photograph stands. pending: to be done. queued: in a live batch. restoring: leased by a worker. Final: '
    'restored, needs_review (a person must look), rejected (cannot be read), quarantined (failed on every attempt), '
    'skipped (left out on purpose).';

CREATE TYPE run_state AS ENUM ('planning', 'running', 'done', 'failed', 'cancelled');
COMMENT ON TYPE run_state IS 'Where a run stands; failed means that some of its photographs could not be tried.';

CREATE TYPE batch_state AS ENUM ('planned', 'queued', 'running', 'done', 'failed', 'cancelled');
COMMENT ON TYPE batch_state IS 'Where a batch stands. planned: not sent. queued: sent to Celery. running: claimed by a worker.';

CREATE TYPE step_status AS ENUM ('applied', 'not_needed', 'left_alone', 'failed');
COMMENT ON TYPE step_status IS 'What a step did to a photograph: changed it, found nothing to do, chose not to, or failed.';

CREATE TYPE face_action AS ENUM ('restored', 'blended', 'left_alone', 'recorded');
COMMENT ON TYPE face_action IS
    'What was done to a face: replaced, mixed with the original, left as it was, or only recorded (no restorer in the recipe).';

CREATE TYPE damage_kind AS ENUM ('scratch', 'crease', 'hole', 'dust', 'stain', 'writing');
COMMENT ON TYPE damage_kind IS
    'What is wrong with a place of a scan. A stain''s tone is corrected and nothing is filled; writing is reported and never mended.';

CREATE TYPE mending AS ENUM ('none', 'surroundings', 'net', 'tone');
COMMENT ON TYPE mending IS
    'How damage was mended: not at all, from the pixels round it, by an inpainting net, or by bringing its tone to that of its surroundings.';

CREATE TYPE hint_ground AS ENUM ('memory', 'writing', 'object', 'photograph', 'rule');
COMMENT ON TYPE hint_ground IS
    'From what somebody knows a colour: they remember it; a letter, diary or caption says it; the thing is still there; a colour photograph or painting shows it; it was prescribed (uniforms, school colours).';

CREATE TYPE measurement_stage AS ENUM ('source', 'restored', 'pair');
COMMENT ON TYPE measurement_stage IS 'Whether a number describes the scan, the restored picture, or the difference of both.';

CREATE TYPE review_decision AS ENUM ('accept', 'reject', 'accept_without_faces', 'keep_original');
COMMENT ON TYPE review_decision IS 'What a person decided about a restored photograph.';

CREATE TYPE publication_state AS ENUM ('staging', 'verified', 'current', 'superseded', 'abandoned', 'removed');
COMMENT ON TYPE publication_state IS
    'Where a publication stands. Only one of a collection is current; abandoned ones were left half-written; the files of removed ones are gone, their record is not.';

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
    'model_unknown', 'model_missing', 'model_corrupt', 'publication_invalid', 'chain_broken',
    'awaiting_review', 'awaiting_faces_off', 'reviewer_rejected', 'reviewer_kept_original', 'label_invalid',
    'fixity_changed', 'fixity_missing', 'model_retired', 'face_part_missing', 'many_alike', 'negative',
    'doubtful_colour', 'divided', 'device_fault', 'disk_full', 'mostly_missing',
    'doubtful_fill');
COMMENT ON TYPE reason_code IS 'Why a photograph, a face or a step ended as it did. Mirrors restoration.errors.ReasonCode.';

-- Tables ----------------------------------------------------------------------------------------------------------

CREATE TABLE schema_migration (
    name            text PRIMARY KEY CHECK (name ~ '^[0-9]{4}_[a-z0-9_]+$'),
    sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by      text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE schema_migration IS 'Migrations that this database went through, written by restoration catalog migrate.';
COMMENT ON COLUMN schema_migration.name IS 'File name in sql/migrations without its ending; the order is that of the names.';
COMMENT ON COLUMN schema_migration.sha256 IS 'Hash of the file as it was applied; a file that differs today is refused.';
COMMENT ON COLUMN schema_migration.applied_at IS 'When it was applied.';
COMMENT ON COLUMN schema_migration.applied_by IS 'Login that applied it.';

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
    listed_at       timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE collection IS 'A set of scans under one S3 prefix, with the conditions under which they were entrusted.';
COMMENT ON COLUMN collection.collection_id IS 'Number of the collection.';
COMMENT ON COLUMN collection.name IS 'Short name used in commands, addresses and the archive''s layout: a-z, 0-9 and hyphens.';
COMMENT ON COLUMN collection.title IS 'Name for people.';
COMMENT ON COLUMN collection.source_uri IS 'Where the scans lie: s3://bucket/prefix. Never written to.';
COMMENT ON COLUMN collection.recipe IS 'Recipe by name, used unless a run asks for another one.';
COMMENT ON COLUMN collection.consent IS 'Whether the people shown agree; refused means that nothing of it is restored.';
COMMENT ON COLUMN collection.sensitivity IS 'How carefully the collection is treated.';
COMMENT ON COLUMN collection.rights IS 'Rights statement, free text or an address of rightsstatements.org or creativecommons.org.';
COMMENT ON COLUMN collection.contact IS 'Whom to ask about the collection.';
COMMENT ON COLUMN collection.active IS 'False for collections that are closed: they stay in the catalog, nightly runs leave them out.';
COMMENT ON COLUMN collection.nightly IS 'Whether the nightly run restores new photographs of it.';
COMMENT ON COLUMN collection.listed_at IS 'When the prefix was last listed completely; a photograph without missing_since was there then.';
COMMENT ON COLUMN collection.created_at IS 'When it was registered.';
COMMENT ON COLUMN collection.updated_at IS 'When its row was last changed.';

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
COMMENT ON TABLE model_version IS 'Every weight file that ever touched a photograph. Rows are never changed by workers.';
COMMENT ON COLUMN model_version.model_version_id IS 'Number of the model version.';
COMMENT ON COLUMN model_version.name IS 'Name in the model registry.';
COMMENT ON COLUMN model_version.version IS 'Version in the model registry.';
COMMENT ON COLUMN model_version.architecture IS 'Which net the weights belong to.';
COMMENT ON COLUMN model_version.weights_sha256 IS 'Hash of the weight file.';
COMMENT ON COLUMN model_version.licence IS 'Licence of the weights, as an SPDX expression or a plain name.';
COMMENT ON COLUMN model_version.source IS 'Where the weight file comes from.';
COMMENT ON COLUMN model_version.training_data IS 'What the model learnt from, as its registry entry says.';
COMMENT ON COLUMN model_version.registered_at IS 'When a worker first used it.';
COMMENT ON COLUMN model_version.retired_at IS 'When it was withdrawn from use; null while in use.';

CREATE TABLE run (
    run_id          uuid PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    dag_id          text NOT NULL,
    dag_run_id      text NOT NULL,
    recipe          text NOT NULL,
    recipe_sha256   text NOT NULL CHECK (recipe_sha256 ~ '^[0-9a-f]{64}$'),
    recipe_body     jsonb NOT NULL,
    models_sha256   text CHECK (models_sha256 ~ '^[0-9a-f]{64}$'),
    parameters      jsonb NOT NULL DEFAULT '{}',
    state           run_state NOT NULL DEFAULT 'planning',
    code_version    text NOT NULL DEFAULT '',
    listing         jsonb NOT NULL DEFAULT '{}',
    summary         jsonb NOT NULL DEFAULT '{}',
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    UNIQUE (dag_id, dag_run_id)
);
COMMENT ON TABLE run IS 'One Airflow DAG run over one collection with one recipe.';
COMMENT ON COLUMN run.run_id IS 'UUIDv5 of the DAG run: the same DAG run always has the same id.';
COMMENT ON COLUMN run.collection_id IS 'Collection that is restored.';
COMMENT ON COLUMN run.dag_id IS 'Airflow DAG.';
COMMENT ON COLUMN run.dag_run_id IS 'Airflow DAG run.';
COMMENT ON COLUMN run.recipe IS 'Recipe by name.';
COMMENT ON COLUMN run.recipe_sha256 IS 'Hash of the recipe''s canonical form.';
COMMENT ON COLUMN run.recipe_body IS 'The recipe''s canonical form: what the workers do.';
COMMENT ON COLUMN run.models_sha256 IS 'Hash of the set of models that the planner expected; each restoration names the set it really used.';
COMMENT ON COLUMN run.parameters IS 'Parameters of the trigger form.';
COMMENT ON COLUMN run.state IS 'Where the run stands.';
COMMENT ON COLUMN run.code_version IS 'Version of this software on the Airflow side.';
COMMENT ON COLUMN run.listing IS 'What the listing of the prefix brought: counts of new, changed, missing, rejected objects.';
COMMENT ON COLUMN run.summary IS 'How the run ended: photographs by state and by reason. Empty until it is finished.';
COMMENT ON COLUMN run.started_at IS 'When the run was opened.';
COMMENT ON COLUMN run.finished_at IS 'When the run was closed.';

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
    tiles_before_key text,
    tiles_after_key text,
    variant         text NOT NULL DEFAULT '' CHECK (variant IN ('', 'faces_off', 'hinted', 'faces_off_hinted')),
    mask_key        text,
    filled_share    real CHECK (filled_share BETWEEN 0 AND 1),
    access_key      text,
    access_sha256   text CHECK (access_sha256 ~ '^[0-9a-f]{64}$'),
    access_bytes    bigint CHECK (access_bytes > 0),
    access_format   text,
    UNIQUE (source_sha256, recipe_sha256, models_sha256, device_class),
    CONSTRAINT restoration_filled_has_mask CHECK (mask_key IS NOT NULL OR coalesce(filled_share, 0) = 0),
    CONSTRAINT restoration_access_is_whole
        CHECK (num_nulls(access_key, access_sha256, access_bytes, access_format) IN (0, 4))
);
CREATE INDEX restoration_output ON restoration (output_sha256);
CREATE INDEX restoration_run ON restoration (first_run_id);
COMMENT ON TABLE restoration IS
    'The result of one recipe with one set of model hashes on one content hash and device class: the key of idempotency. '
    'Rows are written once; photographs with the same bytes share one.';
COMMENT ON COLUMN restoration.restoration_id IS 'Number of the restoration.';
COMMENT ON COLUMN restoration.source_sha256 IS 'Hash of the scan''s bytes.';
COMMENT ON COLUMN restoration.recipe_sha256 IS 'Hash of the recipe''s canonical form.';
COMMENT ON COLUMN restoration.models_sha256 IS 'Hash of the set of models that was at hand.';
COMMENT ON COLUMN restoration.recipe IS 'Recipe by name.';
COMMENT ON COLUMN restoration.state IS 'restored, or needs_review where a person must look.';
COMMENT ON COLUMN restoration.reason IS 'Why a person must look.';
COMMENT ON COLUMN restoration.reason_detail IS 'The reason in words, with figures.';
COMMENT ON COLUMN restoration.output_key IS 'Key of the restored file in the bucket for restored photographs, by content.';
COMMENT ON COLUMN restoration.output_sha256 IS 'Hash of the restored file.';
COMMENT ON COLUMN restoration.output_bytes IS 'Size of the restored file in bytes.';
COMMENT ON COLUMN restoration.output_format IS 'Format of the restored file by the ending of its name: png or tif.';
COMMENT ON COLUMN restoration.output_width IS 'Width in pixels.';
COMMENT ON COLUMN restoration.output_height IS 'Height in pixels.';
COMMENT ON COLUMN restoration.output_bits IS 'Bits a channel.';
COMMENT ON COLUMN restoration.preview_before_key IS 'Key of the small JPEG of the scan.';
COMMENT ON COLUMN restoration.preview_after_key IS 'Key of the small JPEG of the restored photograph.';
COMMENT ON COLUMN restoration.ai_altered IS 'Whether a trained model changed what the photograph shows: label it so.';
COMMENT ON COLUMN restoration.device IS 'Device that ran the nets.';
COMMENT ON COLUMN restoration.device_class IS 'Class of devices that give the same bytes, e.g. cpu-x86_64 or cuda-sm90.';
COMMENT ON COLUMN restoration.worker IS 'Worker process that did it.';
COMMENT ON COLUMN restoration.code_version IS 'Version of this software on the worker.';
COMMENT ON COLUMN restoration.seconds IS 'Seconds of work on this photograph.';
COMMENT ON COLUMN restoration.first_run_id IS 'Run that made it; later runs link to it.';
COMMENT ON COLUMN restoration.created_at IS 'When it was written.';
COMMENT ON COLUMN restoration.tiles_before_key IS
    'Key of the ZIP file with the scan''s tiles (IIIF Image API 3, level 0); null where none were made.';
COMMENT ON COLUMN restoration.tiles_after_key IS
    'Key of the ZIP file with the restored photograph''s tiles; null where none were made.';
COMMENT ON COLUMN restoration.variant IS
    'Empty: the recipe of the run as it stands. faces_off: with its face restorers taken out, because a person decided so. hinted: with colours that people gave. faces_off_hinted: both.';
COMMENT ON COLUMN restoration.mask_key IS
    'Key of the mask, a PNG of the output''s size that says where pixels were mended and of what kind the damage was; null where none were.';
COMMENT ON COLUMN restoration.filled_share IS
    'Share of the picture that was invented to fill damage, 0 to 1; null where it was restored before that was recorded.';
COMMENT ON COLUMN restoration.access_key IS
    'Key of the copy for everyday use (JPEG or WebP) in the bucket for restored photographs; null where the recipe asks for none.';
COMMENT ON COLUMN restoration.access_sha256 IS 'Hash of that copy.';
COMMENT ON COLUMN restoration.access_bytes IS 'Its size in bytes.';
COMMENT ON COLUMN restoration.access_format IS 'Its format by the ending of its name: jpg or webp.';
COMMENT ON INDEX restoration_output IS 'From a restored file back to its restoration.';
COMMENT ON INDEX restoration_run IS 'Throughput of a run.';

CREATE TABLE division (
    division_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    source_sha256   text NOT NULL CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    arrangement     text NOT NULL DEFAULT '' CHECK (arrangement IN ('', 'prints_on_bed', 'album_page', 'stereo_card')),
    boxes           text[] NOT NULL CHECK (cardinality(boxes) BETWEEN 1 AND 99),
    given_through   text NOT NULL CHECK (given_through IN ('triage', 'boxes', 'recipe')),
    run_id          uuid REFERENCES run,
    decided_by      text NOT NULL CHECK (decided_by <> ''),
    decided_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX division_content ON division (collection_id, source_sha256);
COMMENT ON TABLE division IS
    'Decisions that a scan is divided into the photographs it shows. Rows are never changed; one that no longer holds gets a row in division_removal. Holds for every scan of the collection with that content; one at most is in force for a content.';
COMMENT ON COLUMN division.division_id IS 'Number of the decision.';
COMMENT ON COLUMN division.collection_id IS 'Collection of the scan.';
COMMENT ON COLUMN division.source_sha256 IS 'Identity of the scan''s content, as in photo.content_sha256.';
COMMENT ON COLUMN division.arrangement IS 'prints_on_bed, album_page or stereo_card; empty if nobody said.';
COMMENT ON COLUMN division.boxes IS
    'Where its photographs are, in their order. Each as five numbers: centre across and down (shares of width and height), width and height (shares of the long side), turn in degrees clockwise.';
COMMENT ON COLUMN division.given_through IS
    'triage: a person took what triage had found. boxes: a person gave the boxes. recipe: the recipe of a run says that sure findings are divided.';
COMMENT ON COLUMN division.run_id IS 'The run that divided it; null if a person did.';
COMMENT ON COLUMN division.decided_by IS 'The person, or the recipe.';
COMMENT ON COLUMN division.decided_at IS 'When.';
COMMENT ON INDEX division_content IS 'The decisions about a content.';

CREATE TABLE division_removal (
    division_id     bigint PRIMARY KEY REFERENCES division,
    reason          text NOT NULL DEFAULT '',
    removed_by      text NOT NULL CHECK (removed_by <> ''),
    removed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE division_removal IS 'Divisions that no longer hold. The division''s own row stays.';
COMMENT ON COLUMN division_removal.division_id IS 'The division.';
COMMENT ON COLUMN division_removal.reason IS 'Why, in words; may be empty.';
COMMENT ON COLUMN division_removal.removed_by IS 'Who took it back.';
COMMENT ON COLUMN division_removal.removed_at IS 'When.';

CREATE FUNCTION part_content(file_sha256 text, page integer, box text) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN encode(pg_catalog.sha256(convert_to(
        CASE WHEN page = 1 THEN file_sha256
             ELSE encode(pg_catalog.sha256(convert_to(file_sha256 || E'\npage ' || page || E'\n', 'UTF8')), 'hex') END
        || E'\nbox ' || box || E'\n', 'UTF8')), 'hex');
COMMENT ON FUNCTION part_content(text, integer, text) IS
    'Identity of the content of a photograph that was cut out of a scan: a hash over the file''s hash, the page and the box.';

CREATE TABLE photo (
    photo_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    object_key      text NOT NULL,
    version_id      text NOT NULL DEFAULT '',
    etag            text NOT NULL,
    size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
    last_modified   timestamptz NOT NULL,
    current         boolean NOT NULL DEFAULT true,
    missing_since   timestamptz,
    content_sha256  text CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    duplicate_of    bigint REFERENCES photo CHECK (duplicate_of <> photo_id),
    format          text,
    width           integer CHECK (width > 0),
    height          integer CHECK (height > 0),
    bits            smallint,
    scan            jsonb NOT NULL DEFAULT '{}',
    dublin_core     jsonb NOT NULL DEFAULT '{}',
    state           photo_state NOT NULL DEFAULT 'pending',
    reason          reason_code,
    reason_detail   text NOT NULL DEFAULT '',
    restoration_id  bigint REFERENCES restoration,
    recipe_sha256   text,
    attempts        smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    lease_owner     text,
    lease_until     timestamptz,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    declared_sha256 text CHECK (declared_sha256 ~ '^[0-9a-f]{64}$'),
    fixity_checked_at timestamptz,
    fixity          text CHECK (fixity IN ('intact', 'changed', 'missing')),
    hint_ids        bigint[] NOT NULL DEFAULT '{}',
    file_key        text,
    part            integer NOT NULL DEFAULT 1 CHECK (part >= 1),
    page            integer NOT NULL DEFAULT 1 CHECK (page >= 1),
    file_sha256     text CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    division_id     bigint REFERENCES division,
    box             text,
    UNIQUE (collection_id, object_key, version_id, etag),
    CONSTRAINT photo_restored_has_restoration
        CHECK (state NOT IN ('restored', 'needs_review') OR restoration_id IS NOT NULL),
    CONSTRAINT photo_refusal_has_reason CHECK (state NOT IN ('rejected', 'quarantined', 'skipped') OR reason IS NOT NULL),
    CONSTRAINT photo_lease_is_whole CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CONSTRAINT photo_lease_while_restoring CHECK ((state = 'restoring') = (lease_owner IS NOT NULL)),
    CONSTRAINT photo_part_has_file CHECK (part = 1 OR file_key IS NOT NULL),
    CONSTRAINT photo_box_is_part CHECK ((box IS NULL) = (part < 1000000)),
    CONSTRAINT photo_box_is_content
        CHECK (box IS NULL OR (division_id IS NOT NULL AND content_sha256 = part_content(file_sha256, page, box)))
);
CREATE UNIQUE INDEX photo_current_key ON photo (collection_id, object_key) WHERE current;
CREATE INDEX photo_count ON photo (collection_id, state, reason) INCLUDE (size_bytes, duplicate_of) WHERE current;
CREATE INDEX photo_content ON photo (content_sha256, collection_id) WHERE content_sha256 IS NOT NULL;
CREATE INDEX photo_restoration ON photo (restoration_id) WHERE restoration_id IS NOT NULL;
CREATE INDEX photo_lease ON photo (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX photo_duplicate ON photo (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX photo_fixity ON photo (collection_id, fixity_checked_at NULLS FIRST)
    WHERE current AND missing_since IS NULL AND content_sha256 IS NOT NULL;
CREATE UNIQUE INDEX photo_part ON photo (collection_id, file_key, part) WHERE current AND file_key IS NOT NULL;
CREATE INDEX photo_file ON photo (collection_id, file_key) WHERE file_key IS NOT NULL;
CREATE INDEX photo_division ON photo (division_id) WHERE division_id IS NOT NULL;
CREATE INDEX photo_declared ON photo (declared_sha256) WHERE declared_sha256 IS NOT NULL;
COMMENT ON TABLE photo IS
    'One photograph: collection, key and version of its file, and which part of the file it is. A replaced object is a new row; the old one stops being current.';
COMMENT ON COLUMN photo.photo_id IS 'Number of the photograph.';
COMMENT ON COLUMN photo.collection_id IS 'Collection it belongs to.';
COMMENT ON COLUMN photo.object_key IS
    'Name of the photograph: the key of its file, with #2, #3, ... behind it for further pages, and #2.1, #2.2, ... for photographs that were cut out of a page.';
COMMENT ON COLUMN photo.version_id IS 'S3 version, empty where the bucket is not versioned.';
COMMENT ON COLUMN photo.etag IS 'ETag as listed; a scan whose ETag differs when it is read was replaced in between.';
COMMENT ON COLUMN photo.size_bytes IS 'Size as listed, in bytes.';
COMMENT ON COLUMN photo.last_modified IS 'Time of the object as listed.';
COMMENT ON COLUMN photo.current IS 'Whether this is the scan''s latest version.';
COMMENT ON COLUMN photo.missing_since IS 'First listing in which the object was no longer there; null while it is.';
COMMENT ON COLUMN photo.content_sha256 IS
    'Identity of the photograph''s content, known once a worker has read it: the hash of the scan''s bytes; of a further page, a hash over that and the page; of a photograph cut out of a page, a hash over that page''s and the box.';
COMMENT ON COLUMN photo.duplicate_of IS 'Earlier photograph of the collection with the same bytes; both show one restoration.';
COMMENT ON COLUMN photo.format IS 'Format of the scan as decoded.';
COMMENT ON COLUMN photo.width IS 'Width of the scan in pixels, orientation applied.';
COMMENT ON COLUMN photo.height IS 'Height of the scan in pixels, orientation applied.';
COMMENT ON COLUMN photo.bits IS 'Bits a channel of the scan.';
COMMENT ON COLUMN photo.scan IS 'More facts of the scan: channels, page and pages, dpi, ICC profile, embedded metadata.';
COMMENT ON COLUMN photo.dublin_core IS 'Dublin Core terms from the collection''s metadata.csv.';
COMMENT ON COLUMN photo.state IS 'Where the photograph stands.';
COMMENT ON COLUMN photo.reason IS 'Why it is rejected, quarantined, skipped or needs review.';
COMMENT ON COLUMN photo.reason_detail IS 'The reason in words.';
COMMENT ON COLUMN photo.restoration_id IS 'The restoration that this photograph shows.';
COMMENT ON COLUMN photo.recipe_sha256 IS 'Recipe with which it was finished; another recipe makes it due again.';
COMMENT ON COLUMN photo.attempts IS 'Attempts at restoring it since it was last chosen afresh.';
COMMENT ON COLUMN photo.lease_owner IS 'Worker that is restoring it now.';
COMMENT ON COLUMN photo.lease_until IS 'When that worker is taken for dead unless it renews the lease.';
COMMENT ON COLUMN photo.first_seen_at IS 'When a listing first showed this version of the scan.';
COMMENT ON COLUMN photo.finished_at IS 'When it reached its present final state.';
COMMENT ON COLUMN photo.declared_sha256 IS
    'Hash of the scan as the collection''s metadata.csv gives it; a scan that differs is rejected.';
COMMENT ON COLUMN photo.fixity_checked_at IS 'When the scan was last read again and its hash compared; null: not since it was restored.';
COMMENT ON COLUMN photo.fixity IS 'What the last check found: intact, changed or missing.';
COMMENT ON COLUMN photo.hint_ids IS
    'Hints that held when it was last restored, by number; a photograph whose hints have changed since is due again.';
COMMENT ON COLUMN photo.file_key IS
    'Key of its file in the bucket, where that is another than object_key: of further parts, and where a page of another file had the name first. Null: object_key is the key.';
COMMENT ON COLUMN photo.part IS
    'Which of its file''s photographs it is. The first comes with the listing, the others once a worker has read the file. Of those that were cut out of a page: 1000000, 1000 for each page, and the number on the page.';
COMMENT ON COLUMN photo.page IS 'The page of its file that shows it, from 1; thumbnails and smaller copies do not count.';
COMMENT ON COLUMN photo.file_sha256 IS 'Hash of its file''s bytes where that is not content_sha256: of further parts, once a worker has read them.';
COMMENT ON COLUMN photo.division_id IS
    'Of a scan that is divided, and of the photographs that were cut out of one: the decision. Null of all others.';
COMMENT ON COLUMN photo.box IS
    'Where on its page it was cut out, as in division.boxes; null if it is the whole page.';
COMMENT ON INDEX photo_current_key IS 'One current photograph a key; look-up by key.';
COMMENT ON INDEX photo_count IS 'Counts by state and reason from the index alone; photographs of a collection in one state.';
COMMENT ON INDEX photo_content IS 'Duplicates by content; from a hash to its photographs.';
COMMENT ON INDEX photo_restoration IS 'From a restoration to the photographs that show it.';
COMMENT ON INDEX photo_lease IS 'The reaper''s question: which leases have run out.';
COMMENT ON INDEX photo_duplicate IS 'From a photograph to its duplicates.';
COMMENT ON INDEX photo_fixity IS 'The scans that have gone longest without a fixity check.';
COMMENT ON INDEX photo_part IS 'One current photograph a part; the parts of a file.';
COMMENT ON INDEX photo_file IS 'The parts of a file, of whatever version.';
COMMENT ON INDEX photo_declared IS 'From what a giver says a scan''s hash is to the scan: of collections that are never read.';
COMMENT ON INDEX photo_division IS 'The photographs of a division.';

CREATE TABLE batch (
    batch_id        uuid PRIMARY KEY,
    run_id          uuid NOT NULL REFERENCES run,
    shard           smallint NOT NULL CHECK (shard >= 0),
    ordinal         integer NOT NULL CHECK (ordinal >= 0),
    state           batch_state NOT NULL DEFAULT 'planned',
    photo_count     integer NOT NULL CHECK (photo_count > 0),
    deliveries      integer NOT NULL DEFAULT 0,
    worker          text,
    detail          text NOT NULL DEFAULT '',
    heartbeat_at    timestamptz,
    queued_at       timestamptz,
    started_at      timestamptz,
    finished_at     timestamptz,
    given_back      smallint NOT NULL DEFAULT 0,
    UNIQUE (run_id, shard, ordinal)
);
CREATE INDEX batch_live ON batch (state) WHERE state IN ('planned', 'queued', 'running');
COMMENT ON TABLE batch IS 'What one Celery task gets: 1 to 256 photographs of one run.';
COMMENT ON COLUMN batch.batch_id IS 'UUIDv5 of run, shard and ordinal: planning twice gives the same batches. Also the Celery task id.';
COMMENT ON COLUMN batch.run_id IS 'Run it belongs to.';
COMMENT ON COLUMN batch.shard IS 'Which mapped instance of the restore operator carries it, from 0.';
COMMENT ON COLUMN batch.ordinal IS 'Its place in the shard, from 0.';
COMMENT ON COLUMN batch.state IS 'Where the batch stands.';
COMMENT ON COLUMN batch.photo_count IS 'Photographs in it.';
COMMENT ON COLUMN batch.deliveries IS 'How often a worker claimed it; more than 1 after a crash or a doubled delivery.';
COMMENT ON COLUMN batch.worker IS 'Worker that claimed it last.';
COMMENT ON COLUMN batch.detail IS 'Why it failed or was cancelled, in words.';
COMMENT ON COLUMN batch.heartbeat_at IS 'Last sign of life of its worker.';
COMMENT ON COLUMN batch.queued_at IS 'When it was last given out for sending.';
COMMENT ON COLUMN batch.started_at IS 'When it was first claimed.';
COMMENT ON COLUMN batch.finished_at IS 'When it was closed.';
COMMENT ON COLUMN batch.given_back IS
    'How often a worker gave it back because machine or infrastructure failed; attempts of photographs do not count then.';
COMMENT ON INDEX batch_live IS 'Batches on their way: few rows, whatever the size of the catalog.';

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
CREATE INDEX batch_photo_photo ON batch_photo (photo_id);
COMMENT ON TABLE batch_photo IS 'Which photographs a batch carries, and how each ended in this run.';
COMMENT ON COLUMN batch_photo.batch_id IS 'The batch.';
COMMENT ON COLUMN batch_photo.photo_id IS 'The photograph.';
COMMENT ON COLUMN batch_photo.position IS 'Its place in the batch, from 0.';
COMMENT ON COLUMN batch_photo.state IS 'How it ended in this run; queued until it has. skipped/already_done: linked to an earlier restoration.';
COMMENT ON COLUMN batch_photo.reason IS 'Why it ended so.';
COMMENT ON COLUMN batch_photo.reason_detail IS 'The reason in words.';
COMMENT ON COLUMN batch_photo.restoration_id IS 'Restoration that this run gave it.';
COMMENT ON COLUMN batch_photo.finished_at IS 'When it ended in this run.';
COMMENT ON INDEX batch_photo_photo IS 'The runs of one photograph.';

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
CREATE INDEX step_record_model ON step_record (model_version_id) WHERE model_version_id IS NOT NULL;
COMMENT ON TABLE step_record IS 'What each step of the recipe did in one restoration.';
COMMENT ON COLUMN step_record.restoration_id IS 'The restoration.';
COMMENT ON COLUMN step_record.ordinal IS 'Place in the recipe.';
COMMENT ON COLUMN step_record.step IS 'Step by name: triage, repair, colorize, faces, upscale, measure.';
COMMENT ON COLUMN step_record.status IS 'What it did.';
COMMENT ON COLUMN step_record.reason IS 'Why it did nothing.';
COMMENT ON COLUMN step_record.parameters IS 'Parameters it was given.';
COMMENT ON COLUMN step_record.model_version_id IS 'Model that did the work, where one did.';
COMMENT ON COLUMN step_record.seconds IS 'Seconds it took.';
COMMENT ON COLUMN step_record.detail IS 'What it found: plain numbers and words.';
COMMENT ON INDEX step_record_model IS 'What a model was used for.';

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
    certainty       real CHECK (certainty BETWEEN 0 AND 1),
    identity_threshold real CHECK (identity_threshold BETWEEN 0 AND 1),
    identity_tried  jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (restoration_id, ordinal)
);
COMMENT ON TABLE face IS 'Each face found in one restoration, and what was done to it.';
COMMENT ON COLUMN face.restoration_id IS 'The restoration.';
COMMENT ON COLUMN face.ordinal IS 'Number of the face in the photograph.';
COMMENT ON COLUMN face.x IS 'Left edge of the box, pixels from the left.';
COMMENT ON COLUMN face.y IS 'Upper edge of the box, pixels from the top.';
COMMENT ON COLUMN face.width IS 'Width of the box in pixels.';
COMMENT ON COLUMN face.height IS 'Height of the box in pixels.';
COMMENT ON COLUMN face.confidence IS 'The detector''s confidence, 0 to 1.';
COMMENT ON COLUMN face.landmarks IS 'Left eye, right eye, nose, left and right corner of the mouth as (x, y) pixels.';
COMMENT ON COLUMN face.action IS 'What was done to it.';
COMMENT ON COLUMN face.reason IS 'Why it was left alone or blended.';
COMMENT ON COLUMN face.identity IS 'Cosine between embeddings before and after, -1 to 1, higher is the same person; null where not restored.';
COMMENT ON COLUMN face.blend IS 'Share of the restored face in the result, 0 to 1.';
COMMENT ON COLUMN face.detector_id IS 'Model that found it.';
COMMENT ON COLUMN face.restorer_id IS 'Model that restored it.';
COMMENT ON COLUMN face.identity_model_id IS 'Model that compared before and after.';
COMMENT ON COLUMN face.certainty IS
    'How sure the identity model was of the face in the scan, 0 to 1; null where it was not asked.';
COMMENT ON COLUMN face.identity_threshold IS
    'Lowest identity that a face of that certainty may have after restoring; null where no restorer saw it.';
COMMENT ON COLUMN face.identity_tried IS
    'Identities of the shares of the restored face that were tried: whole, three quarters, half, a quarter.';

CREATE TABLE damage (
    restoration_id  bigint NOT NULL REFERENCES restoration,
    kind            damage_kind NOT NULL,
    found_share     real NOT NULL CHECK (found_share BETWEEN 0 AND 1),
    mended_share    real NOT NULL CHECK (mended_share BETWEEN 0 AND 1),
    regions         integer NOT NULL CHECK (regions >= 0),
    mending         mending NOT NULL,
    model_version_id bigint REFERENCES model_version,
    x               integer CHECK (x >= 0),
    y               integer CHECK (y >= 0),
    width           integer CHECK (width > 0),
    height          integer CHECK (height > 0),
    PRIMARY KEY (restoration_id, kind),
    CONSTRAINT damage_box_is_whole CHECK (num_nulls(x, y, width, height) IN (0, 4))
);
COMMENT ON TABLE damage IS 'Each kind of damage found in one restoration, how much of it there was, and how it was mended.';
COMMENT ON COLUMN damage.restoration_id IS 'The restoration.';
COMMENT ON COLUMN damage.kind IS 'What kind of damage.';
COMMENT ON COLUMN damage.found_share IS 'Share of the picture where it was found, 0 to 1.';
COMMENT ON COLUMN damage.mended_share IS 'Share of the picture where it was mended, 0 to 1.';
COMMENT ON COLUMN damage.regions IS 'Connected places of it.';
COMMENT ON COLUMN damage.mending IS 'How most of it was mended.';
COMMENT ON COLUMN damage.model_version_id IS 'Net that mended it; null where none did.';
COMMENT ON COLUMN damage.x IS 'Left edge of the box round all that was mended, pixels of the output from the left; null where nothing was.';
COMMENT ON COLUMN damage.y IS 'Upper edge of that box, pixels from the top.';
COMMENT ON COLUMN damage.width IS 'Width of that box in pixels.';
COMMENT ON COLUMN damage.height IS 'Height of that box in pixels.';

CREATE TABLE measurement (
    restoration_id  bigint NOT NULL REFERENCES restoration,
    metric          text NOT NULL,
    stage           measurement_stage NOT NULL,
    value           double precision NOT NULL,
    PRIMARY KEY (restoration_id, metric, stage)
);
COMMENT ON TABLE measurement IS 'Numbers about one restoration; ranges and directions are in restoration.quality.metrics.';
COMMENT ON COLUMN measurement.restoration_id IS 'The restoration.';
COMMENT ON COLUMN measurement.metric IS 'Metric by name, e.g. psnr, ssim_y, colourfulness_hs, sharpness.';
COMMENT ON COLUMN measurement.stage IS 'Of the scan, of the restored picture, or of the pair.';
COMMENT ON COLUMN measurement.value IS 'The number, in the metric''s own unit.';

CREATE TABLE publication (
    publication_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    version         integer NOT NULL CHECK (version > 0),
    run_id          uuid REFERENCES run,
    state           publication_state NOT NULL DEFAULT 'staging',
    uri             text NOT NULL,
    content_sha256  text CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    manifest_sha256 text CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
    chain_head      text CHECK (chain_head ~ '^[0-9a-f]{64}$'),
    photo_count     integer,
    byte_count      bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    verified_at     timestamptz,
    current_at      timestamptz,
    fixity_cursor   text NOT NULL DEFAULT '',
    fixity_checked_at timestamptz,
    fixity          text CHECK (fixity IN ('intact', 'changed', 'missing')),
    removed_at      timestamptz,
    UNIQUE (collection_id, version),
    CONSTRAINT publication_verified_is_whole CHECK (state NOT IN ('verified', 'current', 'superseded') OR
        (content_sha256 IS NOT NULL AND manifest_sha256 IS NOT NULL AND chain_head IS NOT NULL
         AND photo_count IS NOT NULL AND byte_count IS NOT NULL AND verified_at IS NOT NULL))
);
CREATE UNIQUE INDEX publication_one_current ON publication (collection_id) WHERE state = 'current';
CREATE UNIQUE INDEX publication_one_staging ON publication (collection_id) WHERE state IN ('staging', 'verified');
COMMENT ON TABLE publication IS 'An immutable version of a collection''s published archive.';
COMMENT ON COLUMN publication.publication_id IS 'Number of the publication.';
COMMENT ON COLUMN publication.collection_id IS 'Collection that is published.';
COMMENT ON COLUMN publication.version IS 'Version of the archive, from 1; versions of abandoned publications are not used again.';
COMMENT ON COLUMN publication.run_id IS 'Run after which it was published.';
COMMENT ON COLUMN publication.state IS 'Where it stands.';
COMMENT ON COLUMN publication.uri IS 'Where it lies.';
COMMENT ON COLUMN publication.content_sha256 IS 'Hash over key, output hash and state of every photograph: equal content is not published twice.';
COMMENT ON COLUMN publication.manifest_sha256 IS
    'Hash of its tagmanifest-sha256.txt, which names every file directly or through a manifest; of manifest-sha256.txt for archives from before the bags.';
COMMENT ON COLUMN publication.chain_head IS 'Head of the collection''s chain of events when it was written; the archive carries it too.';
COMMENT ON COLUMN publication.photo_count IS 'Photographs in it.';
COMMENT ON COLUMN publication.byte_count IS 'Bytes of all its files.';
COMMENT ON COLUMN publication.created_at IS 'When writing began.';
COMMENT ON COLUMN publication.verified_at IS 'When it was read back and found whole.';
COMMENT ON COLUMN publication.current_at IS 'When it became the current one.';
COMMENT ON COLUMN publication.fixity_cursor IS 'Last file that the fixity check under way has read; empty between two checks.';
COMMENT ON COLUMN publication.fixity_checked_at IS 'When all its files were last read again; null: not since it was verified.';
COMMENT ON COLUMN publication.fixity IS 'What the last complete check found: intact, changed or missing.';
COMMENT ON COLUMN publication.removed_at IS 'When its files were removed after a withdrawal; its record stays.';
COMMENT ON INDEX publication_one_current IS 'At most one current publication a collection.';
COMMENT ON INDEX publication_one_staging IS 'At most one publication of a collection is being written.';

CREATE TABLE publication_photo (
    publication_id  bigint NOT NULL REFERENCES publication,
    photo_id        bigint NOT NULL REFERENCES photo,
    restoration_id  bigint REFERENCES restoration,
    payload_name    text NOT NULL,
    shown_as        text NOT NULL DEFAULT 'restored' CHECK (shown_as IN ('restored', 'original', 'listed', 'withdrawn')),
    output_sha256   text CHECK (output_sha256 ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (publication_id, photo_id)
);
CREATE INDEX publication_photo_photo ON publication_photo (photo_id);
COMMENT ON TABLE publication_photo IS 'What a publication shows of each photograph.';
COMMENT ON COLUMN publication_photo.publication_id IS 'The publication.';
COMMENT ON COLUMN publication_photo.photo_id IS 'The photograph.';
COMMENT ON COLUMN publication_photo.restoration_id IS 'Restoration it shows; null where it only says why there is none.';
COMMENT ON COLUMN publication_photo.payload_name IS 'Name of the photograph''s files in the archive: generated, plain ASCII.';
COMMENT ON COLUMN publication_photo.shown_as IS
    'restored: with its restored picture. original: only as it was scanned. listed: with its reason alone. withdrawn: a tombstone.';
COMMENT ON COLUMN publication_photo.output_sha256 IS
    'Hash of the published file, which carries labels that the restored file has not; null where none is shown, and in older versions.';
COMMENT ON INDEX publication_photo_photo IS 'The publications of one photograph.';

CREATE TABLE review (
    review_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    photo_id        bigint NOT NULL REFERENCES photo,
    restoration_id  bigint NOT NULL REFERENCES restoration,
    decision        review_decision NOT NULL,
    reviewer        text NOT NULL CHECK (reviewer <> ''),
    words           text NOT NULL DEFAULT '',
    decided_at      timestamptz NOT NULL DEFAULT now(),
    way             text NOT NULL DEFAULT '' CHECK (way IN ('', 'airflow', 'token', 'terminal'))
);
CREATE INDEX review_photo ON review (photo_id, review_id);
COMMENT ON TABLE review IS 'A person''s decisions about restored photographs; the last one counts.';
COMMENT ON COLUMN review.review_id IS 'Number of the review.';
COMMENT ON COLUMN review.photo_id IS 'The photograph.';
COMMENT ON COLUMN review.restoration_id IS 'The restoration that the person saw.';
COMMENT ON COLUMN review.decision IS 'What was decided.';
COMMENT ON COLUMN review.reviewer IS 'Who decided.';
COMMENT ON COLUMN review.words IS 'Why, in the reviewer''s words.';
COMMENT ON COLUMN review.decided_at IS 'When.';
COMMENT ON COLUMN review.way IS
    'How the reviewer came: airflow (name and password checked), token (a name that nobody checked), terminal (a login of the catalog, and a name that nobody checked); empty before migration 0015.';
COMMENT ON INDEX review_photo IS 'The last review of one photograph.';

CREATE TABLE review_session (
    session_sha256  text PRIMARY KEY CHECK (session_sha256 ~ '^[0-9a-f]{64}$'),
    person          text NOT NULL CHECK (person <> ''),
    way             text NOT NULL CHECK (way IN ('airflow', 'token')),
    started_at      timestamptz NOT NULL DEFAULT now(),
    ends_at         timestamptz NOT NULL,
    ended_at        timestamptz
);
COMMENT ON TABLE review_session IS 'Who signed in to the review page, and out again: a session that is not here, or has ended, is nobody''s.';
COMMENT ON COLUMN review_session.session_sha256 IS 'Hash of the secret number that the person''s browser holds.';
COMMENT ON COLUMN review_session.person IS 'Who signed in.';
COMMENT ON COLUMN review_session.way IS 'airflow: Airflow checked the name and password. token: the page''s token, under a name that nobody checked.';
COMMENT ON COLUMN review_session.started_at IS 'When.';
COMMENT ON COLUMN review_session.ends_at IS 'When it ends by itself.';
COMMENT ON COLUMN review_session.ended_at IS 'When the person signed out; null if they did not.';

CREATE TABLE withdrawal (
    withdrawal_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    object_key      text NOT NULL,
    reason          text NOT NULL CHECK (reason <> ''),
    recorded_by     text NOT NULL CHECK (recorded_by <> ''),
    withdrawn_at    timestamptz NOT NULL DEFAULT now(),
    lifted_at       timestamptz,
    lifted_by       text,
    CONSTRAINT withdrawal_lift_is_whole CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE UNIQUE INDEX withdrawal_in_force ON withdrawal (collection_id, object_key) WHERE lifted_at IS NULL;
COMMENT ON TABLE withdrawal IS
    'Scans that are no longer restored or published, for instance by a family''s wish. Holds for the key, so also for a newer scan of that name.';
COMMENT ON COLUMN withdrawal.withdrawal_id IS 'Number of the withdrawal.';
COMMENT ON COLUMN withdrawal.collection_id IS 'Collection of the scan.';
COMMENT ON COLUMN withdrawal.object_key IS 'Key of the scan.';
COMMENT ON COLUMN withdrawal.reason IS 'Why, in words that are published in the photograph''s place.';
COMMENT ON COLUMN withdrawal.recorded_by IS 'Who put it on record; not published.';
COMMENT ON COLUMN withdrawal.withdrawn_at IS 'Since when.';
COMMENT ON COLUMN withdrawal.lifted_at IS 'When it was lifted; null while it is in force.';
COMMENT ON COLUMN withdrawal.lifted_by IS 'Who lifted it.';
COMMENT ON INDEX withdrawal_in_force IS 'One withdrawal in force a scan; look-up by key.';

CREATE TABLE colour_hint (
    hint_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id   bigint NOT NULL REFERENCES collection,
    photo_id        bigint NOT NULL REFERENCES photo,
    source_sha256   text CHECK (source_sha256 ~ '^[0-9a-f]{64}$'),
    outline         jsonb NOT NULL CHECK (jsonb_typeof(outline) = 'array' AND jsonb_array_length(outline) BETWEEN 1 AND 64),
    radius          double precision NOT NULL CHECK (radius > 0 AND radius <= 0.05),
    colour          text NOT NULL CHECK (colour ~ '^#[0-9a-f]{6}$'),
    subject         text NOT NULL DEFAULT '',
    ground          hint_ground NOT NULL,
    source          text NOT NULL DEFAULT '',
    said_by         text NOT NULL CHECK (said_by <> ''),
    said_on         text NOT NULL DEFAULT '',
    given_through   text NOT NULL CHECK (given_through IN ('review page', 'terminal', 'hints.csv')),
    added_by        text NOT NULL CHECK (added_by <> ''),
    added_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX colour_hint_photo ON colour_hint (photo_id);
CREATE INDEX colour_hint_content ON colour_hint (collection_id, source_sha256) WHERE source_sha256 IS NOT NULL;
COMMENT ON TABLE colour_hint IS
    'Colours that somebody knows, at a place of a scan. Rows are never changed; a hint that no longer holds gets a row in colour_hint_removal. Holds for the scan it was given for, and for scans of the collection with the same bytes.';
COMMENT ON COLUMN colour_hint.hint_id IS 'Number of the hint.';
COMMENT ON COLUMN colour_hint.collection_id IS 'Collection of the scan.';
COMMENT ON COLUMN colour_hint.photo_id IS 'The scan it was given for.';
COMMENT ON COLUMN colour_hint.source_sha256 IS 'Hash of that scan''s bytes; null where nobody had read them yet.';
COMMENT ON COLUMN colour_hint.outline IS
    'Where: [[x, y]] for a point, or the corners of an area; shares of the upright scan''s width and height from the left and from the top.';
COMMENT ON COLUMN colour_hint.radius IS 'How far a point reaches, as a share of the longer side.';
COMMENT ON COLUMN colour_hint.colour IS 'The colour as sRGB, #rrggbb. Its lightness does not count: the scan''s own is kept.';
COMMENT ON COLUMN colour_hint.subject IS 'What has that colour, for instance "the dress"; may be empty.';
COMMENT ON COLUMN colour_hint.ground IS 'From what it is known.';
COMMENT ON COLUMN colour_hint.source IS 'The same in words, for instance "her letter of May 1931"; may be empty.';
COMMENT ON COLUMN colour_hint.said_by IS 'Who says so. Published only where the settings allow names.';
COMMENT ON COLUMN colour_hint.said_on IS 'When they said so, as they put it; may be empty.';
COMMENT ON COLUMN colour_hint.given_through IS 'How it came here: review page, terminal or hints.csv.';
COMMENT ON COLUMN colour_hint.added_by IS 'Who put it on record.';
COMMENT ON COLUMN colour_hint.added_at IS 'When.';
COMMENT ON INDEX colour_hint_photo IS 'The hints of a photograph.';
COMMENT ON INDEX colour_hint_content IS 'The hints of its twins.';

CREATE TABLE colour_hint_removal (
    hint_id         bigint PRIMARY KEY REFERENCES colour_hint,
    reason          text NOT NULL DEFAULT '',
    removed_by      text NOT NULL CHECK (removed_by <> ''),
    removed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE colour_hint_removal IS 'Hints that no longer hold. The hint''s own row stays.';
COMMENT ON COLUMN colour_hint_removal.hint_id IS 'The hint.';
COMMENT ON COLUMN colour_hint_removal.reason IS 'Why, in words; may be empty.';
COMMENT ON COLUMN colour_hint_removal.removed_by IS 'Who took it back.';
COMMENT ON COLUMN colour_hint_removal.removed_at IS 'When.';

CREATE TABLE policy (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    fixity_days     integer NOT NULL DEFAULT 90 CHECK (fixity_days > 0)
);
INSERT INTO policy DEFAULT VALUES;
COMMENT ON TABLE policy IS 'What the views need to know of the settings: one row, kept up to date by the DAG verify_archive.';
COMMENT ON COLUMN policy.one IS 'True: there is one row.';
COMMENT ON COLUMN policy.fixity_days IS 'Days within which every original and every published file is to be read again.';

CREATE TABLE event (
    collection_id   bigint NOT NULL REFERENCES collection,
    seq             bigint NOT NULL CHECK (seq > 0),
    event_type      text NOT NULL CHECK (event_type ~ '^[a-z][a-z_]{0,62}$'),
    outcome         text NOT NULL CHECK (outcome IN ('success', 'warning', 'failure')),
    agent           text NOT NULL CHECK (agent <> ''),
    run_id          uuid REFERENCES run,
    photo_id        bigint REFERENCES photo,
    restoration_id  bigint REFERENCES restoration,
    publication_id  bigint REFERENCES publication,
    detail          jsonb NOT NULL DEFAULT '{}',
    occurred_at     timestamptz NOT NULL,
    prev_sha256     text NOT NULL,
    sha256          text NOT NULL,
    login           text,
    rule            smallint NOT NULL DEFAULT 1,
    transaction_id  xid8,
    PRIMARY KEY (collection_id, seq)
);
CREATE INDEX event_photo ON event (photo_id) WHERE photo_id IS NOT NULL;
CREATE INDEX event_publication ON event (publication_id) WHERE publication_id IS NOT NULL;
CREATE INDEX event_approval ON event (collection_id, (detail ->> 'content_sha256')) WHERE event_type = 'approval';
COMMENT ON TABLE event IS
    'Append-only facts in PREMIS vocabulary, hash-chained per collection. Number, time, login and hashes are set by a trigger, whatever the client sends; it refuses types that the login''s group roles do not write (event_tellers). Rows cannot be changed or removed.';
COMMENT ON COLUMN event.collection_id IS 'Collection in whose chain the event stands.';
COMMENT ON COLUMN event.seq IS 'Place in the chain, from 1 without gaps.';
COMMENT ON COLUMN event.event_type IS
    'What happened: ingestion, replacement, missing, pages, rejection, restoration, deduplication, failure, quarantine, release, '
    'run_opened, run_planned, run_finished, cancellation, approval, publication, review, withdrawal, removal, fixity_check, '
    'colour_hint, colour_hint_removal, division, division_removal. No other type is written.';
COMMENT ON COLUMN event.outcome IS 'success, warning or failure.';
COMMENT ON COLUMN event.agent IS
    'Who did it, as the program says: a worker, the planner, the publisher, a person. Who let it in is login.';
COMMENT ON COLUMN event.run_id IS 'Run in which it happened.';
COMMENT ON COLUMN event.photo_id IS 'Photograph it happened to.';
COMMENT ON COLUMN event.restoration_id IS 'Restoration that came of it.';
COMMENT ON COLUMN event.publication_id IS 'Publication that came of it.';
COMMENT ON COLUMN event.detail IS 'Reason codes, figures and hashes.';
COMMENT ON COLUMN event.occurred_at IS 'When it was written, by the database''s clock.';
COMMENT ON COLUMN event.prev_sha256 IS 'Hash of the event before; 64 zeros for the first.';
COMMENT ON COLUMN event.sha256 IS 'Hash of this event''s canonical text, which includes prev_sha256.';
COMMENT ON COLUMN event.login IS 'Login that wrote it, by the database (session_user); null in events of rule 1.';
COMMENT ON COLUMN event.rule IS
    'What the hash is taken of: 1, all columns but login and hash, until migration 0015; 2, rule and login too.';
COMMENT ON COLUMN event.transaction_id IS
    'Transaction that wrote it, so that a photograph''s change and its event can be told to belong together; not in the hash.';
COMMENT ON INDEX event_photo IS 'The history of one photograph.';
COMMENT ON INDEX event_publication IS 'The history of one publication, and which of its files are damaged.';
COMMENT ON INDEX event_approval IS 'Whether a person approved exactly this state of a collection: a few rows.';

CREATE TABLE event_head (
    collection_id   bigint PRIMARY KEY REFERENCES collection,
    seq             bigint NOT NULL CHECK (seq >= 0),
    sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$')
) WITH (fillfactor = 20);
COMMENT ON TABLE event_head IS
    'End of each collection''s chain, kept apart so that a cut-off tail shows. Its row lock orders the events; only triggers write it.';
COMMENT ON COLUMN event_head.collection_id IS 'The collection.';
COMMENT ON COLUMN event_head.seq IS 'Number of the last event.';
COMMENT ON COLUMN event_head.sha256 IS 'Hash of the last event.';

-- Evaluations of models -------------------------------------------------------------------------------------------

CREATE TABLE evaluation (
    evaluation_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data_set        text NOT NULL CHECK (data_set <> ''),
    data_set_sha256 text NOT NULL CHECK (data_set_sha256 ~ '^[0-9a-f]{64}$'),
    with_reference  boolean NOT NULL,
    parameters      jsonb NOT NULL DEFAULT '{}',
    device_class    text NOT NULL,
    code_version    text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    task            text NOT NULL DEFAULT 'colorize' CHECK (task IN ('colorize', 'restore-face', 'repair'))
);
CREATE INDEX evaluation_data_set ON evaluation (data_set, evaluation_id);
COMMENT ON TABLE evaluation IS
    'A comparison of models on one set of photographs (restoration evaluate --record). Written once, never changed.';
COMMENT ON COLUMN evaluation.evaluation_id IS 'Number of the evaluation.';
COMMENT ON COLUMN evaluation.data_set IS 'Name of the set of photographs; that of a collection where they are its own.';
COMMENT ON COLUMN evaluation.data_set_sha256 IS
    'Hash over names and contents of the photographs: only evaluations of equal hash compare directly.';
COMMENT ON COLUMN evaluation.with_reference IS
    'Whether the truth was known: the photographs'' colours, or the faces before they were degraded.';
COMMENT ON COLUMN evaluation.parameters IS
    'Working size, seed, models, nets of the metrics, FID and marks where there are any.';
COMMENT ON COLUMN evaluation.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN evaluation.code_version IS 'Version of the software that measured.';
COMMENT ON COLUMN evaluation.created_at IS 'When it was recorded.';
COMMENT ON COLUMN evaluation.task IS 'What the models do: colorize photographs, restore faces, or find and mend damage (repair).';
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
    'What took part in an evaluation: models, doing nothing (gray, degraded or given), and the truth where it is known.';
COMMENT ON COLUMN evaluation_model.evaluation_id IS 'The evaluation.';
COMMENT ON COLUMN evaluation_model.ordinal IS 'Place in the evaluation, from 0; doing nothing comes first.';
COMMENT ON COLUMN evaluation_model.name IS
    'Name in the model registry, recipe:NAME, or file:NAME; gray, degraded, given, damaged, true_mask, shapes and truth are no models.';
COMMENT ON COLUMN evaluation_model.version IS
    'Version in the model registry, or the start of the recipe''s hash; empty for what is neither.';
COMMENT ON COLUMN evaluation_model.weights_sha256 IS
    'Hash of the weight file, or over those of all models of the recipe; null for what is no model.';

CREATE TABLE evaluation_photo (
    evaluation_id   bigint NOT NULL REFERENCES evaluation,
    ordinal         integer NOT NULL CHECK (ordinal >= 0),
    name            text NOT NULL,
    sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    family          text NOT NULL,
    ita_group       text CHECK (ita_group IN ('very light', 'light', 'intermediate', 'tan', 'brown', 'dark')),
    ita_degrees     double precision CHECK (ita_degrees BETWEEN -180 AND 180),
    face            integer NOT NULL DEFAULT 0 CHECK (face >= 0),
    PRIMARY KEY (evaluation_id, ordinal),
    UNIQUE (evaluation_id, name, face)
);
CREATE INDEX evaluation_photo_content ON evaluation_photo (sha256);
COMMENT ON TABLE evaluation_photo IS 'The photographs of an evaluation; for face restorers, each of their faces.';
COMMENT ON COLUMN evaluation_photo.evaluation_id IS 'The evaluation.';
COMMENT ON COLUMN evaluation_photo.ordinal IS 'Place in the evaluation, from 0.';
COMMENT ON COLUMN evaluation_photo.name IS 'Path within the folder of photographs.';
COMMENT ON COLUMN evaluation_photo.sha256 IS 'Hash of the file.';
COMMENT ON COLUMN evaluation_photo.family IS 'Family: the file name up to the first underscore.';
COMMENT ON COLUMN evaluation_photo.ita_group IS
    'Skin group of the largest face as photographed, by its typology angle; null without a face or a truth.';
COMMENT ON COLUMN evaluation_photo.ita_degrees IS 'That angle: atan2(L* - 50, b*) of the median skin colour, in degrees.';
COMMENT ON COLUMN evaluation_photo.face IS
    'The photograph''s faces counted from 1; 0 for the photograph as a whole, or its best face.';
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
    'One figure of one model on one photograph or face. A figure that does not apply (no face, no truth) has no row.';
COMMENT ON COLUMN evaluation_score.evaluation_id IS 'The evaluation.';
COMMENT ON COLUMN evaluation_score.photo_ordinal IS 'The photograph''s place.';
COMMENT ON COLUMN evaluation_score.model_ordinal IS 'The model''s place.';
COMMENT ON COLUMN evaluation_score.metric IS
    'Name of the figure; docs/evaluation.md says what each one means. Of task repair the kind of damage follows it, as in damage_removed_tear.';
COMMENT ON COLUMN evaluation_score.value IS 'The figure; shares are 0 to 1.';

-- The chain of events -----------------------------------------------------------------------------------------------

CREATE FUNCTION event_canonical(e event) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = restoration, pg_temp
    RETURN CASE WHEN e.rule = 1 THEN
        jsonb_build_array(e.collection_id, e.seq, e.event_type, e.outcome, e.agent, e.run_id, e.photo_id,
            e.restoration_id, e.publication_id, e.detail,
            to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.prev_sha256)
    ELSE
        jsonb_build_array(e.collection_id, e.seq, e.event_type, e.outcome, e.agent, e.run_id, e.photo_id,
            e.restoration_id, e.publication_id, e.detail,
            to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.prev_sha256, e.rule, e.login)
    END::text;
COMMENT ON FUNCTION event_canonical(event) IS
    'The text that an event''s hash is taken of: a JSON array of its columns but the hash itself, times in UTC. By rule 2 it ends with the rule and the login.';

CREATE FUNCTION is_member(login name, VARIADIC groups name[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    one name;
BEGIN
    FOREACH one IN ARRAY groups LOOP
        IF pg_has_role(login, one, 'MEMBER') THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END;
$$;
COMMENT ON FUNCTION is_member(name, name[]) IS
    'Whether a login is a member of one of these group roles. Superusers are members of all.';

CREATE FUNCTION event_tellers(event_type text) RETURNS name[]
    LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN event_type IN ('restoration', 'deduplication', 'pages') THEN '{restoration_worker}'
        -- the reaper runs on both sides
        WHEN event_type IN ('failure', 'quarantine', 'rejection', 'missing', 'cancellation', 'division')
            THEN '{restoration_worker,restoration_ingest}'
        WHEN event_type IN ('ingestion', 'replacement', 'run_opened', 'run_planned', 'run_finished', 'release',
                            'division_removal') THEN '{restoration_ingest}'
        WHEN event_type IN ('publication', 'removal', 'fixity_check') THEN '{restoration_publisher}'
        WHEN event_type = 'approval' THEN '{restoration_curator}'
        WHEN event_type = 'review' THEN '{restoration_curator,restoration_reviewer}'
        WHEN event_type IN ('colour_hint', 'colour_hint_removal')
            THEN '{restoration_curator,restoration_reviewer,restoration_ingest}'
        WHEN event_type = 'withdrawal' THEN '{restoration_curator,restoration_ingest,restoration_publisher}'
        ELSE '{}' END::name[];
COMMENT ON FUNCTION event_tellers(text) IS
    'Group roles whose members may write events of a type; empty for types that nobody but the owner writes. Of a withdrawal and of a division some write a part alone: may_tell.';

CREATE FUNCTION may_tell(login name, e event) RETURNS boolean
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF NOT is_member(login, VARIADIC event_tellers(e.event_type)) THEN
        RETURN is_member(login, 'restoration_owner');
    ELSIF e.event_type = 'withdrawal' AND NOT is_member(login, 'restoration_curator', 'restoration_owner') THEN
        RETURN e.detail ? 'because_of' AND NOT e.detail ? 'lifted';
    ELSIF e.event_type = 'division' AND NOT is_member(login, 'restoration_ingest', 'restoration_owner') THEN
        RETURN e.run_id IS NOT NULL AND EXISTS (
            SELECT FROM division d
             WHERE d.division_id = (e.detail ->> 'division_id')::bigint AND d.collection_id = e.collection_id
               AND d.source_sha256 = e.detail ->> 'source_sha256' AND d.given_through = e.detail ->> 'given_through');
    END IF;
    RETURN true;
END;
$$;
COMMENT ON FUNCTION may_tell(name, event) IS
    'Whether a login may write this event: its type is one of its group roles'' (event_tellers). Without restoration_curator a withdrawal only because of another one; without restoration_ingest a division only in a run, and one that is on record. The owner may write any.';

CREATE FUNCTION event_chain() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
DECLARE
    last_seq    bigint;
    last_sha256 text;
    head_seq    bigint;
BEGIN
    IF NOT may_tell(session_user, NEW) THEN
        RAISE EXCEPTION 'login % may not write this event of type %', session_user, NEW.event_type
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'docs/catalog.md says which group role writes which events.';
    END IF;
    SELECT h.seq, h.sha256 INTO last_seq, last_sha256
      FROM event_head h WHERE h.collection_id = NEW.collection_id FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO event_head VALUES (NEW.collection_id, 0, repeat('0', 64)) ON CONFLICT DO NOTHING;
        SELECT h.seq, h.sha256 INTO STRICT last_seq, last_sha256
          FROM event_head h WHERE h.collection_id = NEW.collection_id FOR UPDATE;
    END IF;
    -- the head moves once a statement; rows that this statement has written before lie beyond it
    head_seq := last_seq;
    SELECT e.seq, e.sha256 INTO NEW.seq, NEW.prev_sha256 FROM event e
     WHERE e.collection_id = NEW.collection_id AND e.seq > head_seq ORDER BY e.seq DESC LIMIT 1;
    IF FOUND THEN
        last_seq := NEW.seq;
        last_sha256 := NEW.prev_sha256;
    END IF;
    NEW.seq := last_seq + 1;
    NEW.prev_sha256 := last_sha256;
    NEW.occurred_at := clock_timestamp();
    NEW.login := session_user;
    NEW.rule := 2;
    NEW.transaction_id := pg_current_xact_id();
    NEW.sha256 := encode(sha256(convert_to(event_canonical(NEW), 'UTF8')), 'hex');
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION event_chain() IS
    'Trigger: refuses an event that its login may not write, locks the end of the chain, and gives a new event its number, time, login and hashes, whatever the client sent.';

CREATE FUNCTION event_move_head() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    UPDATE event_head h SET seq = n.seq, sha256 = n.sha256
      FROM (SELECT DISTINCT ON (collection_id) collection_id, seq, sha256
              FROM added ORDER BY collection_id, seq DESC) n
     WHERE h.collection_id = n.collection_id;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION event_move_head() IS
    'Trigger: moves the chain''s end on, once a statement, so that many events in one statement stay cheap.';

CREATE FUNCTION event_refuse() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END;
$$;
COMMENT ON FUNCTION event_refuse() IS 'Trigger: refuses to change, delete or truncate events, whoever asks.';

CREATE TRIGGER event_chain BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION event_chain();
CREATE TRIGGER event_move_head AFTER INSERT ON event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION event_move_head();
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_refuse();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION event_refuse();
ALTER TABLE event ENABLE ALWAYS TRIGGER event_chain;
ALTER TABLE event ENABLE ALWAYS TRIGGER event_move_head;
ALTER TABLE event ENABLE ALWAYS TRIGGER event_append_only;
ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_truncate;
COMMENT ON TRIGGER event_chain ON event IS 'Refuses what the login may not write; sets seq, prev_sha256, sha256, occurred_at, login, rule and transaction_id.';
COMMENT ON TRIGGER event_move_head ON event IS 'Keeps event_head at the last event.';
COMMENT ON TRIGGER event_append_only ON event IS 'Refuses UPDATE and DELETE.';
COMMENT ON TRIGGER event_no_truncate ON event IS 'Refuses TRUNCATE.';

-- No change of a photograph without its event -------------------------------------------------------------------------

CREATE FUNCTION photo_told() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    -- a listing and a plan refuse and leave out many at once; their own event says how many
    IF NEW.state IN ('rejected', 'skipped') AND is_member(session_user, 'restoration_ingest') THEN
        RETURN NULL;
    ELSIF EXISTS (SELECT FROM event e
                   WHERE e.photo_id = NEW.photo_id AND e.transaction_id = pg_current_xact_id()
                     AND e.occurred_at >= transaction_timestamp()
                     AND CASE NEW.state
                              WHEN 'rejected' THEN e.event_type = 'rejection'
                              WHEN 'quarantined' THEN e.event_type = 'quarantine'
                              WHEN 'skipped' THEN e.event_type = CASE NEW.reason::text WHEN 'divided' THEN 'division'
                                                                                       ELSE 'cancellation' END
                              ELSE EXISTS (SELECT FROM restoration r
                                            WHERE r.restoration_id = NEW.restoration_id
                                              AND r.source_sha256 = NEW.content_sha256
                                              AND r.state = NEW.state AND r.reason IS NOT DISTINCT FROM NEW.reason)
                               AND (e.event_type = 'division_removal'
                                    OR (e.event_type IN ('restoration', 'deduplication')
                                        AND e.restoration_id = NEW.restoration_id)) END) THEN
        RETURN NULL;
    ELSIF is_member(session_user, 'restoration_owner') THEN
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        -- given back: it shows again what it showed
        IF OLD.state IN ('pending', 'queued', 'restoring') AND NEW.content_sha256 IS NOT DISTINCT FROM OLD.content_sha256
           AND EXISTS (SELECT FROM restoration r
                        WHERE r.restoration_id = NEW.restoration_id AND r.restoration_id = OLD.restoration_id
                          AND r.state = NEW.state AND r.reason IS NOT DISTINCT FROM NEW.reason) THEN
            RETURN NULL;
        END IF;
    END IF;
    RAISE EXCEPTION 'photograph % is % without the event that says so', NEW.photo_id, NEW.state
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'The event belongs into the transaction that changes the photograph.';
END;
$$;
COMMENT ON FUNCTION photo_told() IS
    'Trigger: a photograph reaches a final state, another restoration or other content only in the transaction that writes the event of it, and shows only what was made of its own content. The ingest may reject and leave out many with one event; what is given back shows what it showed.';

CREATE FUNCTION photo_guard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    IF is_member(session_user, 'restoration_ingest', 'restoration_owner') THEN
        RETURN NEW;
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.part > 1 AND NEW.state IN ('pending', 'queued', 'rejected') THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.part > 1 AND NEW.state = OLD.state THEN
        RETURN NEW;  -- a part of a file that a worker has read comes and goes with what the file shows
    ELSIF NEW.current = OLD.current AND NEW.missing_since IS NOT DISTINCT FROM OLD.missing_since
          AND EXISTS (SELECT FROM batch_photo bp JOIN batch b USING (batch_id)
                       WHERE bp.photo_id = NEW.photo_id AND bp.finished_at IS NULL
                         AND b.state IN ('planned', 'queued', 'running')) THEN
        RETURN NEW;  -- it was planned: a lease takes it up
    END IF;
    RAISE EXCEPTION 'login % may not add or take away photograph %', session_user, NEW.object_key
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'A listing does that; a worker adds and takes away further parts of a file alone.';
END;
$$;
COMMENT ON FUNCTION photo_guard() IS
    'Trigger: a worker adds only further parts of a file, takes away none but those, and takes up a photograph that had its end only if it is in a live batch.';

CREATE TRIGGER photo_guard_insert BEFORE INSERT ON photo FOR EACH ROW EXECUTE FUNCTION photo_guard();
CREATE TRIGGER photo_guard_update BEFORE UPDATE OF state, current, missing_since ON photo FOR EACH ROW
    WHEN (NEW.current <> OLD.current OR NEW.missing_since IS DISTINCT FROM OLD.missing_since
          OR (NEW.state IN ('pending', 'queued', 'restoring') AND OLD.state NOT IN ('pending', 'queued', 'restoring')))
    EXECUTE FUNCTION photo_guard();
CREATE CONSTRAINT TRIGGER photo_told_insert AFTER INSERT ON photo DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state NOT IN ('pending', 'queued', 'restoring'))
    EXECUTE FUNCTION photo_told();
CREATE CONSTRAINT TRIGGER photo_told_update AFTER UPDATE OF state, reason, restoration_id, content_sha256 ON photo
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state NOT IN ('pending', 'queued', 'restoring')
          AND (NEW.state <> OLD.state OR NEW.reason IS DISTINCT FROM OLD.reason
               OR NEW.restoration_id IS DISTINCT FROM OLD.restoration_id
               OR NEW.content_sha256 IS DISTINCT FROM OLD.content_sha256))
    EXECUTE FUNCTION photo_told();
ALTER TABLE photo ENABLE ALWAYS TRIGGER photo_guard_insert;
ALTER TABLE photo ENABLE ALWAYS TRIGGER photo_guard_update;
ALTER TABLE photo ENABLE ALWAYS TRIGGER photo_told_insert;
ALTER TABLE photo ENABLE ALWAYS TRIGGER photo_told_update;
COMMENT ON TRIGGER photo_guard_insert ON photo IS 'Refuses photographs that no listing brought and that are no further part of a file.';
COMMENT ON TRIGGER photo_guard_update ON photo IS 'Refuses that a worker hides a photograph.';
COMMENT ON TRIGGER photo_told_insert ON photo IS 'Refuses a final state without its event, at the end of the transaction.';
COMMENT ON TRIGGER photo_told_update ON photo IS 'Refuses a final state, another restoration or other content without its event, at the end of the transaction.';

-- What people say is on record -------------------------------------------------------------------------------------

CREATE FUNCTION word_told() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
DECLARE
    kind   text := TG_ARGV[0];
    id     text := TG_ARGV[1];
    number text := to_jsonb(NEW) ->> id;
BEGIN
    IF is_member(session_user, 'restoration_owner') OR EXISTS (
        SELECT FROM event e
         WHERE e.photo_id = NEW.photo_id AND e.transaction_id = pg_current_xact_id()
           AND e.occurred_at >= transaction_timestamp() AND e.event_type = kind AND e.detail ->> id = number) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% % has no event', replace(kind, '_', ' '), number
        USING ERRCODE = 'insufficient_privilege', HINT = 'The event belongs into the same transaction.';
END;
$$;
COMMENT ON FUNCTION word_told() IS
    'Trigger: what a person says of a photograph is on record with an event in the same transaction. Arguments: the type of the event, and the column that its detail names.';

CREATE FUNCTION division_said() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    IF is_member(session_user, 'restoration_ingest', 'restoration_owner')
       OR (NEW.given_through = 'recipe' AND NEW.run_id IS NOT NULL AND NEW.decided_by LIKE 'recipe %') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'login % divides scans only as the recipe of a run says', session_user
        USING ERRCODE = 'insufficient_privilege', HINT = 'A person divides with a login of restoration_ingest.';
END;
$$;
COMMENT ON FUNCTION division_said() IS 'Trigger: a worker divides in the name of a recipe, never in a person''s.';

CREATE FUNCTION refused_elsewhere(of_collection bigint, of_key text, of_content text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT min(c.name)
              FROM photo o
              JOIN collection c ON c.collection_id = o.collection_id
              LEFT JOIN withdrawal w ON w.collection_id = o.collection_id AND w.object_key = o.object_key
                                    AND w.lifted_at IS NULL
             WHERE o.collection_id <> of_collection AND (o.content_sha256 = of_content OR o.declared_sha256 = of_content)
               AND (c.consent = 'refused' OR w.withdrawal_id IS NOT NULL)
               AND NOT EXISTS (SELECT FROM withdrawal x
                                WHERE x.collection_id = of_collection AND x.object_key = of_key
                                  AND x.lifted_at > coalesce(w.withdrawn_at, '-infinity')));
COMMENT ON FUNCTION refused_elsewhere(bigint, text, text) IS
    'Another collection in which a content is withdrawn, or whose consent is refused; null if there is none, or if a person lifted its withdrawal for this photograph since.';

CREATE FUNCTION withdrawal_said() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    IF is_member(session_user, 'restoration_curator', 'restoration_owner')
       OR EXISTS (SELECT FROM withdrawal w
                   WHERE w.collection_id = NEW.collection_id AND w.reason = NEW.reason AND w.lifted_at IS NULL)
       OR EXISTS (SELECT FROM photo p
                   WHERE p.collection_id = NEW.collection_id AND p.object_key = NEW.object_key
                     AND refused_elsewhere(p.collection_id, p.object_key, p.content_sha256) IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'login % withdraws only what belongs to a photograph that is withdrawn', session_user
        USING ERRCODE = 'insufficient_privilege', HINT = 'A person withdraws with a login of restoration_curator.';
END;
$$;
COMMENT ON FUNCTION withdrawal_said() IS
    'Trigger: without restoration_curator a photograph is withdrawn for the reason of another one of the collection alone (its copies, its parts), or because its content is refused elsewhere.';

CREATE FUNCTION hint_removal_told() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    IF is_member(session_user, 'restoration_owner') OR EXISTS (
        SELECT FROM colour_hint h JOIN event e ON e.photo_id = h.photo_id
         WHERE h.hint_id = NEW.hint_id AND e.transaction_id = pg_current_xact_id()
           AND e.occurred_at >= transaction_timestamp() AND e.event_type = 'colour_hint_removal'
           AND e.detail ->> 'hint_id' = NEW.hint_id::text) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'colour hint % is taken back without an event', NEW.hint_id
        USING ERRCODE = 'insufficient_privilege', HINT = 'The event belongs into the same transaction.';
END;
$$;
COMMENT ON FUNCTION hint_removal_told() IS
    'Trigger: a colour is taken back with an event in the same transaction.';

CREATE FUNCTION told_lately(of_collection bigint, of_type text, of_detail jsonb) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = restoration, pg_temp
    RETURN EXISTS (
        SELECT FROM event e
         WHERE e.collection_id = of_collection
           AND e.seq > (SELECT h.seq FROM event_head h WHERE h.collection_id = of_collection) - 10000
           AND e.transaction_id = pg_current_xact_id() AND e.occurred_at >= transaction_timestamp()
           AND e.event_type = of_type AND e.detail @> of_detail);
COMMENT ON FUNCTION told_lately(bigint, text, jsonb) IS
    'Whether this transaction has written an event of a type whose detail has these values, among the last 10,000 of a collection.';

CREATE FUNCTION decision_told() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    IF is_member(session_user, 'restoration_owner') THEN
        RETURN NULL;
    ELSIF TG_TABLE_NAME = 'division' THEN
        IF told_lately(NEW.collection_id, 'division', jsonb_build_object('division_id', NEW.division_id)) THEN
            RETURN NULL;
        END IF;
    ELSIF told_lately(NEW.collection_id, 'withdrawal', jsonb_build_object('object_key', NEW.object_key)
                      || CASE WHEN NEW.lifted_at IS NULL THEN '{}'::jsonb ELSE '{"lifted": true}'::jsonb END) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'a % is written without an event', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'The event belongs into the same transaction.';
END;
$$;
COMMENT ON FUNCTION decision_told() IS
    'Trigger: a scan is divided, withdrawn, or its withdrawal lifted, with an event in the same transaction.';

CREATE FUNCTION hold_photos(of_photos bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = restoration, pg_temp
AS $$
BEGIN
    PERFORM FROM photo p WHERE p.photo_id = ANY (of_photos) ORDER BY p.photo_id FOR NO KEY UPDATE;
END;
$$;
COMMENT ON FUNCTION hold_photos(bigint[]) IS
    'Locks photographs to the end of the transaction, in one order for everybody; for roles that may not change any.';

CREATE CONSTRAINT TRIGGER review_told AFTER INSERT ON review DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION word_told('review', 'review_id');
CREATE CONSTRAINT TRIGGER colour_hint_told AFTER INSERT ON colour_hint DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION word_told('colour_hint', 'hint_id');
CREATE TRIGGER division_said BEFORE INSERT ON division FOR EACH ROW EXECUTE FUNCTION division_said();
CREATE TRIGGER withdrawal_said BEFORE INSERT ON withdrawal FOR EACH ROW EXECUTE FUNCTION withdrawal_said();
ALTER TABLE review ENABLE ALWAYS TRIGGER review_told;
ALTER TABLE colour_hint ENABLE ALWAYS TRIGGER colour_hint_told;
ALTER TABLE division ENABLE ALWAYS TRIGGER division_said;
ALTER TABLE withdrawal ENABLE ALWAYS TRIGGER withdrawal_said;
COMMENT ON TRIGGER review_told ON review IS 'Refuses a decision without its event, at the end of the transaction.';
COMMENT ON TRIGGER colour_hint_told ON colour_hint IS 'Refuses a colour without its event, at the end of the transaction.';
COMMENT ON TRIGGER division_said ON division IS 'Refuses a person''s division that a worker writes.';
COMMENT ON TRIGGER withdrawal_said ON withdrawal IS 'Refuses a withdrawal that nobody asked for.';
CREATE CONSTRAINT TRIGGER colour_hint_removal_told AFTER INSERT ON colour_hint_removal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hint_removal_told();
CREATE CONSTRAINT TRIGGER division_told AFTER INSERT ON division DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION decision_told();
CREATE CONSTRAINT TRIGGER withdrawal_told AFTER INSERT OR UPDATE OF lifted_at ON withdrawal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION decision_told();
ALTER TABLE colour_hint_removal ENABLE ALWAYS TRIGGER colour_hint_removal_told;
ALTER TABLE division ENABLE ALWAYS TRIGGER division_told;
ALTER TABLE withdrawal ENABLE ALWAYS TRIGGER withdrawal_told;
COMMENT ON TRIGGER colour_hint_removal_told ON colour_hint_removal IS 'Refuses that a colour is taken back without its event, at the end of the transaction.';
COMMENT ON TRIGGER division_told ON division IS 'Refuses a division without its event, at the end of the transaction.';
COMMENT ON TRIGGER withdrawal_told ON withdrawal IS 'Refuses a withdrawal, or that one is lifted, without its event, at the end of the transaction.';

-- What a person's word means now -----------------------------------------------------------------------------------

CREATE FUNCTION decision_in_force(of_photo bigint, of_restoration bigint) RETURNS review_decision
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT CASE WHEN v.decision = 'accept' AND v.restoration_id <> of_restoration THEN NULL ELSE v.decision END
              FROM review v WHERE v.photo_id = of_photo ORDER BY v.review_id DESC LIMIT 1);
COMMENT ON FUNCTION decision_in_force(bigint, bigint) IS
    'The last decision about a photograph. An acceptance holds for the restoration that the person saw; every other decision until the next one.';

CREATE FUNCTION faces_altered(of_restoration bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN EXISTS (SELECT FROM face f WHERE f.restoration_id = of_restoration AND f.action IN ('restored', 'blended'));
COMMENT ON FUNCTION faces_altered(bigint) IS 'Whether a restoration changed any face.';

CREATE FUNCTION awaits_review(p photo) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER COST 3000
    SET search_path = restoration, pg_temp
    RETURN p.current AND p.state IN ('restored', 'needs_review')
       AND NOT EXISTS (SELECT FROM withdrawal w WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key
                          AND w.lifted_at IS NULL)
       AND CASE decision_in_force(p.photo_id, p.restoration_id)
                WHEN 'keep_original' THEN false
                WHEN 'accept' THEN false
                WHEN 'accept_without_faces' THEN false
                WHEN 'reject' THEN (SELECT v.restoration_id FROM review v WHERE v.photo_id = p.photo_id
                                     ORDER BY v.review_id DESC LIMIT 1) <> p.restoration_id
                ELSE p.state = 'needs_review' END;
COMMENT ON FUNCTION awaits_review(photo) IS
    'Whether a person must look: a rule of the recipe asked for it and nobody has decided, or what was rejected has been restored anew.';

CREATE FUNCTION hints_in_force(p photo) RETURNS bigint[]
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT coalesce(array_agg(h.hint_id ORDER BY h.hint_id), '{}')
              FROM colour_hint h
             WHERE (h.photo_id = p.photo_id
                    OR (h.collection_id = p.collection_id AND h.source_sha256 = p.content_sha256))
               AND NOT EXISTS (SELECT FROM colour_hint_removal e WHERE e.hint_id = h.hint_id));
COMMENT ON FUNCTION hints_in_force(photo) IS
    'Numbers of the hints that hold for a photograph: those given for this very scan, or for one of the collection with the same bytes.';

CREATE FUNCTION division_in_force(of_collection bigint, of_content text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER COST 1000
    SET search_path = restoration, pg_temp
    RETURN (SELECT max(d.division_id) FROM division d
             WHERE d.collection_id = of_collection AND d.source_sha256 = of_content
               AND NOT EXISTS (SELECT FROM division_removal e WHERE e.division_id = d.division_id));
COMMENT ON FUNCTION division_in_force(bigint, text) IS
    'Number of the division that holds for a content in a collection; null if it is not divided.';

-- Views for people --------------------------------------------------------------------------------------------------

CREATE VIEW audit.photo AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.version_id, p.current, p.missing_since,
       p.state::text AS state, p.reason::text AS reason, p.reason_detail, p.attempts,
       's3://' || split_part(c.source_uri, '/', 3) || '/' || coalesce(p.file_key, p.object_key) AS source_uri,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256, p.etag AS source_etag, p.size_bytes AS source_bytes,
       p.format AS source_format,
       p.width AS source_width, p.height AS source_height, p.bits AS source_bits, p.duplicate_of,
       p.dublin_core ->> 'title' AS title,
       r.restoration_id, r.recipe, coalesce(r.recipe_sha256, p.recipe_sha256) AS recipe_sha256,
       r.output_key, r.output_sha256, r.output_bytes, r.output_format, r.output_width, r.output_height, r.output_bits,
       r.ai_altered,
       (SELECT jsonb_agg(jsonb_build_object('name', m.name, 'version', m.version, 'weights_sha256', m.weights_sha256,
                                            'licence', m.licence) ORDER BY m.name, m.model_version_id)
          FROM model_version m
         WHERE m.model_version_id IN (
               SELECT s.model_version_id FROM step_record s WHERE s.restoration_id = p.restoration_id
               UNION ALL
               SELECT unnest(ARRAY[f.detector_id, f.restorer_id, f.identity_model_id])
                 FROM face f WHERE f.restoration_id = p.restoration_id
               UNION ALL
               SELECT d.model_version_id FROM damage d WHERE d.restoration_id = p.restoration_id)) AS models,
       r.models_sha256, r.device, r.device_class, r.worker, r.code_version, r.seconds,
       (SELECT jsonb_object_agg(s.ordinal || ' ' || s.step, round(s.seconds::numeric, 4))
          FROM step_record s WHERE s.restoration_id = p.restoration_id) AS step_seconds,
       metric.before AS metrics_before, metric.after AS metrics_after, metric.pair AS metrics_pair,
       coalesce(faces.found, 0) AS faces, coalesce(faces.restored, 0) AS faces_restored, faces.lowest_identity,
       decision.decision::text AS review, decision.reviewer, decision.decided_at AS reviewed_at,
       shown.version AS published_version, shown.uri AS published_uri, shown.payload_name AS published_name,
       shown.restoration_id AS published_restoration_id,
       p.first_seen_at, p.finished_at,
       shown.shown_as, shown.output_sha256 AS published_sha256,
       decision_in_force(p.photo_id, p.restoration_id)::text AS decision_in_force, awaits_review(p) AS awaits_review,
       r.variant,
       (SELECT w.withdrawn_at FROM withdrawal w
         WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key AND w.lifted_at IS NULL) AS withdrawn_at,
       r.tiles_after_key, r.filled_share,
       (SELECT array_agg(d.kind::text ORDER BY d.mended_share DESC, d.kind)
          FROM damage d WHERE d.restoration_id = p.restoration_id) AS damage_kinds,
       r.mask_key,
       coalesce(p.file_key, p.object_key) AS file_key, p.page, (p.scan ->> 'pages')::integer AS pages,
       p.box, p.division_id
  FROM photo p
  JOIN collection c USING (collection_id)
  LEFT JOIN restoration r ON r.restoration_id = p.restoration_id
  LEFT JOIN LATERAL (
       SELECT jsonb_object_agg(m.metric, m.value) FILTER (WHERE m.stage = 'source') AS before,
              jsonb_object_agg(m.metric, m.value) FILTER (WHERE m.stage = 'restored') AS after,
              jsonb_object_agg(m.metric, m.value) FILTER (WHERE m.stage = 'pair') AS pair
         FROM measurement m WHERE m.restoration_id = p.restoration_id) metric ON true
  LEFT JOIN LATERAL (
       SELECT count(*) AS found, count(*) FILTER (WHERE f.action IN ('restored', 'blended')) AS restored,
              min(f.identity) AS lowest_identity
         FROM face f WHERE f.restoration_id = p.restoration_id) faces ON true
  LEFT JOIN LATERAL (
       SELECT v.decision, v.reviewer, v.decided_at FROM review v
        WHERE v.photo_id = p.photo_id ORDER BY v.review_id DESC LIMIT 1) decision ON true
  LEFT JOIN LATERAL (
       SELECT b.version, b.uri, pp.payload_name, pp.restoration_id, pp.shown_as, pp.output_sha256
         FROM publication_photo pp JOIN publication b USING (publication_id)
        WHERE pp.photo_id = p.photo_id AND b.state = 'current' LIMIT 1) shown ON true;
COMMENT ON VIEW audit.photo IS
    'One row a photograph: state, source and output, recipe, models, device, timings, metrics, faces, review, publication. '
    'Ask by photo_id, or by collection and object_key; current marks the latest version of a scan.';
COMMENT ON COLUMN audit.photo.photo_id IS 'Number of the photograph.';
COMMENT ON COLUMN audit.photo.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.photo.object_key IS 'Its name: the key of its file, with #2, #3, ... behind it for further pages.';
COMMENT ON COLUMN audit.photo.version_id IS 'S3 version, empty where the bucket is not versioned.';
COMMENT ON COLUMN audit.photo.current IS 'Whether this is the scan''s latest version.';
COMMENT ON COLUMN audit.photo.missing_since IS 'First listing in which the scan was no longer there.';
COMMENT ON COLUMN audit.photo.state IS 'Where it stands (type photo_state).';
COMMENT ON COLUMN audit.photo.reason IS 'Why (type reason_code).';
COMMENT ON COLUMN audit.photo.reason_detail IS 'The reason in words.';
COMMENT ON COLUMN audit.photo.attempts IS 'Attempts at restoring it.';
COMMENT ON COLUMN audit.photo.source_uri IS 'Address of the untouched scan.';
COMMENT ON COLUMN audit.photo.source_sha256 IS 'Hash of the scan''s file.';
COMMENT ON COLUMN audit.photo.source_etag IS 'ETag of the scan as listed.';
COMMENT ON COLUMN audit.photo.source_bytes IS 'Size of the scan in bytes.';
COMMENT ON COLUMN audit.photo.source_format IS 'Format of the scan.';
COMMENT ON COLUMN audit.photo.source_width IS 'Width of the scan in pixels.';
COMMENT ON COLUMN audit.photo.source_height IS 'Height of the scan in pixels.';
COMMENT ON COLUMN audit.photo.source_bits IS 'Bits a channel of the scan.';
COMMENT ON COLUMN audit.photo.duplicate_of IS 'Earlier photograph with the same bytes.';
COMMENT ON COLUMN audit.photo.title IS 'Title from the collection''s metadata.';
COMMENT ON COLUMN audit.photo.restoration_id IS 'Restoration it shows.';
COMMENT ON COLUMN audit.photo.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.photo.recipe_sha256 IS 'Hash of the recipe.';
COMMENT ON COLUMN audit.photo.output_key IS 'Key of the restored file.';
COMMENT ON COLUMN audit.photo.output_sha256 IS 'Hash of the restored file.';
COMMENT ON COLUMN audit.photo.output_bytes IS 'Size of the restored file in bytes.';
COMMENT ON COLUMN audit.photo.output_format IS 'Format of the restored file: png or tif.';
COMMENT ON COLUMN audit.photo.output_width IS 'Width of the restored file in pixels.';
COMMENT ON COLUMN audit.photo.output_height IS 'Height of the restored file in pixels.';
COMMENT ON COLUMN audit.photo.output_bits IS 'Bits a channel of the restored file.';
COMMENT ON COLUMN audit.photo.ai_altered IS 'Whether a trained model changed what it shows.';
COMMENT ON COLUMN audit.photo.models IS 'Every model that touched it: name, version, weight hash, licence.';
COMMENT ON COLUMN audit.photo.models_sha256 IS 'Hash of the set of models that was at hand.';
COMMENT ON COLUMN audit.photo.device IS 'Device that ran the nets.';
COMMENT ON COLUMN audit.photo.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN audit.photo.worker IS 'Worker process that restored it.';
COMMENT ON COLUMN audit.photo.code_version IS 'Version of the software that restored it.';
COMMENT ON COLUMN audit.photo.seconds IS 'Seconds of work on it.';
COMMENT ON COLUMN audit.photo.step_seconds IS 'Seconds by step.';
COMMENT ON COLUMN audit.photo.metrics_before IS 'Numbers about the scan.';
COMMENT ON COLUMN audit.photo.metrics_after IS 'The same numbers about the restored photograph.';
COMMENT ON COLUMN audit.photo.metrics_pair IS 'Numbers about the difference of both.';
COMMENT ON COLUMN audit.photo.faces IS 'Faces found.';
COMMENT ON COLUMN audit.photo.faces_restored IS 'Faces restored or blended.';
COMMENT ON COLUMN audit.photo.lowest_identity IS 'Lowest identity of its restored faces, -1 to 1; null where none was restored.';
COMMENT ON COLUMN audit.photo.review IS 'Last decision of a person.';
COMMENT ON COLUMN audit.photo.reviewer IS 'Who decided.';
COMMENT ON COLUMN audit.photo.reviewed_at IS 'When it was decided.';
COMMENT ON COLUMN audit.photo.published_version IS 'Version of the current archive that shows it.';
COMMENT ON COLUMN audit.photo.published_uri IS 'Address of that archive.';
COMMENT ON COLUMN audit.photo.published_name IS 'Its name in that archive.';
COMMENT ON COLUMN audit.photo.published_restoration_id IS 'Restoration that the current archive shows; differs from restoration_id where it was done over since.';
COMMENT ON COLUMN audit.photo.first_seen_at IS 'When a listing first showed it.';
COMMENT ON COLUMN audit.photo.finished_at IS 'When it reached its present final state.';
COMMENT ON COLUMN audit.photo.shown_as IS
    'How the current archive shows it: restored, original (as it was scanned), listed (with its reason alone) or withdrawn.';
COMMENT ON COLUMN audit.photo.published_sha256 IS
    'Hash of its restored file in the current archive, which carries labels that the file of output_sha256 has not.';
COMMENT ON COLUMN audit.photo.decision_in_force IS
    'The decision of a person that counts now; null where there is none, or where what was accepted has been restored anew.';
COMMENT ON COLUMN audit.photo.awaits_review IS 'Whether a person must look at it.';
COMMENT ON COLUMN audit.photo.variant IS
    'faces_off: the recipe''s face restorers were taken out because a person decided so. hinted: painted by colours that people gave. faces_off_hinted: both. Empty otherwise.';
COMMENT ON COLUMN audit.photo.withdrawn_at IS 'Since when the scan is withdrawn; null while it is not.';
COMMENT ON COLUMN audit.photo.tiles_after_key IS 'Key of the ZIP file with the restored photograph''s tiles.';
COMMENT ON COLUMN audit.photo.filled_share IS
    'Share of the picture that was invented to fill damage, 0 to 1; null where it was restored before that was recorded.';
COMMENT ON COLUMN audit.photo.damage_kinds IS
    'Kinds of damage that were found (type damage_kind), the one that was mended most first; null where none was. More in audit.damage.';
COMMENT ON COLUMN audit.photo.mask_key IS 'Key of the mask that says where the picture was mended; null where nowhere.';
COMMENT ON COLUMN audit.photo.file_key IS 'Key of its file in the bucket; a file may hold several photographs.';
COMMENT ON COLUMN audit.photo.page IS 'The page of the file that shows it, from 1.';
COMMENT ON COLUMN audit.photo.pages IS 'Photographs in the file, as far as a worker has read it; null where none has.';
COMMENT ON COLUMN audit.photo.box IS
    'Where on its page it was cut out: centre across and down (shares of width and height), width and height (shares of the long side), turn in degrees clockwise; null if it is the whole page.';
COMMENT ON COLUMN audit.photo.division_id IS 'The decision by which the scan was divided, of the scan and of what was cut out of it.';

CREATE VIEW audit.collection AS
SELECT c.name AS collection, c.title, c.source_uri, c.recipe, c.consent::text AS consent,
       c.sensitivity::text AS sensitivity, c.rights, c.contact, c.active, c.nightly, c.listed_at,
       n.photos, n.pending, n.in_progress, n.restored, n.needs_review, n.rejected, n.quarantined, n.skipped, n.duplicates,
       n.source_bytes, last_run.run_id AS last_run_id, last_run.state::text AS last_run_state,
       last_run.started_at AS last_run_at, shown.version AS published_version, shown.uri AS published_uri,
       shown.current_at AS published_at, coalesce(h.seq, 0) AS events, h.sha256 AS chain_head,
       n.divided
  FROM collection c
  LEFT JOIN event_head h USING (collection_id)
  LEFT JOIN LATERAL (
       SELECT count(*) AS photos,
              count(*) FILTER (WHERE p.state = 'pending') AS pending,
              count(*) FILTER (WHERE p.state IN ('queued', 'restoring')) AS in_progress,
              count(*) FILTER (WHERE p.state = 'restored') AS restored,
              count(*) FILTER (WHERE p.state = 'needs_review') AS needs_review,
              count(*) FILTER (WHERE p.state = 'rejected') AS rejected,
              count(*) FILTER (WHERE p.state = 'quarantined') AS quarantined,
              count(*) FILTER (WHERE p.state = 'skipped') AS skipped,
              count(*) FILTER (WHERE p.state = 'skipped' AND p.reason::text = 'divided') AS divided,
              count(p.duplicate_of) AS duplicates,
              coalesce(sum(p.size_bytes), 0)::bigint AS source_bytes
         FROM photo p WHERE p.collection_id = c.collection_id AND p.current) n ON true
  LEFT JOIN LATERAL (
       SELECT r.run_id, r.state, r.started_at FROM run r
        WHERE r.collection_id = c.collection_id ORDER BY r.started_at DESC LIMIT 1) last_run ON true
  LEFT JOIN publication shown ON shown.collection_id = c.collection_id AND shown.state = 'current';
COMMENT ON VIEW audit.collection IS 'One row a collection: its conditions, counts by state, last run, publication and chain of events.';
COMMENT ON COLUMN audit.collection.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.collection.title IS 'Name for people.';
COMMENT ON COLUMN audit.collection.source_uri IS 'Where the scans lie.';
COMMENT ON COLUMN audit.collection.recipe IS 'Recipe used unless a run asks for another.';
COMMENT ON COLUMN audit.collection.consent IS 'Whether the people shown agree.';
COMMENT ON COLUMN audit.collection.sensitivity IS 'How carefully it is treated.';
COMMENT ON COLUMN audit.collection.rights IS 'Rights statement.';
COMMENT ON COLUMN audit.collection.contact IS 'Whom to ask.';
COMMENT ON COLUMN audit.collection.active IS 'False for closed collections.';
COMMENT ON COLUMN audit.collection.nightly IS 'Whether the nightly run restores it.';
COMMENT ON COLUMN audit.collection.listed_at IS 'When the prefix was last listed.';
COMMENT ON COLUMN audit.collection.photos IS 'Current photographs.';
COMMENT ON COLUMN audit.collection.pending IS 'Of them: still to be done.';
COMMENT ON COLUMN audit.collection.in_progress IS 'Of them: in a live batch or with a worker.';
COMMENT ON COLUMN audit.collection.restored IS 'Of them: restored.';
COMMENT ON COLUMN audit.collection.needs_review IS 'Of them: restored, a person must look.';
COMMENT ON COLUMN audit.collection.rejected IS 'Of them: cannot be read or may not be restored.';
COMMENT ON COLUMN audit.collection.quarantined IS 'Of them: failed on every attempt.';
COMMENT ON COLUMN audit.collection.skipped IS 'Of them: left out on purpose.';
COMMENT ON COLUMN audit.collection.duplicates IS 'Of them: same bytes as an earlier one.';
COMMENT ON COLUMN audit.collection.source_bytes IS 'Bytes of all current scans.';
COMMENT ON COLUMN audit.collection.last_run_id IS 'Latest run.';
COMMENT ON COLUMN audit.collection.last_run_state IS 'Where the latest run stands.';
COMMENT ON COLUMN audit.collection.last_run_at IS 'When the latest run was opened.';
COMMENT ON COLUMN audit.collection.published_version IS 'Version of the current archive.';
COMMENT ON COLUMN audit.collection.published_uri IS 'Where the current archive lies.';
COMMENT ON COLUMN audit.collection.published_at IS 'When it became current.';
COMMENT ON COLUMN audit.collection.events IS 'Events in the chain.';
COMMENT ON COLUMN audit.collection.chain_head IS 'Hash of the last event.';
COMMENT ON COLUMN audit.collection.divided IS 'Of those left out: scans that were divided into the photographs they show, which are counted one by one.';

CREATE VIEW audit.run AS
SELECT r.run_id, c.name AS collection, r.dag_id, r.dag_run_id, r.recipe, r.recipe_sha256, r.state::text AS state,
       r.parameters, r.code_version, r.listing, r.summary, r.started_at, r.finished_at,
       extract(epoch FROM coalesce(r.finished_at, now()) - r.started_at)::double precision AS seconds,
       b.batches, b.batches_finished, b.batches_failed, b.redeliveries, b.photos
  FROM run r
  JOIN collection c USING (collection_id)
  LEFT JOIN LATERAL (
       SELECT count(*) AS batches,
              count(*) FILTER (WHERE b.state IN ('done', 'failed', 'cancelled')) AS batches_finished,
              count(*) FILTER (WHERE b.state = 'failed') AS batches_failed,
              coalesce(sum(greatest(b.deliveries - 1, 0)), 0)::bigint AS redeliveries,
              coalesce(sum(b.photo_count), 0)::bigint AS photos
         FROM batch b WHERE b.run_id = r.run_id) b ON true;
COMMENT ON VIEW audit.run IS 'One row a run: who asked for what, and how far it is.';
COMMENT ON COLUMN audit.run.run_id IS 'The run.';
COMMENT ON COLUMN audit.run.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.run.dag_id IS 'Airflow DAG.';
COMMENT ON COLUMN audit.run.dag_run_id IS 'Airflow DAG run.';
COMMENT ON COLUMN audit.run.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.run.recipe_sha256 IS 'Hash of the recipe.';
COMMENT ON COLUMN audit.run.state IS 'Where the run stands.';
COMMENT ON COLUMN audit.run.parameters IS 'Parameters of the trigger form.';
COMMENT ON COLUMN audit.run.code_version IS 'Version of the software on the Airflow side.';
COMMENT ON COLUMN audit.run.listing IS 'What the listing brought.';
COMMENT ON COLUMN audit.run.summary IS 'Photographs by state and by reason, once it is finished.';
COMMENT ON COLUMN audit.run.started_at IS 'When it was opened.';
COMMENT ON COLUMN audit.run.finished_at IS 'When it was closed.';
COMMENT ON COLUMN audit.run.seconds IS 'Seconds from start to end, or until now.';
COMMENT ON COLUMN audit.run.batches IS 'Batches planned.';
COMMENT ON COLUMN audit.run.batches_finished IS 'Batches done, failed or cancelled.';
COMMENT ON COLUMN audit.run.batches_failed IS 'Batches that failed as a whole.';
COMMENT ON COLUMN audit.run.redeliveries IS 'Deliveries beyond the first: crashes and doubled messages.';
COMMENT ON COLUMN audit.run.photos IS 'Photographs chosen.';

CREATE VIEW audit.failure AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.state::text AS state, p.reason::text AS reason, p.reason_detail,
       p.attempts, p.size_bytes AS source_bytes,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256, p.finished_at,
       last.run_id AS last_run_id, last.worker AS last_worker
  FROM photo p
  JOIN collection c USING (collection_id)
  LEFT JOIN LATERAL (
       SELECT b.run_id, b.worker FROM batch_photo bp JOIN batch b USING (batch_id)
        WHERE bp.photo_id = p.photo_id ORDER BY b.queued_at DESC NULLS LAST LIMIT 1) last ON true
 WHERE p.current AND p.state IN ('rejected', 'quarantined');
COMMENT ON VIEW audit.failure IS 'Current photographs that could not be restored, and why.';
COMMENT ON COLUMN audit.failure.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.failure.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.failure.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.failure.state IS 'rejected or quarantined.';
COMMENT ON COLUMN audit.failure.reason IS 'Why (type reason_code).';
COMMENT ON COLUMN audit.failure.reason_detail IS 'The reason in words.';
COMMENT ON COLUMN audit.failure.attempts IS 'Attempts made.';
COMMENT ON COLUMN audit.failure.source_bytes IS 'Size of the scan in bytes.';
COMMENT ON COLUMN audit.failure.source_sha256 IS 'Hash of the scan, where it was read.';
COMMENT ON COLUMN audit.failure.finished_at IS 'When it was given up.';
COMMENT ON COLUMN audit.failure.last_run_id IS 'Last run that tried it; null where the listing refused it.';
COMMENT ON COLUMN audit.failure.last_worker IS 'Last worker that tried it.';

CREATE VIEW audit.model_use AS
SELECT c.name AS collection, m.name AS model, m.version, m.architecture, m.weights_sha256, m.licence, m.source,
       m.training_data, m.retired_at, n.role, n.photos, n.uses, n.first_used_at, n.last_used_at
  FROM collection c
 CROSS JOIN LATERAL (
       SELECT u.model_version_id, u.role, count(DISTINCT p.photo_id) AS photos, count(*) AS uses,
              min(r.created_at) AS first_used_at, max(r.created_at) AS last_used_at
         FROM photo p
         JOIN restoration r USING (restoration_id)
         JOIN (SELECT restoration_id, model_version_id, step AS role FROM step_record WHERE model_version_id IS NOT NULL
               UNION ALL SELECT restoration_id, detector_id, 'detect face' FROM face
               UNION ALL SELECT restoration_id, restorer_id, 'restore face' FROM face WHERE restorer_id IS NOT NULL
               UNION ALL SELECT restoration_id, identity_model_id, 'compare face' FROM face
                          WHERE identity_model_id IS NOT NULL
               UNION ALL SELECT restoration_id, model_version_id, 'fill ' || kind::text FROM damage
                          WHERE model_version_id IS NOT NULL) u USING (restoration_id)
        WHERE p.collection_id = c.collection_id AND p.current
        GROUP BY u.model_version_id, u.role) n
  JOIN model_version m USING (model_version_id);
COMMENT ON VIEW audit.model_use IS 'Which model, with which weights and licence, touched how many current photographs of a collection.';
COMMENT ON COLUMN audit.model_use.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.model_use.model IS 'Model by name.';
COMMENT ON COLUMN audit.model_use.version IS 'Its version.';
COMMENT ON COLUMN audit.model_use.architecture IS 'Its net.';
COMMENT ON COLUMN audit.model_use.weights_sha256 IS 'Hash of its weight file.';
COMMENT ON COLUMN audit.model_use.licence IS 'Licence of the weights.';
COMMENT ON COLUMN audit.model_use.source IS 'Where the weights come from.';
COMMENT ON COLUMN audit.model_use.training_data IS 'What it learnt from.';
COMMENT ON COLUMN audit.model_use.retired_at IS 'When it was withdrawn from use.';
COMMENT ON COLUMN audit.model_use.role IS
    'What it did: a step''s name; detect, restore or compare face; or fill and the kind of damage.';
COMMENT ON COLUMN audit.model_use.photos IS 'Current photographs it touched.';
COMMENT ON COLUMN audit.model_use.uses IS 'Steps, faces or kinds of damage it worked on.';
COMMENT ON COLUMN audit.model_use.first_used_at IS 'First restoration with it.';
COMMENT ON COLUMN audit.model_use.last_used_at IS 'Last restoration with it.';

CREATE VIEW audit.face AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.state::text AS state, f.ordinal AS face,
       f.x, f.y, f.width, f.height, f.confidence, f.action::text AS action, f.reason::text AS reason,
       f.certainty, f.identity, f.identity_threshold, f.identity_tried, f.blend,
       d.name AS detector, m.name AS restorer, m.version AS restorer_version, m.weights_sha256 AS restorer_sha256,
       i.name AS identity_model, i.version AS identity_model_version, i.weights_sha256 AS identity_model_sha256,
       r.restoration_id, r.recipe, r.recipe_sha256
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r ON r.restoration_id = p.restoration_id
  JOIN face f ON f.restoration_id = r.restoration_id
  JOIN model_version d ON d.model_version_id = f.detector_id
  LEFT JOIN model_version m ON m.model_version_id = f.restorer_id
  LEFT JOIN model_version i ON i.model_version_id = f.identity_model_id
 WHERE p.current;
COMMENT ON VIEW audit.face IS 'One row a face of a photograph as it stands: what was done to it, by what, and how near it came.';
COMMENT ON COLUMN audit.face.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.face.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.face.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.face.state IS 'State of the photograph.';
COMMENT ON COLUMN audit.face.face IS 'Number of the face in the photograph.';
COMMENT ON COLUMN audit.face.x IS 'Left edge of the box, pixels from the left.';
COMMENT ON COLUMN audit.face.y IS 'Upper edge of the box, pixels from the top.';
COMMENT ON COLUMN audit.face.width IS 'Width of the box in pixels.';
COMMENT ON COLUMN audit.face.height IS 'Height of the box in pixels.';
COMMENT ON COLUMN audit.face.confidence IS 'The detector''s confidence, 0 to 1.';
COMMENT ON COLUMN audit.face.action IS 'restored, blended, left_alone or recorded.';
COMMENT ON COLUMN audit.face.reason IS 'Why it was left alone or only recorded.';
COMMENT ON COLUMN audit.face.certainty IS 'How sure the identity model was of the face in the scan, 0 to 1.';
COMMENT ON COLUMN audit.face.identity IS 'Cosine between descriptors before and after; null where it keeps the scan''s pixels.';
COMMENT ON COLUMN audit.face.identity_threshold IS 'What the cosine had to reach.';
COMMENT ON COLUMN audit.face.identity_tried IS 'Cosines of the shares that were tried, the whole restored face first.';
COMMENT ON COLUMN audit.face.blend IS 'Share of the restored face in the result, 0 to 1.';
COMMENT ON COLUMN audit.face.detector IS 'Model that found it.';
COMMENT ON COLUMN audit.face.restorer IS 'Model that restored it, whatever came of that; null where none did.';
COMMENT ON COLUMN audit.face.restorer_version IS 'Its version.';
COMMENT ON COLUMN audit.face.restorer_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.face.identity_model IS 'Model that compared before and after.';
COMMENT ON COLUMN audit.face.identity_model_version IS 'Its version.';
COMMENT ON COLUMN audit.face.identity_model_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.face.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.face.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.face.recipe_sha256 IS 'Hash of its canonical form.';

CREATE VIEW audit.damage AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.state::text AS state, d.kind::text AS kind, d.found_share,
       d.mended_share, d.regions, d.mending::text AS mending, d.x, d.y, d.width, d.height,
       m.name AS model, m.version AS model_version, m.weights_sha256 AS model_sha256,
       r.filled_share, r.mask_key, r.restoration_id, r.recipe, r.recipe_sha256
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r ON r.restoration_id = p.restoration_id
  JOIN damage d ON d.restoration_id = r.restoration_id
  LEFT JOIN model_version m ON m.model_version_id = d.model_version_id
 WHERE p.current;
COMMENT ON VIEW audit.damage IS 'One row a kind of damage of a photograph as it stands: how much of it was found, and how it was mended.';
COMMENT ON COLUMN audit.damage.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.damage.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.damage.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.damage.state IS 'State of the photograph.';
COMMENT ON COLUMN audit.damage.kind IS 'scratch, crease, hole, dust, stain or writing.';
COMMENT ON COLUMN audit.damage.found_share IS 'Share of the picture where it was found, 0 to 1.';
COMMENT ON COLUMN audit.damage.mended_share IS 'Share of the picture where it was mended, 0 to 1.';
COMMENT ON COLUMN audit.damage.regions IS 'Connected places of it.';
COMMENT ON COLUMN audit.damage.mending IS 'none, surroundings, net or tone: how most of it was mended.';
COMMENT ON COLUMN audit.damage.x IS 'Left edge of the box round all that was mended, pixels of the output from the left; null where nothing was.';
COMMENT ON COLUMN audit.damage.y IS 'Upper edge of that box, pixels from the top.';
COMMENT ON COLUMN audit.damage.width IS 'Width of that box in pixels.';
COMMENT ON COLUMN audit.damage.height IS 'Height of that box in pixels.';
COMMENT ON COLUMN audit.damage.model IS 'Net that mended it; null where none did.';
COMMENT ON COLUMN audit.damage.model_version IS 'Its version.';
COMMENT ON COLUMN audit.damage.model_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.damage.filled_share IS 'Share of the whole picture that was invented, of all kinds together.';
COMMENT ON COLUMN audit.damage.mask_key IS 'Key of the mask that says where.';
COMMENT ON COLUMN audit.damage.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.damage.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.damage.recipe_sha256 IS 'Hash of its canonical form.';

CREATE VIEW audit.needs_review AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.dublin_core ->> 'title' AS title, p.reason::text AS reason,
       p.reason_detail, r.recipe, r.ai_altered, r.output_key, r.preview_before_key, r.preview_after_key,
       c.sensitivity::text AS sensitivity, c.consent::text AS consent,
       (SELECT count(*) FROM face f WHERE f.restoration_id = r.restoration_id) AS faces,
       (SELECT min(f.identity) FROM face f WHERE f.restoration_id = r.restoration_id) AS lowest_identity,
       p.finished_at AS waiting_since, decision_in_force(p.photo_id, p.restoration_id)::text AS earlier_decision
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r USING (restoration_id)
    -- what may wait, from indexes; the function answers for those alone
 WHERE p.photo_id IN (SELECT q.photo_id FROM photo q WHERE q.current AND q.state = 'needs_review'
                      UNION SELECT v.photo_id FROM review v WHERE v.decision = 'reject')
   AND awaits_review(p);
COMMENT ON VIEW audit.needs_review IS 'Photographs that wait for a person, and why.';
COMMENT ON COLUMN audit.needs_review.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.needs_review.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.needs_review.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.needs_review.title IS 'Title from the collection''s metadata.';
COMMENT ON COLUMN audit.needs_review.reason IS 'Why a person must look.';
COMMENT ON COLUMN audit.needs_review.reason_detail IS 'The reason in words, with figures.';
COMMENT ON COLUMN audit.needs_review.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.needs_review.ai_altered IS 'Whether a trained model changed what it shows.';
COMMENT ON COLUMN audit.needs_review.output_key IS 'Key of the restored file.';
COMMENT ON COLUMN audit.needs_review.preview_before_key IS 'Key of the small JPEG of the scan.';
COMMENT ON COLUMN audit.needs_review.preview_after_key IS 'Key of the small JPEG of the restored photograph.';
COMMENT ON COLUMN audit.needs_review.sensitivity IS 'How carefully the collection is treated.';
COMMENT ON COLUMN audit.needs_review.consent IS 'Whether the people shown agree.';
COMMENT ON COLUMN audit.needs_review.faces IS 'Faces found.';
COMMENT ON COLUMN audit.needs_review.lowest_identity IS 'Lowest identity of its restored faces.';
COMMENT ON COLUMN audit.needs_review.waiting_since IS 'When it was restored.';
COMMENT ON COLUMN audit.needs_review.earlier_decision IS
    'reject, where a person rejected an earlier restoration; null where nobody has decided yet.';

CREATE VIEW audit.throughput AS
SELECT c.name AS collection, run.run_id, run.dag_run_id, r.worker, r.device, r.device_class, count(*) AS photos,
       sum(r.seconds) AS work_seconds, avg(r.seconds) AS mean_seconds,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.seconds) AS p50_seconds,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY r.seconds) AS p95_seconds,
       sum(r.output_width::bigint * r.output_height) / 1e6 AS megapixels,
       extract(epoch FROM max(r.created_at) - min(r.created_at))::double precision AS span_seconds,
       min(r.created_at) AS first_at, max(r.created_at) AS last_at
  FROM restoration r
  JOIN run ON run.run_id = r.first_run_id
  JOIN collection c USING (collection_id)
 GROUP BY c.name, run.run_id, r.worker, r.device, r.device_class;
COMMENT ON VIEW audit.throughput IS 'How fast each worker was in each run. Linked duplicates are not counted: they cost nothing.';
COMMENT ON COLUMN audit.throughput.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.throughput.run_id IS 'The run.';
COMMENT ON COLUMN audit.throughput.dag_run_id IS 'Airflow DAG run.';
COMMENT ON COLUMN audit.throughput.worker IS 'Worker process.';
COMMENT ON COLUMN audit.throughput.device IS 'Device that ran the nets.';
COMMENT ON COLUMN audit.throughput.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN audit.throughput.photos IS 'Photographs restored.';
COMMENT ON COLUMN audit.throughput.work_seconds IS 'Seconds of work in all.';
COMMENT ON COLUMN audit.throughput.mean_seconds IS 'Mean seconds a photograph.';
COMMENT ON COLUMN audit.throughput.p50_seconds IS 'Median seconds a photograph.';
COMMENT ON COLUMN audit.throughput.p95_seconds IS '95th percentile of seconds a photograph.';
COMMENT ON COLUMN audit.throughput.megapixels IS 'Megapixels written.';
COMMENT ON COLUMN audit.throughput.span_seconds IS 'Seconds from its first to its last photograph.';
COMMENT ON COLUMN audit.throughput.first_at IS 'First photograph written.';
COMMENT ON COLUMN audit.throughput.last_at IS 'Last photograph written.';

CREATE VIEW audit.lineage AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.version_id, p.current, run.run_id, run.dag_run_id, bp.batch_id,
       bp.state::text AS outcome, bp.reason::text AS reason, bp.reason_detail,
       coalesce(p.file_sha256, p.content_sha256) AS source_sha256,
       coalesce(r.recipe, run.recipe) AS recipe, coalesce(r.recipe_sha256, run.recipe_sha256) AS recipe_sha256,
       r.models_sha256, r.restoration_id, r.output_key, r.output_sha256, r.device_class, r.code_version,
       r.first_run_id AS made_in_run_id, bp.finished_at,
       (SELECT array_agg(b.version ORDER BY b.version)
          FROM publication_photo pp JOIN publication b USING (publication_id)
         WHERE pp.photo_id = p.photo_id AND pp.restoration_id = bp.restoration_id
           AND b.state IN ('current', 'superseded')) AS published_versions,
       r.variant
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN batch_photo bp ON bp.photo_id = p.photo_id
  JOIN batch b ON b.batch_id = bp.batch_id
  JOIN run ON run.run_id = b.run_id
  LEFT JOIN restoration r ON r.restoration_id = bp.restoration_id;
COMMENT ON VIEW audit.lineage IS
    'One row for each time a photograph went through a run: from the scan''s hash over recipe and models to the output''s hash.';
COMMENT ON COLUMN audit.lineage.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.lineage.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.lineage.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.lineage.version_id IS 'S3 version of the scan.';
COMMENT ON COLUMN audit.lineage.current IS 'Whether this is the scan''s latest version.';
COMMENT ON COLUMN audit.lineage.run_id IS 'The run.';
COMMENT ON COLUMN audit.lineage.dag_run_id IS 'Airflow DAG run.';
COMMENT ON COLUMN audit.lineage.batch_id IS 'Batch that carried it.';
COMMENT ON COLUMN audit.lineage.outcome IS 'How it ended in this run; skipped with already_done where an earlier restoration was linked.';
COMMENT ON COLUMN audit.lineage.reason IS 'Why it ended so.';
COMMENT ON COLUMN audit.lineage.reason_detail IS 'The reason in words.';
COMMENT ON COLUMN audit.lineage.source_sha256 IS 'Hash of the scan.';
COMMENT ON COLUMN audit.lineage.recipe IS 'Recipe by name.';
COMMENT ON COLUMN audit.lineage.recipe_sha256 IS 'Hash of the recipe.';
COMMENT ON COLUMN audit.lineage.models_sha256 IS 'Hash of the set of models.';
COMMENT ON COLUMN audit.lineage.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.lineage.output_key IS 'Key of the restored file.';
COMMENT ON COLUMN audit.lineage.output_sha256 IS 'Hash of the restored file.';
COMMENT ON COLUMN audit.lineage.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN audit.lineage.code_version IS 'Version of the software on the worker.';
COMMENT ON COLUMN audit.lineage.made_in_run_id IS 'Run that made the restoration: another one where it was linked.';
COMMENT ON COLUMN audit.lineage.finished_at IS 'When it ended in this run.';
COMMENT ON COLUMN audit.lineage.published_versions IS 'Versions of the archive that show this restoration.';
COMMENT ON COLUMN audit.lineage.variant IS 'Empty, faces_off, hinted or faces_off_hinted.';

CREATE VIEW audit.event AS
SELECT c.name AS collection, e.seq, e.event_type, e.outcome, e.agent, e.run_id, e.photo_id, e.restoration_id,
       e.publication_id, e.detail, e.occurred_at, e.prev_sha256, e.sha256, event_canonical(e) AS canonical,
       e.login, e.rule
  FROM event e JOIN collection c USING (collection_id);
COMMENT ON VIEW audit.event IS 'The chain of events. sha256 must be the SHA-256 of canonical (UTF-8), prev_sha256 that of the event before.';
COMMENT ON COLUMN audit.event.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.event.seq IS 'Place in the chain, from 1 without gaps.';
COMMENT ON COLUMN audit.event.event_type IS 'What happened.';
COMMENT ON COLUMN audit.event.outcome IS 'success, warning or failure.';
COMMENT ON COLUMN audit.event.agent IS 'Who did it, as the program says.';
COMMENT ON COLUMN audit.event.run_id IS 'Run in which it happened.';
COMMENT ON COLUMN audit.event.photo_id IS 'Photograph it happened to.';
COMMENT ON COLUMN audit.event.restoration_id IS 'Restoration that came of it.';
COMMENT ON COLUMN audit.event.publication_id IS 'Publication that came of it.';
COMMENT ON COLUMN audit.event.detail IS 'Reason codes, figures and hashes.';
COMMENT ON COLUMN audit.event.occurred_at IS 'When, by the database''s clock.';
COMMENT ON COLUMN audit.event.prev_sha256 IS 'Hash of the event before.';
COMMENT ON COLUMN audit.event.sha256 IS 'Hash of this event.';
COMMENT ON COLUMN audit.event.canonical IS 'The text that the hash is taken of.';
COMMENT ON COLUMN audit.event.login IS 'Login that wrote it; null in events of rule 1.';
COMMENT ON COLUMN audit.event.rule IS 'What the hash is taken of: 1 until migration 0015, 2 with rule and login.';

CREATE VIEW audit.chain_head AS
SELECT c.name AS collection, coalesce(h.seq, 0) AS seq, coalesce(h.sha256, repeat('0', 64)) AS sha256
  FROM collection c LEFT JOIN event_head h USING (collection_id);
COMMENT ON VIEW audit.chain_head IS 'End of each collection''s chain of events, kept apart from the events.';
COMMENT ON COLUMN audit.chain_head.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.chain_head.seq IS 'Number of the last event.';
COMMENT ON COLUMN audit.chain_head.sha256 IS 'Hash of the last event.';

CREATE VIEW audit.publication AS
SELECT c.name AS collection, b.version, b.state::text AS state, b.uri, b.run_id, b.content_sha256, b.manifest_sha256,
       b.chain_head, b.photo_count, b.byte_count, b.created_at, b.verified_at, b.current_at, b.fixity_checked_at,
       b.fixity, b.removed_at
  FROM publication b JOIN collection c USING (collection_id);
COMMENT ON VIEW audit.publication IS 'One row a version of a published archive.';
COMMENT ON COLUMN audit.publication.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.publication.version IS 'Version of the archive.';
COMMENT ON COLUMN audit.publication.state IS 'Where it stands.';
COMMENT ON COLUMN audit.publication.uri IS 'Where it lies.';
COMMENT ON COLUMN audit.publication.run_id IS 'Run after which it was published.';
COMMENT ON COLUMN audit.publication.content_sha256 IS 'Hash over key, output and state of every photograph.';
COMMENT ON COLUMN audit.publication.manifest_sha256 IS
    'Hash of its tagmanifest-sha256.txt, which stands for every file.';
COMMENT ON COLUMN audit.publication.chain_head IS 'Head of the chain of events when it was written.';
COMMENT ON COLUMN audit.publication.photo_count IS 'Photographs in it.';
COMMENT ON COLUMN audit.publication.byte_count IS 'Bytes of all its files.';
COMMENT ON COLUMN audit.publication.created_at IS 'When writing began.';
COMMENT ON COLUMN audit.publication.verified_at IS 'When it was found whole.';
COMMENT ON COLUMN audit.publication.current_at IS 'When it became current.';
COMMENT ON COLUMN audit.publication.fixity_checked_at IS 'When all its files were last read again.';
COMMENT ON COLUMN audit.publication.fixity IS 'What that check found: intact, changed or missing.';
COMMENT ON COLUMN audit.publication.removed_at IS 'When its files were removed after a withdrawal.';

CREATE VIEW audit.review AS
SELECT v.review_id, c.name AS collection, p.object_key, v.photo_id, v.restoration_id, v.decision::text AS decision,
       v.reviewer, v.words, v.decided_at,
       v.review_id = (SELECT max(l.review_id) FROM review l WHERE l.photo_id = v.photo_id) AS latest,
       v.restoration_id = p.restoration_id AS of_this_restoration, v.way
  FROM review v JOIN photo p USING (photo_id) JOIN collection c USING (collection_id);
COMMENT ON VIEW audit.review IS 'Every decision of a person about a photograph; the latest one counts.';
COMMENT ON COLUMN audit.review.review_id IS 'Number of the review.';
COMMENT ON COLUMN audit.review.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.review.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.review.photo_id IS 'The photograph.';
COMMENT ON COLUMN audit.review.restoration_id IS 'The restoration that the person saw.';
COMMENT ON COLUMN audit.review.decision IS 'accept, reject, accept_without_faces or keep_original.';
COMMENT ON COLUMN audit.review.reviewer IS 'Who decided.';
COMMENT ON COLUMN audit.review.words IS 'Why, in the reviewer''s words.';
COMMENT ON COLUMN audit.review.decided_at IS 'When.';
COMMENT ON COLUMN audit.review.latest IS 'Whether it is the photograph''s latest decision.';
COMMENT ON COLUMN audit.review.of_this_restoration IS 'Whether the photograph still shows the restoration that the person saw.';
COMMENT ON COLUMN audit.review.way IS 'How the reviewer came: airflow, token, terminal; with the last two nobody checked the name. Empty before migration 0015.';

CREATE VIEW audit.withdrawal AS
SELECT c.name AS collection, w.object_key, w.reason, w.recorded_by, w.withdrawn_at, w.lifted_at, w.lifted_by,
       (SELECT array_agg(DISTINCT b.version ORDER BY b.version)
          FROM photo p JOIN publication_photo pp USING (photo_id) JOIN publication b USING (publication_id)
         WHERE p.collection_id = w.collection_id AND p.object_key = w.object_key
           AND pp.shown_as IN ('restored', 'original') AND b.state IN ('current', 'superseded')) AS still_shown_in
  FROM withdrawal w JOIN collection c USING (collection_id);
COMMENT ON VIEW audit.withdrawal IS 'Scans that were withdrawn, and the versions of the archive that still show them.';
COMMENT ON COLUMN audit.withdrawal.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.withdrawal.object_key IS 'Key of the scan.';
COMMENT ON COLUMN audit.withdrawal.reason IS 'Why, in words that are published.';
COMMENT ON COLUMN audit.withdrawal.recorded_by IS 'Who put it on record.';
COMMENT ON COLUMN audit.withdrawal.withdrawn_at IS 'Since when.';
COMMENT ON COLUMN audit.withdrawal.lifted_at IS 'When it was lifted; null while it is in force.';
COMMENT ON COLUMN audit.withdrawal.lifted_by IS 'Who lifted it.';
COMMENT ON COLUMN audit.withdrawal.still_shown_in IS 'Versions that show the photograph and whose files are still there.';

CREATE VIEW audit.access_copy AS
SELECT p.photo_id, c.name AS collection, p.object_key, p.current, r.restoration_id, r.access_key, r.access_sha256,
       r.access_bytes, r.access_format, r.output_sha256
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN restoration r ON r.restoration_id = p.restoration_id
 WHERE r.access_key IS NOT NULL;
COMMENT ON VIEW audit.access_copy IS 'One row a photograph that has a copy for everyday use beside its restored file.';
COMMENT ON COLUMN audit.access_copy.photo_id IS 'Number of the photograph.';
COMMENT ON COLUMN audit.access_copy.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.access_copy.object_key IS 'Its key.';
COMMENT ON COLUMN audit.access_copy.current IS 'Whether this is the scan''s latest version.';
COMMENT ON COLUMN audit.access_copy.restoration_id IS 'The restoration.';
COMMENT ON COLUMN audit.access_copy.access_key IS 'Key of the copy.';
COMMENT ON COLUMN audit.access_copy.access_sha256 IS 'Hash of the copy.';
COMMENT ON COLUMN audit.access_copy.access_bytes IS 'Size of the copy in bytes.';
COMMENT ON COLUMN audit.access_copy.access_format IS 'jpg or webp.';
COMMENT ON COLUMN audit.access_copy.output_sha256 IS 'Hash of the restored file that it is a copy of.';

CREATE VIEW audit.colour_hint AS
SELECT h.hint_id, c.name AS collection, p.photo_id, p.object_key, h.outline, h.radius, h.colour, h.subject,
       h.ground::text AS ground, h.source, h.said_by, h.said_on, h.given_through, h.added_by, h.added_at,
       e.removed_at, e.removed_by, e.reason AS removal_reason, p.current AS scan_is_current,
       (SELECT count(*) FROM photo q JOIN restoration r USING (restoration_id)
         WHERE q.collection_id = h.collection_id AND q.current AND h.hint_id = ANY (q.hint_ids)
           AND r.variant IN ('hinted', 'faces_off_hinted')
           AND EXISTS (SELECT FROM step_record s WHERE s.restoration_id = r.restoration_id AND s.step = 'colorize'
                          AND s.status = 'applied')) AS photos_painted_by_it
  FROM colour_hint h
  JOIN photo p USING (photo_id)
  JOIN collection c ON c.collection_id = h.collection_id
  LEFT JOIN colour_hint_removal e USING (hint_id);
COMMENT ON VIEW audit.colour_hint IS 'One row a colour that somebody gave: where, on what ground, and whether it holds.';
COMMENT ON COLUMN audit.colour_hint.hint_id IS 'Number of the hint.';
COMMENT ON COLUMN audit.colour_hint.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.colour_hint.photo_id IS 'The scan it was given for.';
COMMENT ON COLUMN audit.colour_hint.object_key IS 'Its key.';
COMMENT ON COLUMN audit.colour_hint.outline IS 'Where: a point, or the corners of an area, as shares of width and height.';
COMMENT ON COLUMN audit.colour_hint.radius IS 'How far a point reaches, as a share of the longer side.';
COMMENT ON COLUMN audit.colour_hint.colour IS 'The colour, #rrggbb.';
COMMENT ON COLUMN audit.colour_hint.subject IS 'What has that colour.';
COMMENT ON COLUMN audit.colour_hint.ground IS 'memory, writing, object, photograph or rule.';
COMMENT ON COLUMN audit.colour_hint.source IS 'The ground in words.';
COMMENT ON COLUMN audit.colour_hint.said_by IS 'Who says so.';
COMMENT ON COLUMN audit.colour_hint.said_on IS 'When they said so.';
COMMENT ON COLUMN audit.colour_hint.given_through IS 'review page, terminal or hints.csv.';
COMMENT ON COLUMN audit.colour_hint.added_by IS 'Who put it on record.';
COMMENT ON COLUMN audit.colour_hint.added_at IS 'When.';
COMMENT ON COLUMN audit.colour_hint.removed_at IS 'When it was taken back; null while it holds.';
COMMENT ON COLUMN audit.colour_hint.removed_by IS 'Who took it back.';
COMMENT ON COLUMN audit.colour_hint.removal_reason IS 'Why.';
COMMENT ON COLUMN audit.colour_hint.scan_is_current IS 'False where the scan was replaced since: then the hint has to be given anew.';
COMMENT ON COLUMN audit.colour_hint.photos_painted_by_it IS 'Photographs that show it.';

CREATE VIEW audit.several AS
SELECT c.name AS collection, p.photo_id, p.object_key, p.restoration_id, s.detail ->> 'arrangement' AS arrangement,
       jsonb_array_length(s.detail -> 'photographs') AS photographs, part.place,
       (part.facts -> 'centre' ->> 0)::double precision AS x, (part.facts -> 'centre' ->> 1)::double precision AS y,
       (part.facts -> 'size' ->> 0)::double precision AS width, (part.facts -> 'size' ->> 1)::double precision AS height,
       (part.facts ->> 'angle')::double precision AS angle,
       (part.facts ->> 'confidence')::double precision AS confidence,
       false AS divided, NULL::text AS part_key
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN step_record s ON s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.detail ? 'photographs'
 CROSS JOIN LATERAL jsonb_array_elements(s.detail -> 'photographs') WITH ORDINALITY AS part (facts, place)
 WHERE p.current
UNION ALL
SELECT c.name, p.photo_id, p.object_key, NULL, d.arrangement, cardinality(d.boxes), part.place,
       split_part(part.box, ' ', 1)::double precision, split_part(part.box, ' ', 2)::double precision,
       split_part(part.box, ' ', 3)::double precision, split_part(part.box, ' ', 4)::double precision,
       split_part(part.box, ' ', 5)::double precision, NULL, true,
       (SELECT q.object_key FROM photo q
         WHERE q.collection_id = p.collection_id AND q.file_key = coalesce(p.file_key, p.object_key) AND q.current
           AND q.page = p.page AND q.box = part.box AND (q.version_id, q.etag) = (p.version_id, p.etag))
  FROM photo p
  JOIN collection c USING (collection_id)
  JOIN division d USING (division_id)
 CROSS JOIN LATERAL unnest(d.boxes) WITH ORDINALITY AS part (box, place)
 WHERE p.current AND p.box IS NULL AND p.state = 'skipped' AND p.reason::text = 'divided';
COMMENT ON VIEW audit.several IS 'One row a photograph on a scan that shows several: as triage saw it on a scan that was restored as a whole, or as the scan was divided.';
COMMENT ON COLUMN audit.several.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.several.photo_id IS 'The scan.';
COMMENT ON COLUMN audit.several.object_key IS 'Its key.';
COMMENT ON COLUMN audit.several.restoration_id IS 'The restoration whose triage said so; null if the scan is divided.';
COMMENT ON COLUMN audit.several.arrangement IS 'prints_on_bed, album_page or stereo_card.';
COMMENT ON COLUMN audit.several.photographs IS 'How many there are on the scan.';
COMMENT ON COLUMN audit.several.place IS 'Which of them this is, row by row from the top left, from 1.';
COMMENT ON COLUMN audit.several.x IS 'Its centre, as a share of the scan''s width.';
COMMENT ON COLUMN audit.several.y IS 'Its centre, as a share of the scan''s height.';
COMMENT ON COLUMN audit.several.width IS 'Its width, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.several.height IS 'Its height, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.several.angle IS 'Its turn, in degrees clockwise.';
COMMENT ON COLUMN audit.several.confidence IS 'Share of its outline that was seen; of a stereo card''s halves, how alike they are; null if the scan is divided.';
COMMENT ON COLUMN audit.several.divided IS 'Whether the scan is divided, so that each is a photograph of its own.';
COMMENT ON COLUMN audit.several.part_key IS 'Then its name.';

CREATE VIEW audit.division AS
SELECT d.division_id, c.name AS collection, d.source_sha256,
       (SELECT array_agg(p.object_key ORDER BY p.object_key) FROM photo p
         WHERE p.content_sha256 = d.source_sha256 AND p.collection_id = d.collection_id AND p.current) AS scans,
       d.arrangement, cardinality(d.boxes) AS photographs, part.place,
       split_part(part.box, ' ', 1)::double precision AS x, split_part(part.box, ' ', 2)::double precision AS y,
       split_part(part.box, ' ', 3)::double precision AS width, split_part(part.box, ' ', 4)::double precision AS height,
       split_part(part.box, ' ', 5)::double precision AS angle,
       d.given_through, d.run_id, d.decided_by, d.decided_at, e.removed_at, e.removed_by, e.reason AS removal_reason
  FROM division d
  JOIN collection c USING (collection_id)
  LEFT JOIN division_removal e USING (division_id)
 CROSS JOIN LATERAL unnest(d.boxes) WITH ORDINALITY AS part (box, place);
COMMENT ON VIEW audit.division IS 'One row a photograph of a scan that was divided: where it is, who decided it, and whether that holds.';
COMMENT ON COLUMN audit.division.division_id IS 'Number of the decision.';
COMMENT ON COLUMN audit.division.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.division.source_sha256 IS 'Identity of the scan''s content.';
COMMENT ON COLUMN audit.division.scans IS 'Keys of the collection''s scans with that content now; null if there are none.';
COMMENT ON COLUMN audit.division.arrangement IS 'prints_on_bed, album_page or stereo_card; empty if nobody said.';
COMMENT ON COLUMN audit.division.photographs IS 'Into how many it is divided.';
COMMENT ON COLUMN audit.division.place IS 'Which of them this is, in the order in which they were given.';
COMMENT ON COLUMN audit.division.x IS 'Its centre, as a share of the scan''s width.';
COMMENT ON COLUMN audit.division.y IS 'Its centre, as a share of the scan''s height.';
COMMENT ON COLUMN audit.division.width IS 'Its width, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.division.height IS 'Its height, as a share of the scan''s long side.';
COMMENT ON COLUMN audit.division.angle IS 'Its turn, in degrees clockwise.';
COMMENT ON COLUMN audit.division.given_through IS 'triage, boxes or recipe.';
COMMENT ON COLUMN audit.division.run_id IS 'The run that divided it; null if a person did.';
COMMENT ON COLUMN audit.division.decided_by IS 'The person, or the recipe.';
COMMENT ON COLUMN audit.division.decided_at IS 'When.';
COMMENT ON COLUMN audit.division.removed_at IS 'When it was taken back; null while it holds.';
COMMENT ON COLUMN audit.division.removed_by IS 'Who took it back.';
COMMENT ON COLUMN audit.division.removal_reason IS 'Why.';

CREATE VIEW audit.fixity AS
SELECT 'original' AS kind, c.name AS collection, coalesce(p.file_key, p.object_key) AS name, p.photo_id, NULL::integer AS version,
       p.fixity_checked_at AS checked_at, p.fixity AS found,
       coalesce(p.fixity_checked_at, p.finished_at, p.first_seen_at) AS last_read_at
  FROM photo p JOIN collection c USING (collection_id)
 WHERE p.current AND p.missing_since IS NULL AND p.content_sha256 IS NOT NULL AND p.part = 1
UNION ALL
SELECT 'publication', c.name, b.uri, NULL, b.version, b.fixity_checked_at, b.fixity,
       coalesce(b.fixity_checked_at, b.verified_at)
  FROM publication b JOIN collection c USING (collection_id)
 WHERE b.state IN ('current', 'superseded');
COMMENT ON VIEW audit.fixity IS 'Every original and every publication, with the time and the result of its last fixity check.';
COMMENT ON COLUMN audit.fixity.kind IS 'original or publication.';
COMMENT ON COLUMN audit.fixity.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.fixity.name IS 'Key of the scan, or address of the publication.';
COMMENT ON COLUMN audit.fixity.photo_id IS 'The photograph; null for a publication.';
COMMENT ON COLUMN audit.fixity.version IS 'Version of the archive; null for an original.';
COMMENT ON COLUMN audit.fixity.checked_at IS 'When a fixity check last read it; null: never yet.';
COMMENT ON COLUMN audit.fixity.found IS 'What that check found: intact, changed or missing.';
COMMENT ON COLUMN audit.fixity.last_read_at IS 'When its bytes were last known to be right: that check, or else its restoration or its publication.';

CREATE VIEW audit.fixity_overdue AS
SELECT f.kind, f.collection, f.name, f.photo_id, f.version, f.checked_at, f.found, f.last_read_at, y.fixity_days,
       f.last_read_at + make_interval(days => y.fixity_days) AS due_at
  FROM audit.fixity f CROSS JOIN policy y
 WHERE f.found IN ('changed', 'missing') OR f.last_read_at < now() - make_interval(days => y.fixity_days);
COMMENT ON VIEW audit.fixity_overdue IS
    'Originals and publications that were not read again in time, or that the last check found changed or missing.';
COMMENT ON COLUMN audit.fixity_overdue.kind IS 'original or publication.';
COMMENT ON COLUMN audit.fixity_overdue.collection IS 'Collection by name.';
COMMENT ON COLUMN audit.fixity_overdue.name IS 'Key of the scan, or address of the publication.';
COMMENT ON COLUMN audit.fixity_overdue.photo_id IS 'The photograph; null for a publication.';
COMMENT ON COLUMN audit.fixity_overdue.version IS 'Version of the archive; null for an original.';
COMMENT ON COLUMN audit.fixity_overdue.checked_at IS 'When a fixity check last read it; null: never yet.';
COMMENT ON COLUMN audit.fixity_overdue.found IS 'What that check found: intact, changed or missing.';
COMMENT ON COLUMN audit.fixity_overdue.last_read_at IS 'When its bytes were last known to be right.';
COMMENT ON COLUMN audit.fixity_overdue.fixity_days IS 'Days within which it is to be read again.';
COMMENT ON COLUMN audit.fixity_overdue.due_at IS 'When it should have been read again at the latest.';

CREATE VIEW audit.evaluation AS
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
COMMENT ON VIEW audit.evaluation IS
    'One row an evaluation, model and family with means over its photographs, and one for all families together.';
COMMENT ON COLUMN audit.evaluation.evaluation_id IS 'Number of the evaluation.';
COMMENT ON COLUMN audit.evaluation.created_at IS 'When it was recorded.';
COMMENT ON COLUMN audit.evaluation.data_set IS 'Name of the set of photographs.';
COMMENT ON COLUMN audit.evaluation.data_set_sha256 IS 'Hash over their names and contents.';
COMMENT ON COLUMN audit.evaluation.with_reference IS 'Whether the truth was known: colours, or faces before they were degraded.';
COMMENT ON COLUMN audit.evaluation.device_class IS 'Class of devices that give the same bytes.';
COMMENT ON COLUMN audit.evaluation.code_version IS 'Version of the software that measured.';
COMMENT ON COLUMN audit.evaluation.parameters IS
    'Working size, seed, models, nets of the metrics, FID and marks where there are any.';
COMMENT ON COLUMN audit.evaluation.latest IS 'Whether it is the last one of its data set and task, with or without a truth.';
COMMENT ON COLUMN audit.evaluation.model IS
    'Model by name; gray, degraded and given are doing nothing, truth the photographs themselves.';
COMMENT ON COLUMN audit.evaluation.model_version IS 'Its version.';
COMMENT ON COLUMN audit.evaluation.weights_sha256 IS 'Hash of its weights.';
COMMENT ON COLUMN audit.evaluation.family IS 'Family of photographs; null for all of them together.';
COMMENT ON COLUMN audit.evaluation.photos IS 'Photographs in it; for face restorers, faces.';
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
COMMENT ON COLUMN audit.evaluation.task IS 'colorize, restore-face or repair.';
COMMENT ON COLUMN audit.evaluation.identity IS
    'Mean cosine between descriptors of the face and of the true face; higher is better.';
COMMENT ON COLUMN audit.evaluation.given_identity IS 'The same to the face as it was given, where nobody knows the truth.';

CREATE VIEW audit.evaluation_score AS
SELECT e.evaluation_id, e.data_set, p.name AS photo, p.sha256, p.family, p.ita_group, m.name AS model,
       m.version AS model_version, m.weights_sha256, s.metric, s.value, e.task, p.face
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
COMMENT ON COLUMN audit.evaluation_score.task IS 'What the models do: colorize photographs, or restore faces.';
COMMENT ON COLUMN audit.evaluation_score.face IS
    'The photograph''s faces counted from 1; 0 for the photograph as a whole, or its best face.';

-- Who may do what -----------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA restoration TO restoration_ingest, restoration_worker, restoration_publisher;
GRANT USAGE ON SCHEMA audit TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
GRANT SELECT ON ALL TABLES IN SCHEMA audit
    TO restoration_auditor, restoration_ingest, restoration_worker, restoration_publisher;
GRANT SELECT ON ALL TABLES IN SCHEMA restoration TO restoration_ingest, restoration_publisher;

GRANT INSERT, UPDATE ON collection, photo, run, batch, batch_photo TO restoration_ingest;

GRANT SELECT ON collection, run, photo, batch, batch_photo, restoration, step_record, face, damage, measurement,
    model_version, event, event_head TO restoration_worker;
GRANT INSERT ON restoration, step_record, face, damage, measurement, model_version TO restoration_worker;
GRANT SELECT, INSERT ON evaluation, evaluation_model, evaluation_photo, evaluation_score TO restoration_worker;
GRANT UPDATE (content_sha256, duplicate_of, format, width, height, bits, scan, state, reason, reason_detail,
    restoration_id, recipe_sha256, attempts, lease_owner, lease_until, finished_at, hint_ids) ON photo
    TO restoration_worker;
GRANT UPDATE (state, deliveries, worker, detail, heartbeat_at, queued_at, started_at, finished_at, given_back) ON batch
    TO restoration_worker;
GRANT UPDATE (state, reason, reason_detail, restoration_id, finished_at) ON batch_photo TO restoration_worker;

-- what a worker learns when it reads a file with several photographs
GRANT INSERT (collection_id, object_key, version_id, etag, size_bytes, last_modified, current, state, reason, reason_detail,
    finished_at, dublin_core, declared_sha256, file_key, part, page) ON photo TO restoration_worker;
GRANT UPDATE (current, missing_since, file_sha256) ON photo TO restoration_worker;
GRANT INSERT (batch_id, photo_id, position) ON batch_photo TO restoration_worker;
GRANT UPDATE (photo_count) ON batch TO restoration_worker;

-- who divides a scan into the photographs it shows: a person with the ingest's login, or a run
GRANT SELECT ON division, division_removal TO restoration_worker;
GRANT INSERT ON division TO restoration_ingest, restoration_worker;
GRANT INSERT ON division_removal TO restoration_ingest;
GRANT INSERT ON withdrawal TO restoration_ingest;
GRANT INSERT (content_sha256, file_sha256, division_id, box), UPDATE (division_id) ON photo TO restoration_worker;

GRANT SELECT ON withdrawal, policy, review TO restoration_worker;
GRANT SELECT ON colour_hint, colour_hint_removal TO restoration_worker;
GRANT INSERT ON colour_hint, colour_hint_removal TO restoration_ingest;
GRANT INSERT ON withdrawal TO restoration_publisher;
GRANT UPDATE ON policy TO restoration_ingest, restoration_publisher;
GRANT UPDATE (fixity_checked_at, fixity) ON photo TO restoration_publisher;

GRANT INSERT, UPDATE ON publication TO restoration_publisher;
GRANT INSERT ON publication_photo TO restoration_publisher;

-- seq, time and hashes are not among the columns that anybody may give
GRANT INSERT (collection_id, event_type, outcome, agent, run_id, photo_id, restoration_id, publication_id, detail)
    ON event TO restoration_ingest, restoration_worker, restoration_publisher;
REVOKE UPDATE, DELETE, TRUNCATE ON event, event_head FROM PUBLIC, restoration_ingest, restoration_worker, restoration_publisher;
REVOKE ALL ON FUNCTION event_chain(), event_move_head(), event_refuse() FROM PUBLIC;

REVOKE ALL ON FUNCTION photo_told(), photo_guard(), word_told(), division_said(), withdrawal_said(),
    hint_removal_told(), decision_told(), told_lately(bigint, text, jsonb),
    hold_photos(bigint[]) FROM PUBLIC;

-- what people decide: in a terminal, or answers that Airflow passes on
GRANT USAGE ON SCHEMA restoration, audit TO restoration_curator;
GRANT SELECT ON ALL TABLES IN SCHEMA audit TO restoration_curator;
GRANT SELECT ON ALL TABLES IN SCHEMA restoration TO restoration_curator;
GRANT INSERT ON review, withdrawal, colour_hint, colour_hint_removal TO restoration_curator;
GRANT UPDATE (lifted_at, lifted_by) ON withdrawal TO restoration_curator;
GRANT EXECUTE ON FUNCTION hold_photos(bigint[]) TO restoration_curator, restoration_reviewer, restoration_ingest;

-- the review page: what it shows, decisions and colours
GRANT USAGE ON SCHEMA restoration TO restoration_reviewer;
GRANT SELECT ON collection, photo, restoration, step_record, face, damage, measurement, model_version, run, batch,
    batch_photo, review, withdrawal, colour_hint, colour_hint_removal TO restoration_reviewer;
GRANT INSERT ON review, colour_hint, colour_hint_removal TO restoration_reviewer;
GRANT SELECT (seq) ON event TO restoration_reviewer;
GRANT SELECT, INSERT ON review_session TO restoration_reviewer;
GRANT UPDATE (ended_at) ON review_session TO restoration_reviewer;

GRANT INSERT (collection_id, event_type, outcome, agent, run_id, photo_id, restoration_id, publication_id, detail)
    ON event TO restoration_curator, restoration_reviewer;
