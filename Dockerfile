# Two images from one file: `trainer` learns and writes artifacts, `service` answers; neither holds the other's half.
#   docker build --target service -t sparseshelf-service .
#   docker build --target trainer -t sparseshelf-trainer --build-arg WHEEL_INDEX=<address of PyTorch's CPU wheels> .

FROM python:3.11-slim AS base
# An extra wheel index for pip, for instance the one with PyTorch's CPU builds. Empty: pip's own.
ARG WHEEL_INDEX=""
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NUMBA_CACHE_DIR=/var/cache/numba
RUN useradd --create-home --uid 10001 shelf && mkdir -p /var/cache/numba /artifacts /data \
    && chown shelf /var/cache/numba /artifacts /data
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./

FROM base AS service
# pip resolves the extra from pyproject.toml alone; the packages run from /app and are not installed.
RUN mkdir -p index trainer/commands trainer/segmentation trainer/baselines service \
    && pip install ${WHEEL_INDEX:+--extra-index-url "$WHEEL_INDEX"} --constraint constraints.txt '.[service]' \
    && pip uninstall --yes sparseshelf && rm -rf trainer build ./*.egg-info
COPY index index
COPY service service
USER shelf
EXPOSE 8000
HEALTHCHECK --interval=5s --start-period=60s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["python", "-m", "service", "--artifacts", "/artifacts", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS trainer
RUN mkdir -p index trainer/commands trainer/segmentation trainer/baselines service \
    && pip install ${WHEEL_INDEX:+--extra-index-url "$WHEEL_INDEX"} --constraint constraints.txt "$(grep '^torch==' constraints.txt)" \
    && pip install ${WHEEL_INDEX:+--extra-index-url "$WHEEL_INDEX"} --constraint constraints.txt '.[trainer]' \
    && pip uninstall --yes sparseshelf && rm -rf service build ./*.egg-info
COPY index index
COPY trainer trainer
USER shelf
ENTRYPOINT ["python", "-m", "trainer"]
CMD ["fit", "--dataset", "ml-100k", "--data-dir", "/data", "--out", "/artifacts"]
