# One image for every program of Florin: the exchange by default, the development bank and the tools by their command.
#   docker build -t florin .
#   docker run --rm -p 127.0.0.1:8081:8081 -v florin:/data florin
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends g++ make python3 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN npm run build \
  && npm prune --omit=dev --no-audit --no-fund \
  # Nothing of what only tests, compilers and other platforms need.
  && rm -rf test node_modules/@florin/test node_modules/.florin \
  && find libs apps -type f -name '*.ts' -delete \
  && find libs apps -type f \( -name '*.spec.js*' -o -name '*.long.js*' -o -name '*.support.js*' \) -delete \
  && rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/build/Release/obj* \
  && find node_modules/sodium-native/prebuilds -mindepth 1 -maxdepth 1 ! -name 'linux-*' -exec rm -r {} +

FROM node:${NODE_VERSION}-slim
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 FLORIN_DATA=/data FLORIN_CONFIG=/opt/florin/docker/exchange.yaml
WORKDIR /opt/florin
COPY --from=build /src/package.json /src/LICENSE /src/NOTICE ./
COPY --from=build /src/docker docker
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/libs libs
COPY --from=build /src/apps apps
# A volume that is mounted on one of them for the first time takes over owner and mode.
RUN install --directory --owner=node --group=node --mode=700 /data /data/keys
USER node
VOLUME /data
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "docker/healthy.mjs", "http://127.0.0.1:8081/config"]
CMD ["node", "--max-semi-space-size=4", "apps/exchange/dist/main.js"]
