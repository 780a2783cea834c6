# The project with its daemon or its web UI; compose.yaml runs both. Nothing secret is in the image.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 dagster
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY pipedrive_assets pipedrive_assets
RUN pip install --no-cache-dir --constraint requirements.lock '.[postgres]'
COPY workspace.yaml ./
COPY deploy/postgres/dagster.yaml ./
RUN mkdir data && chown dagster:dagster /app data

USER dagster
ENV DAGSTER_HOME=/app PYTHONUNBUFFERED=1
VOLUME /app/data
CMD ["dagster-daemon", "run"]
