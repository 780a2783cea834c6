# The project with its daemon or its web UI; compose.yaml runs both. Nothing secret is in the image.
# For Kubernetes: --build-arg REQUIREMENTS=deploy/kubernetes/requirements.lock (docs/kubernetes.md).
FROM python:3.12-slim
ARG REQUIREMENTS=deploy/requirements.lock

RUN useradd --create-home --uid 1000 dagster
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY ${REQUIREMENTS} requirements.lock
COPY pipedrive_assets pipedrive_assets
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock \
 && pip install --no-cache-dir --no-deps --no-build-isolation .
COPY workspace.yaml ./
COPY deploy/postgres/dagster.yaml ./
RUN mkdir data && chown dagster:dagster /app data

USER dagster
ENV DAGSTER_HOME=/app PYTHONUNBUFFERED=1
VOLUME /app/data
CMD ["dagster-daemon", "run"]
