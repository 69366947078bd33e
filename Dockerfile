# The Supervisor gives BUILD_FROM when there is a build.yaml; without one the default holds.
ARG BUILD_FROM=ghcr.io/home-assistant/base-debian:trixie
ARG OLLAMA_IMAGE=docker.io/ollama/ollama:0.32.15@sha256:57d60e686821ea81a7748a3ec8141308c8b8f95b27105713954abf7a6529e700

FROM ${OLLAMA_IMAGE} AS ollama
# Home Assistant OS has no NVIDIA driver, and these are most of the image.
RUN rm -rf /usr/lib/ollama/cuda_* /usr/lib/ollama/jetpack* /usr/lib/ollama/*mlx*

FROM ${BUILD_FROM} AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv
COPY requirements.txt /tmp/requirements.txt
# Wheels only: nothing that is fetched runs while the image is built.
RUN python3 -m venv /opt/ollama_addon \
    && /opt/ollama_addon/bin/pip install --no-cache-dir --no-compile \
        --require-hashes --only-binary :all: -r /tmp/requirements.txt \
    && /opt/ollama_addon/bin/pip uninstall --yes pip
COPY ollama_addon /tmp/ollama_addon
# Of Babel's data only what the languages of the replies need: all of it is 30 MB. "nb" builds on "no".
RUN mv /tmp/ollama_addon /opt/ollama_addon/lib/python3*/site-packages/ \
    && cd /opt/ollama_addon/lib/python3*/site-packages/babel/locale-data \
    && mkdir ../kept \
    && mv root.dat no.dat ../kept/ \
    && for text in ../../ollama_addon/agent/replies/texts/*.yaml; do \
        tag=$(basename "$text" .yaml); mv "$tag".dat "$tag"_*.dat ../kept/ || exit 1; done \
    && rm -r ../locale-data \
    && mv ../kept ../locale-data \
    && /opt/ollama_addon/bin/python3 -m compileall -q /opt/ollama_addon/lib

FROM ${BUILD_FROM}
ARG BUILD_ARCH=amd64
ARG BUILD_VERSION=0.1.0
LABEL \
    io.hass.type="app" \
    io.hass.name="Ollama Assist" \
    io.hass.description="Local language models that understand the house, for Assist." \
    io.hass.arch="${BUILD_ARCH}" \
    io.hass.version="${BUILD_VERSION}" \
    org.opencontainers.image.title="Ollama Assist" \
    org.opencontainers.image.source="https://github.com/ollama-addon/ollama-addon" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${BUILD_VERSION}"
# Mesa has the Vulkan drivers for Intel and AMD; Ollama is built with Vulkan for amd64 only. The one
# that emulates a graphics processor would be slower than none; the others have none to drive here.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libgomp1 \
        python3 \
        $([ "${BUILD_ARCH}" = amd64 ] && echo libvulkan1 mesa-vulkan-drivers) \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && for driver in gfxstream lvp nouveau; do \
        rm -f /usr/lib/*/libvulkan_$driver.so /usr/share/vulkan/icd.d/$driver*; done \
    && useradd --system --no-create-home --home-dir /data --shell /usr/sbin/nologin ollama
COPY --from=ollama /usr/bin/ollama /usr/bin/ollama
COPY --from=ollama /usr/lib/ollama /usr/lib/ollama
COPY --from=python /opt/ollama_addon /opt/ollama_addon
COPY custom_components /opt/ollama_addon/custom_components
COPY rootfs /
# The init of the base image hands the environment (the Supervisor's token) on with KEEP_ENV. With
# RECEIVE_SIGNALS the sidecar is told to stop and is waited for; without, everything is killed
# after three seconds.
ENV S6_KEEP_ENV=1 S6_CMD_RECEIVE_SIGNALS=1 \
    PATH="/opt/ollama_addon/bin:${PATH}" \
    OLLAMA_ADDON_ENGINE_COMMAND="ollama-unprivileged serve" \
    OLLAMA_ADDON_COMPANION=/opt/ollama_addon/custom_components/ollama_addon
VOLUME /data
EXPOSE 8099 11434
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m \
    CMD ["python3", "-m", "ollama_addon", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/start"]
CMD ["python3", "-m", "ollama_addon", "serve"]
