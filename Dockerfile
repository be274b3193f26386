# One bundle and the Node it was tested with. Builds on every platform of the base image: nothing in it is native.
ARG BASE=node:24.21.0-bookworm-slim

FROM ${BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# With optional packages: esbuild's own program is one.
RUN npm ci
COPY build.ts ./
COPY providers providers
COPY src src
RUN npm run build

FROM ${BASE}
LABEL org.opencontainers.image.title="swarm-utils" \
      org.opencontainers.image.description="Updates Docker Swarm services for CI pipelines, without a secret in CI" \
      org.opencontainers.image.licenses="MIT"
# The program needs no package manager, and neither does who breaks into it. The data folder is for every user:
# which one it runs as depends on who may use the Docker socket (see stack.yml).
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* \
 && mkdir --mode=1777 /data
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/dist ./
COPY LICENSE ./
EXPOSE 3000
VOLUME /data
# By a socket that nobody on the network can reach, and so not crowd out either.
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "require('node:http').get({ socketPath: `${process.env.SWARM_UTILS_DATA_DIR || '/data'}/health.sock`, path: '/healthz' }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# Node itself is process 1, so that SIGTERM reaches it.
ENTRYPOINT ["node", "/app/main.js"]
