"""The catalog in Postgres: migrations, queries, events, audit. The only package that speaks SQL."""
