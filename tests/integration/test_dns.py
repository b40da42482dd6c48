"""`senso-turn dns`: the zone in a real name server, and the way of a client from a domain to the listener that
answers."""

import json

import pytest
import yaml

from name_server import NameServer, needs_dnspython, needs_nsd
from server_fixture import LISTENER, Server, base_configuration, free_port, has_address, merged, run_command
from transports import open_transport
from turn_client import Credentials, TurnClient

# Not on loopback, where listeners are nobody's business (private_network.py).
PUBLIC = "46.0.0.10"
PUBLIC_V6 = "2a00:2::1"
DOMAIN = "turn.example.test"
NODE = f"eu01.{DOMAIN}"
ALICE = Credentials("alice", "alice's password")

pytestmark = pytest.mark.skipif(
    not (has_address(PUBLIC) and has_address(PUBLIC_V6)),
    reason=f"{PUBLIC} is not an address here: use tests/integration/run",
)

# What a client can do, by the tag of S-NAPTR that says so (RFC 5928).
TRANSPORTS = {"RELAY:turn.udp": "udp", "RELAY:turn.tls": "tls", "RELAY:turn.tcp": "tcp"}


@pytest.fixture(scope="module")
def ports():
    return {name: free_port(PUBLIC) for name in ("plain", "tls")}


@pytest.fixture(scope="module")
def settings(ports):
    listeners = [
        {"transport": transport, "address": address, "port": ports[port]}
        for address in (PUBLIC, PUBLIC_V6)
        for transport, port in (("udp", "plain"), ("tcp", "plain"), ("tls", "tls"))
    ]
    changes = {"node": NODE, "region": "eu", "listeners": listeners, "relay": {"addresses": [PUBLIC, PUBLIC_V6]}}
    return merged(base_configuration(), changes)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory, settings):
    file = tmp_path_factory.mktemp("dns") / "turn.yaml"
    file.write_text(json.dumps(settings))
    return file


@pytest.fixture(scope="module")
def name_server(tmp_path_factory, configuration):
    done = run_command("dns", "--config", str(configuration))
    assert done.returncode == 0, done.stderr
    server = NameServer(tmp_path_factory.mktemp("nsd") / "nsd", DOMAIN, done.stdout, LISTENER, free_port(LISTENER))
    checked = server.check_zone()
    assert checked.returncode == 0, checked.stdout + checked.stderr
    server.start()
    yield server
    server.stop()


def ways_of(name_server: NameServer, domain: str, tag: str) -> list[tuple[str, int]]:
    """RFC 5928 section 5: from the S-NAPTR of a domain by SRV to addresses and ports, the best first."""
    offers = [offer for offer in name_server.ask(domain, "NAPTR") if offer.service.decode() == tag]
    found = []
    for offer in sorted(offers, key=lambda offer: (offer.order, offer.preference)):
        assert offer.flags.decode().upper() == "S" and not offer.regexp
        services = name_server.ask(offer.replacement.to_text(), "SRV")
        for service in sorted(services, key=lambda service: service.priority):
            for kind in ("A", "AAAA"):
                addresses = name_server.ask(service.target.to_text(), kind)
                found += [(address.address, service.port) for address in addresses]
    return found


@needs_nsd
@needs_dnspython
@pytest.mark.parametrize("domain", [DOMAIN, f"eu.{DOMAIN}"], ids=["domain", "region"])
def test_DNS_a_resolver_walks_to_the_listener_that_answers(tmp_path, name_server, settings, ports, domain):
    server = Server(tmp_path, settings).start()
    try:
        for tag, transport in TRANSPORTS.items():
            ways = ways_of(name_server, domain, tag)
            port = ports["tls" if transport == "tls" else "plain"]
            assert ways == [(PUBLIC, port), (PUBLIC_V6, port)], tag
            for endpoint in ways:
                client = TurnClient(open_transport(transport, endpoint), ALICE)
                client.allocate()
                client.refresh(0)
                client.close()
    finally:
        server.stop()


@needs_nsd
@needs_dnspython
def test_DNS_what_is_not_served_is_not_there(name_server):
    assert name_server.ask(f"_turns._udp.{DOMAIN}", "SRV") == []
    assert name_server.ask(f"na.{DOMAIN}", "A") == []
    assert [record.address for record in name_server.ask(f"eu.{DOMAIN}", "A")] == [PUBLIC]


def test_DNS_endpoints_say_the_same_as_the_zone(configuration):
    zone = run_command("dns", "--config", str(configuration), "--ttl", "60").stdout
    done = run_command("dns", "--config", str(configuration), "--ttl", "60", "--external-dns")
    assert done.returncode == 0, done.stderr
    (document,) = yaml.safe_load_all(done.stdout)
    assert (document["apiVersion"], document["kind"]) == ("externaldns.k8s.io/v1alpha1", "DNSEndpoint")
    endpoints = document["spec"]["endpoints"]
    assert {endpoint["recordTTL"] for endpoint in endpoints} == {60}
    said = {f"{each['dnsName']}. IN {each['recordType']} {target}" for each in endpoints for target in each["targets"]}
    authority = (" IN SOA ", " IN NS ")
    lines = {line for line in zone.splitlines() if " IN " in line and not any(kind in line for kind in authority)}
    assert said == lines and len(lines) > 10


@pytest.mark.parametrize(
    "setting, word", [("node=192.0.2.1", "name"), ("node=relay", "domain"), ("region=eu01", "region")]
)
def test_DNS_names_that_cannot_be_are_1(configuration, setting, word):
    done = run_command("dns", "--config", str(configuration), "--set", setting)
    assert done.returncode == 1 and word in done.stderr and done.stdout == ""


@pytest.mark.parametrize("arguments", [["--ttl", "0"], ["--ttl", "soon"], ["--set", "relm=x"], ["eu"]])
def test_DNS_wrong_usage_is_2(configuration, arguments):
    assert run_command("dns", "--config", str(configuration), *arguments).returncode == 2
