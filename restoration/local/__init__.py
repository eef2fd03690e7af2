"""The stack on one machine, from wheels: Postgres, Redis, S3, Airflow, one worker."""
