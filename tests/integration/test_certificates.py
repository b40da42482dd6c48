"""Certificates: chosen by server name, and replaced while the server runs, in every way that tools replace files."""

import json
import os
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import OTHER_NAME, SERVER_NAME, CertificatePair, test_authority
from server_fixture import ALICE, base_configuration, is_sanitized, merged, run_command
from tls_transport import TlsTransport, client_context
from transports import needs_dtls, open_transport
from turn_client import TurnClient
from waiting import eventually

# Certificates are read by the process, whatever its shards.
SHARDS = (2,)

LIVE_CONNECTIONS = 50


def der(pair: CertificatePair) -> bytes:
    """What clients are shown of it; the file holds nothing else."""
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


def shown(endpoint, name: str | None = SERVER_NAME, *, transport: str = "tls") -> bytes:
    """What a new handshake is shown."""
    connection = open_transport(transport, endpoint, name=name)
    try:
        return connection.certificate
    finally:
        connection.close_with_notice()


class Store:
    """Where a server reads its pair from. Subclasses replace it as different tools do."""

    def __init__(self, directory: Path, pair: CertificatePair):
        self.directory = directory
        self.pair = CertificatePair(directory / "tls.crt", directory / "tls.key")
        self.fill(pair)

    def fill(self, pair: CertificatePair) -> None:
        self.replace(pair)

    def replace(self, pair: CertificatePair) -> None:
        raise NotImplementedError


class InPlace(Store):
    """cp: the same files with other content."""

    def replace(self, pair: CertificatePair) -> None:
        for source, target in ((pair.private_key, self.pair.private_key), (pair.certificate, self.pair.certificate)):
            target.write_bytes(source.read_bytes())


class ByRename(Store):
    """certbot and others: a new file takes the name of the old one."""

    def replace(self, pair: CertificatePair) -> None:
        for source, target in ((pair.certificate, self.pair.certificate), (pair.private_key, self.pair.private_key)):
            new = target.with_suffix(".new")
            new.write_bytes(source.read_bytes())
            os.rename(new, target)


class BySymlink(Store):
    """Kubernetes: tls.crt -> ..data/tls.crt, ..data -> ..2026_01_01; the last link is swapped."""

    def fill(self, pair: CertificatePair) -> None:
        self.generation = 0
        self.replace(pair)
        for file in (self.pair.certificate, self.pair.private_key):
            file.symlink_to(Path("..data") / file.name)

    def replace(self, pair: CertificatePair) -> None:
        self.generation += 1
        content = self.directory / f"..2026_01_{self.generation:02}"
        content.mkdir()
        shutil.copy(pair.certificate, content / self.pair.certificate.name)
        shutil.copy(pair.private_key, content / self.pair.private_key.name)
        new, data = self.directory / "..data_tmp", self.directory / "..data"
        previous = data.resolve() if data.is_symlink() else None
        new.symlink_to(content.name)
        os.rename(new, data)
        if previous is not None:
            shutil.rmtree(previous)


STORES = {"in_place": InPlace, "by_rename": ByRename, "by_symlink": BySymlink}


@dataclass
class Stage:
    server: object
    store: Store
    old: CertificatePair
    new: CertificatePair


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def stage(request, launch, tmp_path) -> Stage:
    name = f"{request.node.name}".replace("[", "-").replace("]", "")
    old, new = (test_authority().issue(f"{name}-{age}", SERVER_NAME, days=days) for age, days in (("old", 5), ("new", 9)))
    store = request.param(tmp_path, old)
    return Stage(launch(tls={"certificates": [store.pair.setting]}), store, old, new)


def not_after(stage: Stage) -> float:
    return stage.server.metric(
        "senso_turn_certificate_not_after_timestamp_seconds", certificate=str(stage.store.pair.certificate)
    )


def expiry_of(pair: CertificatePair) -> float:
    return ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(str(pair.certificate))["notAfter"])


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_half_replaced_pair_keeps_the_old_one_until_the_other_half_comes(stage):
    stage.store.pair.certificate.unlink()
    stage.store.pair.certificate.write_bytes(stage.new.certificate.read_bytes())
    assert eventually(lambda: "certificate" in stage.server.log().lower(), 10)
    assert not eventually(lambda: shown(stage.server.tls) != der(stage.old), 3), "a pair that does not match"
    stage.store.pair.private_key.unlink()
    stage.store.pair.private_key.write_bytes(stage.new.private_key.read_bytes())
    assert eventually(lambda: shown(stage.server.tls) == der(stage.new))


@pytest.mark.parametrize("content", [b"", b"no certificate", None], ids=["empty", "garbage", "missing"])
def test_unusable_file_keeps_the_old_certificate(launch, tmp_path, content):
    old, new = (test_authority().issue(f"unusable-{age}", SERVER_NAME) for age in ("old", "new"))
    store = InPlace(tmp_path, old)
    server = launch(tls={"certificates": [store.pair.setting]})
    if content is None:
        store.pair.certificate.unlink()
    else:
        store.pair.certificate.write_bytes(content)
    assert not eventually(lambda: shown(server.tls) != der(old), 3)
    store.replace(new)
    assert eventually(lambda: shown(server.tls) == der(new))


def test_broken_certificates_are_refused_at_the_start(tmp_path):
    one, two = (test_authority().issue(f"mixed-{number}", SERVER_NAME) for number in (1, 2))
    wrong = {"certificate": str(one.certificate), "private_key": str(two.private_key)}
    missing = {"certificate": str(tmp_path / "none.crt"), "private_key": str(one.private_key)}
    for setting in (wrong, missing):
        file = tmp_path / "broken.yaml"
        settings = base_configuration()
        del settings["tls"]
        file.write_text(json.dumps(merged(settings, {"tls": {"certificates": [setting]}})))
        done = run_command("check", str(file))
        assert done.returncode == 1
        assert Path(setting["certificate"]).name in done.stdout + done.stderr or "key" in done.stdout + done.stderr


# -- replacement ------------------------------------------------------------------------------------------------------


def test_certificate_is_replaced_under_live_allocations(stage, make_peer):
    count = 10 if is_sanitized() else LIVE_CONNECTIONS
    peer = make_peer()
    clients = [TurnClient(TlsTransport(stage.server.tls), ALICE) for _ in range(count)]
    for client in clients:
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
        assert client.transport.certificate == der(stage.old)
    assert not_after(stage) == expiry_of(stage.old)
    stage.store.replace(stage.new)
    assert eventually(lambda: shown(stage.server.tls) == der(stage.new)), "new handshakes see the old certificate"
    assert shown(stage.server.edge) == der(stage.new)
    assert eventually(lambda: not_after(stage) == expiry_of(stage.new))
    for number, client in enumerate(clients):
        payload = bytes([number]) * 1000
        client.send_channel(0x4000, payload)
        assert peer.receive() == payload
        peer.send(payload, client.relayed)
        assert client.receive_channel_data().payload == payload
        assert client.refresh(0).is_success
        client.close()
    stage.store.replace(stage.old)
    assert eventually(lambda: shown(stage.server.tls) == der(stage.old)), "the second replacement was not seen"


@needs_dtls
def test_new_associations_of_datagrams_see_the_new_certificate(stage):
    living = TurnClient(open_transport("dtls", stage.server.dtls), ALICE)
    living.allocate()
    assert living.transport.certificate == der(stage.old)
    stage.store.replace(stage.new)
    assert eventually(lambda: shown(stage.server.dtls, transport="dtls") == der(stage.new))
    assert living.refresh(0).is_success
    living.transport.close_with_notice()


def test_sessions_from_before_a_replacement_are_resumed_or_made_anew(launch, tmp_path):
    old, new = (test_authority().issue(f"resumed-{age}", SERVER_NAME) for age in ("old", "new"))
    store = ByRename(tmp_path, old)
    server = launch(tls={"certificates": [store.pair.setting]})
    context = client_context(versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
    first = TlsTransport(server.tls, context=context)
    session = first.socket.session
    first.close()
    store.replace(new)
    assert eventually(lambda: shown(server.tls) == der(new))
    again = TlsTransport(server.tls, context=context, session=session)
    assert TurnClient(again).binding().is_success
    again.close()


# -- choice by name ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_names(launch):
    pairs = [test_authority().issue("first", SERVER_NAME), test_authority().issue("second", OTHER_NAME, "*.wild.test")]
    return launch(tls={"certificates": [pair.setting for pair in pairs]}), pairs


@pytest.mark.parametrize("transport", ["tls", "wss", pytest.param("dtls", marks=needs_dtls)])
def test_two_names_get_two_certificates(two_names, transport):
    server, (first, second) = two_names
    endpoint = server.endpoint({"wss": "edge"}.get(transport, transport))
    assert shown(endpoint, SERVER_NAME, transport=transport) == der(first)
    assert shown(endpoint, OTHER_NAME, transport=transport) == der(second)
    assert shown(endpoint, None, transport=transport) == der(first), "without a name: the first"


def test_unknown_and_odd_names_get_the_first_certificate(two_names):
    server, (first, second) = two_names
    context = client_context(verify=False)
    for name, pair in (("unknown.example.test", first), (OTHER_NAME.upper(), second), ("a.wild.test", second),
                       ("a.b.wild.test", first), ("wild.test", first), ("x" * 63 + ".test", first)):  # fmt: skip
        connection = TlsTransport(server.tls, name=name, context=context)
        assert connection.certificate == der(pair), name
        connection.close()


def test_rsa_and_elliptic_certificates_of_one_name_stand_side_by_side(launch):
    """Which of them a client gets is the server's choice; that it can use it is not."""
    pairs = [test_authority().issue(f"beside-{key}", SERVER_NAME, key=key) for key in ("rsa", "ec")]
    server = launch(tls={"certificates": [pair.setting for pair in pairs]})
    assert shown(server.tls) in [der(pair) for pair in pairs]
    only_rsa = client_context(
        versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), ciphers="ECDHE-RSA-AES128-GCM-SHA256"
    )
    connection = TlsTransport(server.tls, context=only_rsa)
    assert connection.certificate == der(pairs[0])
    connection.close()
