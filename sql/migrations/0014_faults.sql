-- Faults that are not a photograph's: batches that workers gave back, reasons of their own, and a person's release.

SET LOCAL search_path = restoration;

ALTER TYPE reason_code ADD VALUE 'device_fault';
ALTER TYPE reason_code ADD VALUE 'disk_full';
ALTER TYPE reason_code ADD VALUE 'mostly_missing';
ALTER TYPE reason_code ADD VALUE 'doubtful_fill';

ALTER TABLE batch ADD COLUMN given_back smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN batch.given_back IS
    'How often a worker gave it back because machine or infrastructure failed; attempts of photographs do not count then.';
GRANT UPDATE (given_back) ON batch TO restoration_worker;

COMMENT ON COLUMN event.event_type IS
    'What happened: ingestion, replacement, missing, pages, rejection, restoration, deduplication, failure, quarantine, release, '
    'run_opened, run_planned, run_finished, cancellation, approval, publication, review, withdrawal, removal, fixity_check, '
    'colour_hint, colour_hint_removal, division, division_removal.';
