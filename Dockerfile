# syntax=docker/dockerfile:1
# Builds the daemon and ships it without compilers. docs/install.md says how to run it.
FROM node:22-bookworm-slim AS build
# better-sqlite3 is compiled where it has no binary for this machine.
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 make g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/avara-ingest
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
COPY package.json config.schema.json CHANGELOG.md ./
COPY fixtures/data ./fixtures/data
# A user of its own, by number, so that the owner of a mounted data folder can be set before the first start.
RUN groupadd --system --gid 10104 avara-ingest \
 && useradd --system --uid 10104 --gid 10104 --no-create-home --home-dir /data --shell /usr/sbin/nologin avara-ingest \
 && install -d -m 750 -o avara-ingest -g avara-ingest /data \
 && chmod 755 dist/main.js \
 && ln -s /opt/avara-ingest/dist/main.js /usr/local/bin/avara-ingest
USER avara-ingest
VOLUME /data
EXPOSE 11112 8080
STOPSIGNAL SIGTERM
# The admin listener of the configuration: loopback inside the container is enough for it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ADMIN_PORT ?? 8081}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The daemon takes signals itself and starts no children that outlive it: no init is needed as process 1.
# The flag is that of the systemd unit (src/cli/service/systemd-unit.ts): 30 MB less with Node.js 24.
ENTRYPOINT ["node", "--max-semi-space-size=16", "/opt/avara-ingest/dist/main.js"]
CMD ["serve", "--config", "/etc/avara-ingest/config.json"]
