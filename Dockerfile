# `make image` builds this with docker, podman or buildah. metadata.yaml names the same base image.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.1@sha256:a268b44c733ae699a60f5fbc06a324945dba98945c6e2ab7f8609f2f895b0d28

FROM ${BASE_IMAGE} AS builder
USER root
WORKDIR /build
# The connector has its own environment: the base image's packages stay unchanged, and no pip is copied into the final
# stage.
RUN python -m venv --without-pip /opt/connector
COPY requirements.lock ./
RUN pip --python /opt/connector/bin/python install --quiet --no-cache-dir --only-binary :all: --require-hashes -r requirements.lock
COPY setup.py pyproject.toml LICENSE ./
COPY source_campaign_stats source_campaign_stats
# Built with the setuptools of the lock file: an isolated build would download another one, without a hash.
RUN pip --python /opt/connector/bin/python install --quiet --no-cache-dir --no-deps --no-build-isolation --no-index . \
    && find /opt/connector -depth -type d -name tests -exec rm -r {} +

FROM ${BASE_IMAGE}
# integration_tests/image.py takes both from metadata.yaml.
ARG NAME
ARG VERSION
LABEL io.airbyte.name=${NAME} io.airbyte.version=${VERSION}
COPY --from=builder /opt/connector /opt/connector
WORKDIR /airbyte
ENV PATH=/opt/connector/bin:${PATH} AIRBYTE_ENTRYPOINT="source-campaign-stats"
# The user `airbyte` of the base image, as a number: Kubernetes checks `runAsNonRoot` only against one.
USER 1000:1000
ENTRYPOINT ["source-campaign-stats"]
