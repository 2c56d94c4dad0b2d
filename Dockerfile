# The AuditCube image. It is built by `mlcube configure --platform=docker`, or `scripts/image`, which hand on the
# arguments; by hand: podman build $(scripts/image-args podman) -t localhost/auditcube:dev .
#
# The packages come from ./wheelhouse where there are wheels (`make wheelhouse`), else from the package index.
ARG BASE=docker.io/library/python:3.11-slim
# Where the packages are put together, on the machine that builds; differs from BASE only if its name tells a machine.
ARG BUILD_BASE=${BASE}

FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS build
ARG TARGETARCH
WORKDIR /src
COPY requirements.lock wheelhouse* wheelhouse/
COPY requirements.lock setup.py pyproject.toml README.md ./
COPY scripts/image-install scripts/
COPY schemas schemas
COPY project project
ARG COMMIT=
ARG DIRTY=
ARG REPO=
ARG DIFF=
RUN AUDITCUBE_COMMIT="$COMMIT" AUDITCUBE_DIRTY="$DIRTY" AUDITCUBE_REPO="$REPO" AUDITCUBE_DIFF="$DIFF" \
    scripts/image-install /opt/auditcube "$TARGETARCH"

FROM --platform=$TARGETPLATFORM ${BASE}
ARG VERSION=
ARG COMMIT=
ARG DIRTY=
ARG REPO=
LABEL org.opencontainers.image.title="AuditCube" \
      org.opencontainers.image.description="Benchmarks an inference endpoint, audits the result, leaves evidence" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.source="$REPO" \
      io.auditcube.dirty="$DIRTY"
COPY --from=build /opt/auditcube /opt/auditcube
ENV PATH=/opt/auditcube/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/opt/auditcube/bin/auditcube"]
CMD ["--help"]
