-- Group roles of least privilege. They belong to the server, not to one database, and nobody logs in as one of them:
-- logins are made members (see docs/catalog.md). Run by `restoration catalog migrate` as a login that may create roles.
-- Safe to run again, and by two at once.

DO $$
DECLARE
    entry text[];
    earlier name;
BEGIN
    FOREACH entry SLICE 1 IN ARRAY ARRAY[
        ['restoration_owner', 'Owns every object of the catalog; runs migrations.'],
        ['restoration_ingest', 'Registers collections and photographs, plans runs and batches (Airflow).'],
        ['restoration_worker', 'Claims batches and writes how each photograph ended (GPU workers).'],
        ['restoration_publisher', 'Reads everything, writes publications and fixity checks (Airflow).'],
        ['restoration_curator', 'Reads everything, writes what people decide: approvals, reviews, withdrawals, colours.'],
        ['restoration_reviewer', 'Reads what the review page shows, writes reviews and colours (the review page).'],
        ['restoration_auditor', 'Reads the views of schema audit and nothing else.']]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = entry[1]) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', entry[1]);
                IF entry[1] = 'restoration_curator' THEN
                    -- who wrote people's decisions before there was this role goes on doing so until it is taken away
                    FOR earlier IN SELECT m.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
                                    WHERE a.roleid = 'restoration_publisher'::regrole AND m.rolcanlogin
                    LOOP
                        EXECUTE format('GRANT restoration_curator TO %I', earlier);
                    END LOOP;
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another session was quicker
            END;
        END IF;
        IF coalesce(shobj_description(to_regrole(entry[1]), 'pg_authid'), '') <> entry[2] THEN
            BEGIN
                EXECUTE format('COMMENT ON ROLE %I IS %L', entry[1], entry[2]);
            EXCEPTION WHEN insufficient_privilege THEN
                NULL;  -- the words of an earlier release stay
            END;
        END IF;
    END LOOP;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO restoration_owner', current_database());
END;
$$;

-- The database is for members of these roles alone; temporary tables for those who need them. Whoever does not own the
-- database leaves it as it is.
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO restoration_owner, restoration_ingest, restoration_worker, '
                   'restoration_publisher, restoration_curator, restoration_reviewer, restoration_auditor',
                   current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO restoration_owner, restoration_ingest, restoration_publisher',
                   current_database());
    EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the database stays open to every login of the server: this login does not own it';
END;
$$;

-- Advisory locks: whoever holds one stops a listing, a plan or a publication. Only a superuser can take them away.
DO $$
DECLARE
    lock regprocedure;
BEGIN
    FOR lock IN SELECT p.oid::regprocedure FROM pg_proc p
                 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^pg_(try_)?advisory_' ORDER BY 1
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO restoration_owner, restoration_ingest, restoration_worker, '
                       'restoration_publisher', lock);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', lock);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'advisory locks stay open to every login of the database: this login is no superuser';
END;
$$;
