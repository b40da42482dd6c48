"""The schemas of Kubernetes, cert-manager and the Prometheus operator, from npm."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

from npm_ci import NpmPackages

HERE = Path(__file__).resolve().parent
PACKAGES = NpmPackages(HERE / "npm", HERE.parents[1] / "build" / "deploy" / "npm")

# Of external-dns, whose schema no package has: test_kubernetes_names.py looks at it.
WITHOUT_SCHEMA = {"DNSEndpoint"}


@functools.cache
def why_missing() -> str | None:
    PACKAGES.fetch()
    return PACKAGES.why_missing()


def errors_of(documents: list[dict]) -> list[str]:
    documents = [document for document in documents if document["kind"] not in WITHOUT_SCHEMA]
    done = subprocess.run(["node", str(HERE / "validate.js"), str(PACKAGES.directory)], text=True, check=False,
                          input=json.dumps({"documents": documents}), capture_output=True)
    assert done.returncode == 0, done.stderr
    return [f"{documents[found['document']]['kind']} {documents[found['document']]['metadata']['name']}: {found['error']}"
            for found in json.loads(done.stdout)]
