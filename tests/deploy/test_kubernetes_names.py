"""The names in deploy/kubernetes: one label before the domain, so that certificate and firewalls with wildcards fit."""

from __future__ import annotations

import ipaddress

import pytest

from kustomized import DOMAIN, OVERLAYS, named, needs_kubectl, of_kind, pod_of, relay_workload, rendered

pytestmark = needs_kubectl


def has_one_label(name: str) -> bool:
    label, _, rest = name.partition(".")
    return bool(label) and rest == DOMAIN


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_have_one_label_before_the_domain(overlay):
    documents = rendered(overlay, "kernel")
    names = []
    for record in of_kind(documents, "DNSEndpoint"):
        names += [endpoint["dnsName"] for endpoint in record["spec"]["endpoints"]]
    for ingress in of_kind(documents, "Ingress"):
        names += [rule["host"] for rule in ingress["spec"]["rules"]]
        names += [host for tls in ingress["spec"]["tls"] for host in tls["hosts"]]
    annotations = named(documents, "Service", "relay")["metadata"].get("annotations", {})
    names += [value for key, value in annotations.items() if key.endswith("/hostname")]
    assert names and all(map(has_one_label, names)), names
    assert set(named(documents, "Certificate", "turn")["spec"]["dnsNames"]) == {DOMAIN, f"*.{DOMAIN}"}
    # So has the name that a relay gives itself: that of its node in Kubernetes, which is a label.
    (container,) = pod_of(relay_workload(documents))["containers"]
    assert f"node=$(NODE_NAME).{DOMAIN}" in container["args"]


@pytest.mark.parametrize("overlay", ["eu", "na", "edge"])
def test_every_node_has_a_name_of_its_own_and_the_region_has_all_of_them(overlay):
    (record,) = of_kind(rendered(overlay, "kernel"), "DNSEndpoint")
    assert record["apiVersion"] == "externaldns.k8s.io/v1alpha1"
    for kind, family in (("A", ipaddress.IPv4Address), ("AAAA", ipaddress.IPv6Address)):
        found = {endpoint["dnsName"].partition(".")[0]: list(map(family, endpoint["targets"]))
                 for endpoint in record["spec"]["endpoints"] if endpoint["recordType"] == kind}
        of_region = found.pop(overlay)
        assert found.keys() == {f"{overlay}01", f"{overlay}02"} and all(len(targets) == 1 for targets in found.values())
        assert sorted(of_region) == sorted(target for targets in found.values() for target in targets)
    fields = {"dnsName", "recordType", "recordTTL", "targets"}
    assert all(endpoint.keys() == fields for endpoint in record["spec"]["endpoints"])


def test_the_region_of_elastic_relays_is_the_headless_service():
    service = named(rendered("elastic", "kernel"), "Service", "relay")
    assert service["spec"]["clusterIP"] == "None"
    assert service["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/endpoints-type"] == "NodeExternalIP"
