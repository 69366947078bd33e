# The Supervisor gives BUILD_FROM when there is a build.yaml; without one the default holds.
ARG BUILD_FROM=ghcr.io/home-assistant/base-debian:trixie
ARG OLLAMA_IMAGE=docker.io/ollama/ollama:0.32.15

FROM ${OLLAMA_IMAGE} AS ollama
# Home Assistant OS has no NVIDIA driver, and these are most of the image.
RUN rm -rf /usr/lib/ollama/cuda_* /usr/lib/ollama/jetpack* /usr/lib/ollama/*mlx*

FROM ${BUILD_FROM} AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv
WORKDIR /usr/src/ollama_addon
COPY . .
RUN python3 -m venv /opt/ollama_addon \
    && /opt/ollama_addon/bin/pip install --no-cache-dir . \
    && /opt/ollama_addon/bin/pip uninstall --yes pip

FROM ${BUILD_FROM}
ARG BUILD_ARCH=amd64
ARG BUILD_VERSION=0.1.0
LABEL \
    io.hass.type="app" \
    io.hass.name="Ollama Assist" \
    io.hass.arch="${BUILD_ARCH}" \
    io.hass.version="${BUILD_VERSION}" \
    org.opencontainers.image.licenses="Apache-2.0"
# Mesa has the Vulkan drivers for Intel and AMD; Ollama is built with Vulkan for amd64 only.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libgomp1 \
        libopenblas0 \
        python3 \
        $([ "${BUILD_ARCH}" = amd64 ] && echo libvulkan1 mesa-vulkan-drivers) \
    && rm -rf /var/lib/apt/lists/*
COPY --from=ollama /usr/bin/ollama /usr/bin/ollama
COPY --from=ollama /usr/lib/ollama /usr/lib/ollama
COPY --from=python /opt/ollama_addon /opt/ollama_addon
COPY custom_components /opt/ollama_addon/custom_components
# The init of the base image hands the environment (the Supervisor's token) on with this.
ENV S6_KEEP_ENV=1 PATH="/opt/ollama_addon/bin:${PATH}" \
    OLLAMA_ADDON_COMPANION=/opt/ollama_addon/custom_components/ollama_addon
EXPOSE 8099 11434
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m \
    CMD ["python3", "-m", "ollama_addon", "healthcheck"]
CMD ["python3", "-m", "ollama_addon", "serve"]
