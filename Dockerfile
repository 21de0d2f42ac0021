# docker build -t sscodec .
# --build-arg TORCH_INDEX=URL takes torch from another index, such as that of its smaller CPU builds.
# docker run --rm -v "$PWD:/sound" sscodec encode speech.wav
FROM python:3.12-slim AS build
ARG TORCH_INDEX
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY sscodec ./sscodec
COPY models ./models
RUN python -m venv /opt/sscodec \
    && /opt/sscodec/bin/pip install --no-cache-dir torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    && /opt/sscodec/bin/pip install --no-cache-dir .

FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home sscodec
COPY --from=build /opt/sscodec /opt/sscodec
ENV PATH=/opt/sscodec/bin:$PATH
USER sscodec
WORKDIR /sound
ENTRYPOINT ["sscodec"]
