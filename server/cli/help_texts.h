#pragma once

// What the commands say of themselves beyond a line.
namespace relay {

inline constexpr const char* kDescription =
    "A STUN/TURN relay server (RFC 8489, RFC 8656).\n"
    "\n"
    "  senso-turn serve                        a working server, no configuration needed\n"
    "  senso-turn serve --config FILE          the same from a YAML file\n"
    "  senso-turn check FILE                   is the file right?\n"
    "  senso-turn credentials --user alice     iceServers for a browser, ready to paste\n"
    "  senso-turn doctor                       what is wrong, and what to do\n"
    "  senso-turn status                       how the running server is doing\n"
    "  senso-turn sessions --user alice        her allocations, and what they have carried\n"
    "  senso-turn drain                        no new clients; ends when the last one has left\n"
    "  senso-turn reload                       the running server takes over its changed file\n"
    "  senso-turn upgrade                      a new version takes its place, and calls go on";

inline constexpr const char* kServeFooter =
    "\nWithout --config the server makes a secret of its own, listens on the usual UDP and TCP "
    "ports and\n"
    "prints credentials to try it with. Every key is explained in docs/configuration.md.\n"
    "\n"
    "  senso-turn serve --set realm=example.org --set relay.ports.min=50000\n"
    "  senso-turn serve --config /etc/senso-turn/senso-turn.yaml --set log.level=debug";

inline constexpr const char* kReloadFooter =
    "\nThe file is checked first. If anything is wrong with it, or a key has changed that needs a "
    "restart,\n"
    "nothing changes, and the exit code is 1. --config and --set only tell where the server's "
    "admin socket is;\n"
    "what it reads is what it was started with.";

inline constexpr const char* kUpgradeFooter =
    "\nThe running server starts the program that is at its own path now, with its own arguments, "
    "and gives it\n"
    "its sockets and its allocations over UDP and TCP; those over TLS and WebSocket it keeps until "
    "they end. If\n"
    "anything fails it goes on as it was, and the exit code is 1. See docs/upgrade.md.";

inline constexpr const char* kSessionsFooter =
    "\nAllocations in the order of their ids, which `senso-turn disconnect` takes. What they have "
    "carried is\n"
    "payload, by all datapaths together.\n"
    "\n"
    "  senso-turn sessions --format json | jq '.sessions[] | select(.bytes_to_peers > 1e9)'";

inline constexpr const char* kDrainFooter =
    "\nNew allocations are refused, or sent to another node of the fleet; present ones go on. The\n"
    "server ends when none is left or the deadline has passed; to drain again changes nothing but\n"
    "the deadline, if one is given. With --wait it tells how many are left until it is over;\n"
    "interrupting that does not end the drain.\n"
    "\n"
    "Exit code 1: it was not reached, or stopped before the drain was over.";

inline constexpr const char* kCredentialsFooter =
    "\nThey are signed with the first shared secret of the configuration, or with the secret that "
    "`serve`\n"
    "keeps for its user when it runs without one.\n"
    "\n"
    "  senso-turn credentials --user alice --ttl 12h\n"
    "  senso-turn credentials --config /etc/senso-turn/senso-turn.yaml --node turn.example.org";

inline constexpr const char* kCompletionFooter =
    "\n  source <(senso-turn completion bash)\n"
    "  senso-turn completion zsh > ~/.zfunc/_senso-turn\n"
    "  senso-turn completion fish > ~/.config/fish/completions/senso-turn.fish";

inline constexpr const char* kMigrateFooter =
    "\nThe configuration goes to standard output. What has no equivalent is noted in it, and on "
    "standard error\n"
    "with the line. On the server's own host it finds the certificates and the address behind "
    "external-ip.\n"
    "\n"
    "  senso-turn migrate /etc/turnserver.conf > turn.yaml && senso-turn check turn.yaml";
inline constexpr const char* kDoctorFooter =
    "\nLooks at ports, certificates, addresses, limits, the datapath, the clock, Redis and "
    "issuers, "
    "and relays\n"
    "packets through each listener: of the running server or, when none answers at the admin "
    "socket, "
    "of one\n"
    "that it starts for a moment and that answers this host alone. Exit code 1: there is a "
    "problem.\n"
    "\n"
    "  senso-turn doctor --config /etc/senso-turn/senso-turn.yaml --stun stun.example.org:3478\n"
    "\n"
    "With --watch it relays through nodes, by each transport that the configuration has a listener "
    "for, and\n"
    "says in Prometheus' format what came of it: loss, jitter, round trip.\n"
    "\n"
    "  senso-turn doctor --watch --config prober.yaml --node eu01.turn.example.org";

}  // namespace relay
