# Worker, exporter and all commands: `docker build .`; the same pins as everywhere, no compiler inside.
FROM python:3.12.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /src
COPY pyproject.toml constraints.txt ./
COPY kpi_windows kpi_windows
COPY streams streams
RUN /venv/bin/pip install --no-compile --constraint constraints.txt . \
    && find /venv -name __pycache__ -prune -exec rm -rf {} +

FROM python:3.12.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 kpi && useradd --uid 10001 --gid kpi --no-create-home --shell /usr/sbin/nologin kpi
COPY --from=build /venv /venv
USER 10001:10001
WORKDIR /tmp
EXPOSE 9464 9465
ENTRYPOINT ["kpi"]
CMD ["--help"]
