# syntax=docker/dockerfile:1
# Airflow with Leerstroom: the locked requirements, our wheel, the Dags and the one plugin file. Also the image of the embedded LRS.

FROM python:3.12-slim-bookworm AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY connectors connectors
COPY leerstroom leerstroom
COPY plugins plugins
COPY schemas schemas
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .

FROM apache/airflow:3.3.2-python3.12
USER root
RUN install -d -o airflow -g 0 -m 0775 /opt/leerstroom /opt/leerstroom/config /opt/leerstroom/data /opt/leerstroom/hr \
 && install -d -o airflow -g 0 -m 0770 /opt/leerstroom/lrs /opt/leerstroom/auth
USER airflow
COPY --chown=airflow:0 requirements/runtime.txt /tmp/runtime.txt
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/runtime.txt
COPY --from=wheel /dist/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps /tmp/leerstroom-*.whl
COPY --chown=airflow:0 dags/*.py /opt/airflow/dags/
# the provider is installed; of plugins/ only the one file that Airflow runs, and the ignore file that keeps it the only one
COPY --chown=airflow:0 plugins/leerstroom_plugin.py plugins/.airflowignore /opt/airflow/plugins/
