-- Group roles of least privilege. They belong to the server, not to one database, and nobody logs in as one of them:
-- logins are made members (see docs/catalog.md). Run by `restoration catalog migrate` as a login that may create roles.
-- Safe to run again, and by two at once.

DO $$
DECLARE
    entry text[];
BEGIN
    FOREACH entry SLICE 1 IN ARRAY ARRAY[
        ['restoration_owner', 'Owns every object of the catalog; runs migrations.'],
        ['restoration_ingest', 'Registers collections and photographs, plans runs and batches (Airflow).'],
        ['restoration_worker', 'Claims batches and writes how each photograph ended (GPU workers).'],
        ['restoration_publisher', 'Reads everything, writes publications and reviews (Airflow).'],
        ['restoration_auditor', 'Reads the views of schema audit and nothing else.']]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = entry[1]) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', entry[1]);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another session was quicker
            END;
            EXECUTE format('COMMENT ON ROLE %I IS %L', entry[1], entry[2]);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO restoration_owner', current_database());
END;
$$;
