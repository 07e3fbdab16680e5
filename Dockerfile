# Two images from one file: `trainer` learns and writes artifacts, `service` answers; neither holds the other's half.
#   docker build --target service -t sparseshelf-service .
#     (started with SPARSESHELF_KEYS_FILE, or with SPARSESHELF_NO_AUTH=true SPARSESHELF_PUBLISHED_ON=127.0.0.1: docs/operating.md)
#   docker build --target trainer -t sparseshelf-trainer --build-arg WHEEL_INDEX=<address of PyTorch's CPU wheels> .

FROM python:3.11-slim AS base
# An extra wheel index for pip, for instance the one with PyTorch's CPU builds. Empty: pip's own.
ARG WHEEL_INDEX=""
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NUMBA_CACHE_DIR=/var/cache/numba
RUN useradd --create-home --uid 10001 shelf && mkdir -p /var/cache/numba /artifacts /data \
    && chown shelf /var/cache/numba /artifacts /data
WORKDIR /app
COPY pyproject.toml constraints.txt ./
# The packages run from /app and are not installed; what they need is read out of pyproject.toml, an extra each.
RUN printf '%s\n' 'import sys, tomllib' 'project = tomllib.load(open("pyproject.toml", "rb"))["project"]' \
    'print(*project["dependencies"], *(need for extra in sys.argv[1:] for need in project["optional-dependencies"][extra]), sep="\n")' > /usr/local/bin/needs.py

FROM base AS service
# More than the service needs by itself: `otel` for SPARSESHELF_TRACING=true.
ARG EXTRAS=""
RUN python /usr/local/bin/needs.py service $EXTRAS > /tmp/needs \
    && pip install ${WHEEL_INDEX:+--extra-index-url "$WHEEL_INDEX"} --constraint constraints.txt --requirement /tmp/needs
COPY index index
COPY service service
USER shelf
# The kernels come compiled, for any processor of the architecture: a container starts in a second, read-only or not, whoever
# runs it. No VOLUME, which would outlive the image with another's kernels in it: a cache that cannot be written to is read.
ENV NUMBA_CPU_NAME=generic
RUN python -m index.warm
EXPOSE 8000
HEALTHCHECK --interval=5s --start-period=60s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["python", "-m", "service", "--artifacts", "/artifacts", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS trainer
RUN python /usr/local/bin/needs.py trainer > /tmp/needs \
    && pip install ${WHEEL_INDEX:+--extra-index-url "$WHEEL_INDEX"} --constraint constraints.txt --requirement /tmp/needs
COPY index index
COPY trainer trainer
USER shelf
ENTRYPOINT ["python", "-m", "trainer"]
CMD ["fit", "--dataset", "ml-100k", "--data-dir", "/data", "--out", "/artifacts", "--once", "--resume"]
