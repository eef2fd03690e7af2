# Airflow's services: plans, asks, publishes. Holds neither torch nor OpenCV.
FROM python:3.12.12-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    AIRFLOW_HOME=/opt/airflow MALLOC_ARENA_MAX=2
WORKDIR /opt/restoration

RUN useradd --create-home --uid 50000 restoration && install -d -o restoration /opt/airflow

# What changes rarely first: the packages, as the lock pins them.
COPY infra/env infra/env
COPY infra/lock infra/lock
RUN python infra/env/install.py --image airflow

# The gallery's vendored viewer, by its pins. This image has no npm: the address of a registry brings it
# (--build-arg NPM_CONFIG_REGISTRY=<address>); galleries do without.
ARG NPM_CONFIG_REGISTRY=
COPY infra/vendor infra/vendor
COPY restoration/publish/vendored.toml restoration/publish/vendored.toml
RUN python infra/vendor/fetch.py

COPY pyproject.toml README.md LICENSE ./
COPY restoration restoration
COPY sql sql
COPY docs/model-cards docs/model-cards
COPY dags dags
COPY infra/init.sh infra/init.sh
RUN pip install --no-deps --no-build-isolation --editable .

USER restoration
CMD ["airflow", "version"]
