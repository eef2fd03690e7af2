-- Logins of the programs and Airflow's own database. Run once by the Postgres image, after sql/roles.sql, as superuser
-- in database restoration. Passwords come from the container's environment and are never on a command line.
\set ON_ERROR_STOP on
\getenv airflow_db_password AIRFLOW_DB_PASSWORD
\getenv airflow_password CATALOG_AIRFLOW_PASSWORD
\getenv gpu_password CATALOG_GPU_PASSWORD
\getenv audit_password CATALOG_AUDIT_PASSWORD
\getenv review_password CATALOG_REVIEW_PASSWORD

CREATE ROLE airflow LOGIN PASSWORD :'airflow_db_password';
CREATE DATABASE airflow OWNER airflow;

CREATE ROLE restoration_airflow LOGIN PASSWORD :'airflow_password';
GRANT restoration_ingest, restoration_publisher, restoration_curator TO restoration_airflow;
CREATE ROLE restoration_gpu LOGIN PASSWORD :'gpu_password';
GRANT restoration_worker TO restoration_gpu;
CREATE ROLE restoration_audit LOGIN PASSWORD :'audit_password';
GRANT restoration_auditor TO restoration_audit;
CREATE ROLE restoration_review LOGIN PASSWORD :'review_password';
GRANT restoration_reviewer TO restoration_review;

-- What each is held to: restoration.catalog.roles.LIMITS.
ALTER ROLE restoration_gpu SET lock_timeout = '5min';
ALTER ROLE restoration_gpu SET statement_timeout = '15min';
ALTER ROLE restoration_gpu SET idle_in_transaction_session_timeout = '15min';
ALTER ROLE restoration_review SET lock_timeout = '10s';
ALTER ROLE restoration_review SET statement_timeout = '1min';
ALTER ROLE restoration_review SET idle_in_transaction_session_timeout = '1min';
ALTER ROLE restoration_audit SET lock_timeout = '10s';
ALTER ROLE restoration_audit SET statement_timeout = '10min';
ALTER ROLE restoration_audit SET idle_in_transaction_session_timeout = '10min';
ALTER ROLE restoration_audit SET default_transaction_read_only = 'on';
