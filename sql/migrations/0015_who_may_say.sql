-- Nobody forges a person's word: every type of event has the group roles that may write it, each event names the login
-- that wrote it (its hash too), a worker changes no photograph without its event, and what people decide goes through
-- two roles of their own.
-- The release before works on: it gives no new column a value, and sql/roles.sql makes the logins that were members of
-- restoration_publisher members of restoration_curator when it makes that role. A login that is made a member of
-- restoration_publisher later, with the release before, writes publications and no longer approvals, reviews,
-- withdrawals or hints.

SET LOCAL search_path = restoration;

-- Events: who wrote them, and by which rule their hash is taken ------------------------------------------------------

ALTER TABLE event
    ADD COLUMN login text,
    ADD COLUMN rule smallint NOT NULL DEFAULT 1,
    ADD COLUMN transaction_id xid8;
COMMENT ON TABLE event IS
    'Append-only facts in PREMIS vocabulary, hash-chained per collection. Number, time, login and hashes are set by a trigger, whatever the client sends; it refuses types that the login''s group roles do not write (event_tellers). Rows cannot be changed or removed.';
COMMENT ON COLUMN event.agent IS
    'Who did it, as the program says: a worker, the planner, the publisher, a person. Who let it in is login.';
COMMENT ON COLUMN event.login IS 'Login that wrote it, by the database (session_user); null in events of rule 1.';
COMMENT ON COLUMN event.rule IS
    'What the hash is taken of: 1, all columns but login and hash, until migration 0015; 2, rule and login too.';
COMMENT ON COLUMN event.transaction_id IS
    'Transaction that wrote it, so that a photograph''s change and its event can be told to belong together; not in the hash.';
COMMENT ON COLUMN event.event_type IS
    'What happened: ingestion, replacement, missing, pages, rejection, restoration, deduplication, failure, quarantine, release, '
    'run_opened, run_planned, run_finished, cancellation, approval, publication, review, withdrawal, removal, fixity_check, '
    'colour_hint, colour_hint_removal, division, division_removal. No other type is written.';

CREATE OR REPLACE FUNCTION event_canonical(e event) RETURNS text
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

-- Who may say what ------------------------------------------------------------------------------------------------

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

CREATE OR REPLACE FUNCTION event_chain() RETURNS trigger
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
COMMENT ON TRIGGER event_chain ON event IS 'Refuses what the login may not write; sets seq, prev_sha256, sha256, occurred_at, login, rule and transaction_id.';

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

-- What people decide ----------------------------------------------------------------------------------------------

ALTER TABLE review
    ADD COLUMN way text NOT NULL DEFAULT '' CHECK (way IN ('', 'airflow', 'token', 'terminal'));
COMMENT ON COLUMN review.way IS
    'How the reviewer came: airflow (name and password checked), token (a name that nobody checked), terminal (a login of the catalog, and a name that nobody checked); empty before migration 0015.';

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

-- Consent belongs to the picture, whichever collection it is in: a content that is withdrawn or refused in one is not
-- shown through another.
CREATE INDEX photo_declared ON photo (declared_sha256) WHERE declared_sha256 IS NOT NULL;
COMMENT ON INDEX photo_declared IS 'From what a giver says a scan''s hash is to the scan: of collections that are never read.';

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

-- Views -----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW audit.event AS
SELECT c.name AS collection, e.seq, e.event_type, e.outcome, e.agent, e.run_id, e.photo_id, e.restoration_id,
       e.publication_id, e.detail, e.occurred_at, e.prev_sha256, e.sha256, event_canonical(e) AS canonical,
       e.login, e.rule
  FROM event e JOIN collection c USING (collection_id);
COMMENT ON COLUMN audit.event.agent IS 'Who did it, as the program says.';
COMMENT ON COLUMN audit.event.login IS 'Login that wrote it; null in events of rule 1.';
COMMENT ON COLUMN audit.event.rule IS 'What the hash is taken of: 1 until migration 0015, 2 with rule and login.';

CREATE OR REPLACE VIEW audit.review AS
SELECT v.review_id, c.name AS collection, p.object_key, v.photo_id, v.restoration_id, v.decision::text AS decision,
       v.reviewer, v.words, v.decided_at,
       v.review_id = (SELECT max(l.review_id) FROM review l WHERE l.photo_id = v.photo_id) AS latest,
       v.restoration_id = p.restoration_id AS of_this_restoration, v.way
  FROM review v JOIN photo p USING (photo_id) JOIN collection c USING (collection_id);
COMMENT ON COLUMN audit.review.way IS 'How the reviewer came: airflow, token, terminal; with the last two nobody checked the name. Empty before migration 0015.';

-- Who may do what -------------------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION photo_told(), photo_guard(), word_told(), division_said(), withdrawal_said(),
    hint_removal_told(), decision_told(), told_lately(bigint, text, jsonb),
    hold_photos(bigint[]) FROM PUBLIC;

REVOKE INSERT ON review, colour_hint, colour_hint_removal FROM restoration_publisher;
REVOKE UPDATE (lifted_at, lifted_by) ON withdrawal FROM restoration_publisher;

GRANT SELECT ON review_session TO restoration_ingest, restoration_publisher;

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
