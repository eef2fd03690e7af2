# The GPU worker (or CPU worker): restores. Does not hold Airflow.
#   docker build -f infra/worker.Dockerfile --build-arg TORCH_INDEX=<index of the CUDA build> .
FROM python:3.12.12-slim-bookworm

ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 MALLOC_ARENA_MAX=2
WORKDIR /opt/restoration

# libgl1 and libglib2.0-0: OpenCV needs them, and slim images lack them.
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 50001 restoration && install -d -o restoration /var/lib/restoration/models

COPY infra/env infra/env
COPY infra/lock infra/lock
RUN python infra/env/install.py --image worker --torch "$TORCH" --torch-index "$TORCH_INDEX"

COPY pyproject.toml README.md LICENSE ./
COPY restoration restoration
COPY sql sql
RUN pip install --no-deps --no-build-isolation --editable .

USER restoration
CMD ["celery", "-A", "restoration.worker.app", "worker", "-Q", "gpu", "-c", "1", "-P", "prefork"]
