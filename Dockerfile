# syntax=docker/dockerfile:1
# The image of every role: `hightide poll`, `hightide deliver`, `hightide check`, ...
# It runs on a read-only root as user 10001. It writes to /var/lib/hightide (the poller's index)
# and /tmp only: mount both. Configuration is read from /etc/hightide/hightide.yaml.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Build tools live in an environment of their own, which stays behind in this stage.
# Packages come first and by hash, so that a change of our code leaves their layer as it is.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary=:all: -r requirements/build.txt \
    && python -m venv --without-pip /opt/hightide \
    && /opt/build/bin/pip --python /opt/hightide/bin/python install \
        --require-hashes --only-binary=:all: -r requirements/runtime.txt \
    # 35 MB that nobody uses: extensions of CEL but the one for texts, and C++ sources.
    && find /opt/hightide -path '*/cel_expr_python/ext/*.so' ! -name 'ext_strings.*' -delete \
    && find /opt/hightide \( -name '*.cpp' -o -name '*.c' -o -name '*.h' -o -name '*.hpp' \) -delete
COPY pyproject.toml README.md LICENSE ./
COPY worker worker
COPY connectors connectors
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/build/bin/pip --python /opt/hightide/bin/python install --no-deps --no-index dist/*.whl \
    && install -d -o 10001 -g 10001 /opt/state

FROM python:3.11-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hightide" \
      org.opencontainers.image.description="Keeps Iterable equal to a Snowflake model, through a Kafka topic you own." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/hightide /opt/hightide
COPY --from=build --chown=10001:10001 /opt/state /var/lib/hightide
# Byte code was written at install; nothing could be added on a read-only root. HOME is where
# libraries look for files of a user we don't have.
ENV PATH=/opt/hightide/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HIGHTIDE_CONFIG=/etc/hightide/hightide.yaml \
    HIGHTIDE_STATE_DIR=/var/lib/hightide
# Numbers, not names: Kubernetes can only tell from a number that this is not root.
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["hightide"]
