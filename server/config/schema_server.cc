#include <limits>

#include "server/config/fields.h"
#include "server/config/text_rules.h"

// The process itself: what it is called, where it listens, where it keeps and shows things.
namespace relay {
namespace {

using namespace fields;  // NOLINT(google-build-using-namespace): the table reads better

void AppendListenerRows(std::vector<Row>& rows) {
  using Transport = Config::ListenerTransport;
  rows.push_back(NeedsRestart(ListOfMaps(
      "listeners", "list of listeners",
      "Where clients are served. Without this key seven on `0.0.0.0` and the same seven on `[::]`. "
      "Written out, every one of them must open.",
      [](Draft& draft) {
        draft.config.listeners.clear();
        draft.config.listeners_were_given = true;
      },
      [](Draft& draft) {
        draft.config.listeners.emplace_back().address = base::IpAddress::FromV4({0, 0, 0, 0});
      },
      "udp 3478, udp 49152, dtls 49153, tcp 3478, tls 5349, dtls 5349, edge 443")));
  CompareBy(rows.back(), CONFIG_MEMBER(listeners));
  rows.push_back(NeedsRestart(Required(Scalar("listeners[].transport",
                                              Choice<Transport>({{"udp", Transport::kUdp},
                                                                 {"dtls", Transport::kDtls},
                                                                 {"tcp", Transport::kTcp},
                                                                 {"tls", Transport::kTls},
                                                                 {"edge", Transport::kEdge}}),
                                              CONFIG_MEMBER(listeners.back().transport),
                                              "`edge` is TURN over TLS, HTTPS and WebSocket on one "
                                              "port. With `tls.certificates`, `udp` takes DTLS as "
                                              "well and `tcp` takes TLS, told apart by the first "
                                              "octet; without, `dtls`, `tls` and `edge` are an "
                                              "error. `udp` and `dtls` may have one address and "
                                              "port, and so may `tcp` and `tls`."))));
  rows.push_back(
      NeedsRestart(Scalar("listeners[].address", Address(), CONFIG_MEMBER(listeners.back().address),
                          "The local address; `0.0.0.0` and `::` are all of a family.")));
  rows.push_back(NeedsRestart(
      Required(Scalar("listeners[].port", Port(0), CONFIG_MEMBER(listeners.back().port),
                      "The local port. `0` lets the system choose one, which is for tests."))));
  rows.push_back(NeedsRestart(List(
      "listeners[].proxy_protocol.trusted", Prefix(),
      CONFIG_MEMBER(listeners.back().trusted_proxies),
      "Proxies in front of this listener. What they send must begin with a PROXY protocol header "
      "(version 1 or 2; on `udp` and `dtls` each datagram with one of version 2), and the client "
      "is then the one that it names. Everybody else is served directly, and a header from them "
      "closes the connection.")));
}

void AppendRedirectRows(std::vector<Row>& rows) {
  using When = Config::RedirectWhen;
  rows.push_back(Scalar(
      "redirect.when", Choice<When>({{"draining", When::kDraining}, {"always", When::kAlways}}),
      CONFIG_MEMBER(redirect.when),
      "When authenticated clients that want a new allocation are sent to another server (300): "
      "while this one drains, or always, but for those who asked one of `redirect.servers`. The "
      "latter is for an anycast address in front of a unicast one (RFC 8155)."));
  rows.push_back(List(
      "redirect.servers", TransportAddress(), CONFIG_MEMBER(redirect.servers),
      "Where they are sent: any one of their address family. This server may be among them, by the "
      "address and port that clients know; nobody is sent to where he is. Every transport that "
      "clients use must be served there. A draining server answers 508 to those for whom there is "
      "none."));
  rows.push_back(
      Scalar("redirect.domain", DnsName(), CONFIG_MEMBER(redirect.domain),
             "A name in the certificates of these servers, for clients over TLS, DTLS or WSS with "
             "MESSAGE-INTEGRITY-SHA256. Empty: the certificates have the same names as here."));
}

}  // namespace

void AppendServerRows(std::vector<Row>& rows) {
  rows.push_back(NeedsRestart(List(
      "roles",
      Choice<Config::Role>(
          {{"relay", Config::Role::kRelay}, {"credentials", Config::Role::kCredentials}}),
      CONFIG_MEMBER(roles),
      "What this process does: `relay` serves clients, `credentials` the HTTP API that gives them "
      "credentials.")));
  rows.push_back(NeedsRestart(Scalar("realm", Realm(), CONFIG_MEMBER(realm),
                                     "The STUN realm. Keys of users depend on it.")));
  rows.push_back(Scalar("region", LabelOrNothing("region"), CONFIG_MEMBER(region),
                        "The region that this node belongs to; empty for none."));
  rows.push_back(Scalar("node", HostName(), CONFIG_MEMBER(node),
                        "The name handed to clients in `iceServers`; empty: the relay address."));
  rows.push_back(NeedsRestart(Scalar("shards", Number(0, 1024), CONFIG_MEMBER(shards),
                                     "Threads of the relay; `0` is one for each usable core.")));
  AppendListenerRows(rows);

  rows.push_back(ListOfMaps(
      "tls.certificates", "list of certificates",
      "Certificates for TLS and DTLS, chosen by server name; the first one for clients that name "
      "none that fits. The files are watched: new ones are in use within two seconds, without a "
      "reload, and no connection is lost. The first one, and taking the last one away, need a "
      "restart.",
      [](Draft& draft) { draft.config.tls.certificates.clear(); },
      [](Draft& draft) { draft.config.tls.certificates.emplace_back(); }));
  CompareBy(rows.back(), CONFIG_MEMBER(tls.certificates));
  rows.push_back(Required(Scalar("tls.certificates[].certificate", Path(),
                                 CONFIG_MEMBER(tls.certificates.back().certificate_path),
                                 "PEM file with the chain, leaf first; relative to the "
                                 "configuration's folder.")));
  rows.push_back(Required(Scalar("tls.certificates[].private_key", Path(),
                                 CONFIG_MEMBER(tls.certificates.back().private_key_path),
                                 "PEM file with its private key, not encrypted; likewise.")));

  rows.push_back(Scalar(
      "check_page.enabled", Boolean(), CONFIG_MEMBER(check_page.is_enabled),
      "Serves the connectivity page for people at `/check` of the `edge` listeners. Its "
      "credentials "
      "are signed by the first of `auth.shared_secrets` and reach only relays of this server."));

  rows.push_back(NeedsRestart(Scalar("metrics.address", Address(), CONFIG_MEMBER(metrics.address),
                                     "Where `/metrics`, `/livez` and `/readyz` are served.")));
  rows.push_back(NeedsRestart(Scalar("metrics.port", Port(0), CONFIG_MEMBER(metrics.port),
                                     "Its port; `0` lets the system choose one.")));
  rows.push_back(NeedsRestart(
      Scalar("admin.socket", SocketPath(), CONFIG_MEMBER(admin.socket),
             "Unix socket on which `senso-turn status` reaches the running server. Without a "
             "configuration and where its folder cannot be made, it lies in "
             "`$XDG_RUNTIME_DIR/senso-turn` or `/tmp/senso-turn-UID`.")));
  rows.push_back(NeedsRestart(Scalar(
      "state.directory", Path(), CONFIG_MEMBER(state.directory),
      "Keeps the secret that is made when no configuration is given. If the default cannot be "
      "written: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/senso-turn`, else "
      "`~/.local/state/senso-turn`.")));
  rows.push_back(NeedsRestart(Scalar(
      "process.sandbox", Boolean(), CONFIG_MEMBER(process.is_sandboxed),
      "Gives up after the start what the process does not need any more: capabilities, files "
      "outside the folders that it was started with, system calls (docs/security.md, \"What the "
      "process gives up\"). `false` is for finding out whether that is in the way of something.")));
  rows.push_back(Scalar(
      "drain.deadline", Duration(std::chrono::seconds(0), std::chrono::days(7)),
      CONFIG_MEMBER(drain.deadline),
      "How long existing allocations may go on after the server was told to stop. A drain that "
      "has begun keeps its own."));
  AppendRedirectRows(rows);
  rows.push_back(Scalar("log.format",
                        Choice<Config::LogFormat>({{"text", Config::LogFormat::kText},
                                                   {"json", Config::LogFormat::kJson}}),
                        CONFIG_MEMBER(log.format),
                        "Lines for people or for machines, on standard error."));
  rows.push_back(Scalar("log.level",
                        Choice<Config::LogLevel>({{"trace", Config::LogLevel::kTrace},
                                                  {"debug", Config::LogLevel::kDebug},
                                                  {"info", Config::LogLevel::kInfo},
                                                  {"warning", Config::LogLevel::kWarning},
                                                  {"error", Config::LogLevel::kError}}),
                        CONFIG_MEMBER(log.level), "The least important lines that are written."));
}

}  // namespace relay
