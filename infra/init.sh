#!/usr/bin/env bash
# What must be done once before Airflow and the workers start, and is harmless to do again.
set -euo pipefail
umask 077
python - <<'PYTHON'
import json, os, pathlib
path = pathlib.Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
path.write_text(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}), encoding="utf-8")
PYTHON
airflow db migrate
restoration catalog migrate
