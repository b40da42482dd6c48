# Build: everything that ./dev build needs is installed by it.
FROM docker.io/library/debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN ./dev build

# Run: the binary, the libraries it is linked with, and a user without rights.
FROM docker.io/library/debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libboost-json1.81.0 libbpf1 libcjose0 libcurl4 libevent-2.1-7 \
      libevent-openssl-2.1-7 libevent-pthreads-2.1-7 libfmt9 libhiredis0.14 libprometheus-cpp-core1.0 libqrencode4 \
      libssl3 libyaml-cpp0.7 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/senso-turn --create-home --shell /usr/sbin/nologin senso-turn \
 && install -d -o senso-turn -g senso-turn /run/senso-turn
COPY --from=build /src/build/release/senso-turn /usr/bin/senso-turn
USER senso-turn
VOLUME /var/lib/senso-turn
# For clients; relays have 49154-65535: use the host's network. There, 443 needs --cap-add NET_BIND_SERVICE and a
# capability on the file, or a lower net.ipv4.ip_unprivileged_port_start. 9641 is for Prometheus, on loopback.
EXPOSE 3478/udp 3478/tcp 5349/udp 5349/tcp 443/tcp 49152/udp 49153/udp
ENTRYPOINT ["/usr/bin/senso-turn"]
CMD ["serve"]
