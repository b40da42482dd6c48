# docker build -t senso-turn .      or: podman build --format docker -t senso-turn .     (docs/kubernetes.md, "The image")

# Build: everything that ./dev build needs is installed by it.
FROM docker.io/library/debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN ./dev build senso-turn sbom && strip build/release/senso-turn

# Test: the tests make network namespaces, which a build may not.
# docker build --target test -t senso-turn-test . && docker run --rm --privileged senso-turn-test
FROM build AS test
ENTRYPOINT ["./dev", "test"]

# Runtime: the server, the libraries that it is linked with, and a user without rights.
FROM docker.io/library/debian:bookworm-slim AS runtime
COPY --from=build /src/build/release/senso-turn /usr/bin/senso-turn
COPY --from=build /src/build/release/deploy/senso-turn.spdx.json /usr/share/senso-turn/senso-turn.spdx.json
# The second copy of the program is for those who give a container these four capabilities (docs/kubernetes.md): a user
# without rights has them by the file that he runs, and a file with more than the container has does not start at all.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libboost-json1.81.0 libbpf1 libcap2-bin libcjose0 libcurl4 libevent-2.1-7 libevent-openssl-2.1-7 \
      libfmt9 libhiredis0.14 libprometheus-cpp-core1.0 libqrencode4 libseccomp2 libssl3 libyaml-cpp0.7 \
 && install -D -m 0755 /usr/bin/senso-turn /usr/libexec/senso-turn/senso-turn \
 && setcap cap_net_bind_service,cap_net_admin,cap_perfmon,cap_bpf=ep /usr/libexec/senso-turn/senso-turn \
 && apt-get purge -y --auto-remove libcap2-bin \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb \
 && groupadd --system --gid 65532 senso-turn \
 && useradd --system --uid 65532 --gid 65532 --home-dir /var/lib/senso-turn --shell /usr/sbin/nologin senso-turn \
 && install -d -o senso-turn -g senso-turn -m 0750 /run/senso-turn \
 && install -d -o senso-turn -g senso-turn -m 0700 /var/lib/senso-turn
# A number, since Kubernetes does not look up whether a name is root.
USER 65532:65532
# All that it writes: the root file system can be read-only.
VOLUME ["/run/senso-turn", "/var/lib/senso-turn"]
# Relays have ports 49154-65535 besides: use the host's network. Port 443 takes the second copy with its capabilities,
# or a lower net.ipv4.ip_unprivileged_port_start. 9641 is for Prometheus, on loopback unless metrics.address says
# otherwise.
EXPOSE 3478/udp 3478/tcp 5349/udp 5349/tcp 443/tcp 49152/udp 49153/udp
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/bin/senso-turn", "status"]
ENTRYPOINT ["/usr/bin/senso-turn"]
CMD ["serve"]
