"""The Airflow side: operator, trigger, links. Imports Airflow; never torch or OpenCV."""
