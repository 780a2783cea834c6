# The project with its daemon or its web UI; compose.yaml runs both. Nothing secret is in the image.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 dagster
WORKDIR /app
COPY deploy/requirements.lock pyproject.toml README.md LICENSE ./
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
