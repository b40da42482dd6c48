"""What deploy/kubernetes becomes: each overlay with each profile, by each kubectl that is here."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "kubernetes"
OVERLAYS = ("eu", "na", "edge", "elastic")
PROFILES = ("unprivileged", "kernel")
DOMAIN = "turn.senso.cloud"

Document = dict

# SENSO_TURN_KUBECTL names more than one, with colons in between: Debian's own knows less than later ones.
_NAMED = os.environ.get("SENSO_TURN_KUBECTL", "").split(":")
KUBECTLS = tuple(dict.fromkeys(filter(None, [*_NAMED, shutil.which("kubectl")])))

needs_kubectl = pytest.mark.skipif(not KUBECTLS, reason="kubectl (package kubernetes-client) is missing")


@functools.cache
def rendered(overlay: str, profile: str, kubectl: str = "") -> tuple[Document, ...]:
    """The profile is one line of an overlay, which is edited here as an operator would."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "kubernetes"
        shutil.copytree(FOLDER, copy)
        chosen = copy / "overlays" / overlay / "kustomization.yaml"
        line = re.compile(r"^  - \.\./\.\./profiles/\w+", re.M)
        text, count = line.subn(f"  - ../../profiles/{profile}", chosen.read_text())
        assert count == 1, f"{overlay} has {count} profiles"
        chosen.write_text(text)
        done = subprocess.run([kubectl or KUBECTLS[0], "kustomize", str(chosen.parent)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(documents: tuple[Document, ...], *kinds: str) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def named(documents: tuple[Document, ...], kind: str, name: str) -> Document:
    (found,) = [one for one in of_kind(documents, kind) if one["metadata"]["name"] == name]
    return found


def workloads(documents: tuple[Document, ...]) -> list[Document]:
    return of_kind(documents, "DaemonSet", "Deployment")


def relay_workload(documents: tuple[Document, ...]) -> Document:
    (found,) = [one for one in workloads(documents) if one["metadata"]["name"] == "relay"]
    return found


def pod_of(workload: Document) -> dict:
    return workload["spec"]["template"]["spec"]


def containers_of(pod: dict) -> list[dict]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def configuration(documents: tuple[Document, ...], role: str) -> dict:
    return yaml.safe_load(named(documents, "ConfigMap", role)["data"][f"{role}.yaml"])
