# One image for web, workers and the release step; which of them a container is, its command says (compose.yaml).
# Python's minor version and Debian's release are pinned; their security fixes come with each build.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim-bookworm
# Logs appear at once; no bytecode is written into the image's read-only layers.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --create-home --uid 10001 tiposync
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY tiposync tiposync
COPY stores stores
COPY orders orders
COPY syncing syncing
# The static files need settings but no secret and no database: these values are gone after this line.
RUN SECRET_KEY=only-for-this-line DATABASE_URL=postgres://nobody@nowhere/none CREDENTIAL_KEYS=only-for-this-line \
    python manage.py collectstatic --noinput --verbosity 0
USER tiposync
EXPOSE 8000
CMD ["sh", "-c", "exec gunicorn tiposync.wsgi --worker-class gthread --workers ${WEB_WORKERS:-2} --threads ${WEB_THREADS:-8} --bind 0.0.0.0:${PORT:-8000} --timeout 30 --graceful-timeout 20 --keep-alive 5 --max-requests 200000 --max-requests-jitter 20000 --worker-tmp-dir /dev/shm --forwarder-headers \"\" --no-control-socket --access-logfile /dev/null --error-logfile -"]
