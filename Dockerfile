# docker build -t loadproof . && docker run --rm --network host -v "$PWD:/work" loadproof run locustfile.py --users 50 --run-time 5m
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY src src
RUN pip install --no-cache-dir --disable-pip-version-check build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --disable-pip-version-check "$(ls /wheels/*.whl)[k6,mysql,redis]" \
    && rm -r /wheels \
    && useradd --create-home --uid 1000 loadproof
# Scenarios, requirements and run files are the caller's: --user "$(id -u):$(id -g)" where that is not 1000.
USER loadproof
WORKDIR /work
ENTRYPOINT ["loadproof"]
