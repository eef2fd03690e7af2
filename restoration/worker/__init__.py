"""The Celery side: application and tasks. Never imports Airflow."""
