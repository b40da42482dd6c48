"""deploy/kubernetes: every overlay renders with every profile, is what Kubernetes takes, and fits together."""

from __future__ import annotations

import copy

import pytest

import prometheus_rule
import schemas
from kustomized import (
    KUBECTLS,
    OVERLAYS,
    PROFILES,
    configuration,
    containers_of,
    named,
    needs_kubectl,
    of_kind,
    pod_of,
    relay_workload,
    rendered,
    workloads,
)

pytestmark = needs_kubectl

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
each_profile = pytest.mark.parametrize("profile", PROFILES)

RELAY_KINDS = {"Namespace", "ConfigMap", "ServiceAccount", "Service", "PodDisruptionBudget", "NetworkPolicy",
               "Certificate", "PodMonitor", "PrometheusRule"}
CREDENTIAL_KINDS = {"Deployment", "HorizontalPodAutoscaler", "Ingress"}
KINDS = {
    "eu": RELAY_KINDS | CREDENTIAL_KINDS | {"DaemonSet", "DNSEndpoint"},
    "na": RELAY_KINDS | CREDENTIAL_KINDS | {"DaemonSet", "DNSEndpoint"},
    "edge": RELAY_KINDS | {"DaemonSet", "DNSEndpoint"},
    "elastic": RELAY_KINDS | CREDENTIAL_KINDS,
}


@each_profile
@each_overlay
def test_every_kubectl_renders_the_same(overlay, profile):
    first, *others = (rendered(overlay, profile, kubectl) for kubectl in KUBECTLS)
    assert {document["kind"] for document in first} == KINDS[overlay]
    for other in others:
        assert sorted(map(repr, other)) == sorted(map(repr, first))


BROKEN = (
    ("DaemonSet", "relay", lambda spec: pod(spec).update(terminationGracePeriod=3), "terminationGracePeriod: not"),
    ("DaemonSet", "relay", lambda spec: pod(spec).update(hostNetwork="yes"), "hostNetwork"),
    ("DaemonSet", "relay", lambda spec: spec.pop("selector"), "selector"),
    ("Deployment", "credentials", lambda spec: pod(spec)["containers"][0]["startupProbe"].update(httpget=1), "httpget"),
    ("Certificate", "turn", lambda spec: spec.pop("issuerRef"), "issuerRef"),
    ("PodMonitor", "relay", lambda spec: spec["podMetricsEndpoints"][0].update(intervall="1s"), "intervall"),
    ("ConfigMap", "relay", None, "there is no schema of v9 ConfigMap"),
)


def pod(spec):
    return spec["template"]["spec"]


@pytest.fixture(scope="module")
def schema_errors():
    """Of every overlay with every profile, and of the broken ones, in one run of node."""
    if schemas.why_missing():
        pytest.skip(schemas.why_missing())
    batches = {(overlay, profile): list(rendered(overlay, profile)) for overlay in OVERLAYS for profile in PROFILES}
    for number, (kind, name, change, _) in enumerate(BROKEN):
        document = copy.deepcopy(named(rendered("eu", "kernel"), kind, name))
        if change is None:
            document["apiVersion"] = "v9"
        else:
            change(document["spec"])
        batches[number] = [document]
    return schemas.errors_of(batches)


@each_profile
@each_overlay
def test_what_is_rendered_is_valid(overlay, profile, schema_errors):
    assert schema_errors[overlay, profile] == []


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_the_schemas_find_what_is_wrong(number, schema_errors):
    assert any(BROKEN[number][3] in error for error in schema_errors[number]), schema_errors[number]


@each_overlay
def test_what_is_referred_to_is_there(overlay):
    documents = rendered(overlay, "kernel")
    names = {kind: {document["metadata"]["name"] for document in of_kind(documents, kind)} for kind in KINDS[overlay]}
    for workload in workloads(documents):
        pod = pod_of(workload)
        assert pod["serviceAccountName"] in names["ServiceAccount"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for volume in volumes.values():
            assert "configMap" not in volume or volume["configMap"]["name"] in names["ConfigMap"]
        for container in containers_of(pod):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
    for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        named(documents, target["kind"], target["name"])
    for document in documents:
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] in names["Namespace"]

    # Whoever chooses pods by their labels chooses those of one workload; only the policy for nobody chooses all.
    labels = [workload["spec"]["template"]["metadata"]["labels"] for workload in workloads(documents)]
    for document in of_kind(documents, "Service", "PodDisruptionBudget", "PodMonitor", "NetworkPolicy"):
        selector = document["spec"].get("selector") or document["spec"].get("podSelector") or {}
        wanted = selector.get("matchLabels", {}) if document["kind"] != "Service" else selector
        chosen = [one for one in labels if wanted.items() <= one.items()]
        assert len(chosen) == (1 if wanted else len(labels)), document
        assert wanted or document["kind"] == "NetworkPolicy"


@each_profile
@each_overlay
def test_secrets_are_referred_to_and_not_here(overlay, profile):
    documents = rendered(overlay, profile)
    assert of_kind(documents, "Secret") == []
    for role in ("relay", "credentials") if overlay != "edge" else ("relay",):
        for entry in configuration(documents, role)["auth"]["shared_secrets"]:
            assert entry.keys() == {"id", "secret_file", "region"}


@each_profile
@each_overlay
def test_nobody_has_more_rights_than_the_profile_gives(overlay, profile):
    documents = rendered(overlay, profile)
    for workload in workloads(documents):
        pod = pod_of(workload)
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod.get("hostNetwork", False) == (workload["metadata"]["name"] == "relay")
        assert not pod.get("hostPID") and not pod.get("hostIPC")
        for container in containers_of(pod):
            has_capabilities = profile == "kernel" and container["name"] == "relay"
            assert container["securityContext"] == {
                "privileged": False,
                "allowPrivilegeEscalation": has_capabilities,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]} | ({"add": ["BPF", "NET_ADMIN", "NET_BIND_SERVICE", "PERFMON"]}
                                                     if has_capabilities else {}),
            }


def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


@each_profile
@each_overlay
def test_an_update_takes_no_relay_away_before_there_is_another(overlay, profile):
    documents = rendered(overlay, profile)
    for workload in workloads(documents):
        strategy = workload["spec"].get("updateStrategy") or workload["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        role = workload["metadata"]["name"]
        pod = pod_of(workload)
        # With the network of the node, ports that are declared are ports of the node, for one pod only.
        assert not any("ports" in container for container in containers_of(pod))
        assert pod["terminationGracePeriodSeconds"] > seconds(configuration(documents, role)["drain"]["deadline"])
    relay = relay_workload(documents)
    (container,) = pod_of(relay)["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"][-1] == "leave"
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert environment["DRAIN_DEADLINE"] == configuration(documents, "relay")["drain"]["deadline"]
    for budget in of_kind(documents, "PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1


@each_overlay
def test_probes_and_prometheus_reach_the_address_of_the_metrics(overlay):
    documents = rendered(overlay, "kernel")
    for workload in workloads(documents):
        role = workload["metadata"]["name"]
        (container,) = pod_of(workload)["containers"]
        assert "metrics" not in configuration(documents, role)
        # The address of the pod, which with the network of the node is the node's: what a probe without `host` asks.
        variable, source = {"relay": ("HOST_IP", "status.hostIP"), "credentials": ("POD_IP", "status.podIP")}[role]
        assert f"metrics.address=$({variable})" in container["args"]
        assert {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": source}}} in [
            {**entry, "valueFrom": {"fieldRef": {"fieldPath": entry["valueFrom"]["fieldRef"]["fieldPath"]}}}
            for entry in container["env"] if "valueFrom" in entry
        ]
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            assert container[probe]["httpGet"] == {"path": path, "port": 9641}
        (endpoint,) = named(documents, "PodMonitor", role)["spec"]["podMetricsEndpoints"]
        addresses = [rule for rule in endpoint["relabelings"] if rule.get("targetLabel") == "__address__"]
        assert {rule["replacement"] for rule in addresses} == {"$1:9641", "[$1]:9641"}


@each_overlay
def test_relays_reach_no_pod_and_no_service(overlay):
    denied = configuration(rendered(overlay, "kernel"), "relay")["peers"]["deny"]
    assert len(denied) >= 2 and "allow" not in configuration(rendered(overlay, "kernel"), "relay")["peers"]


def test_the_number_of_relays_follows_the_calls_where_it_can():
    documents = rendered("elastic", "kernel")
    relay = relay_workload(documents)
    assert relay["kind"] == "Deployment" and "replicas" not in relay["spec"]
    (metric,) = named(documents, "HorizontalPodAutoscaler", "relay")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "senso_turn_allocations"
    limit = configuration(documents, "relay")["limits"]["allocations"]
    assert int(metric["pods"]["target"]["averageValue"]) * 2 == limit

    (alone,) = pod_of(relay)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert alone["topologyKey"] == "kubernetes.io/hostname"
    assert alone["labelSelector"]["matchLabels"] == relay["spec"]["selector"]["matchLabels"]
    assert pod_of(relay)["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
    assert not any("hostPath" in volume for volume in pod_of(relay)["volumes"])
    for other in ("eu", "na", "edge"):
        assert relay_workload(rendered(other, "kernel"))["kind"] == "DaemonSet"


def test_the_rules_are_those_of_prometheus():
    text = prometheus_rule.TARGET.read_text()
    assert text == prometheus_rule.wanted(), "run python3 tests/deploy/prometheus_rule.py"
