"""The schemas of Kubernetes, cert-manager and the Prometheus operator, from npm."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Hashable
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


def errors_of(batches: dict[Hashable, list[dict]]) -> dict[Hashable, list[str]]:
    """Of each batch of documents what is wrong with them."""
    documents = [(name, document) for name, batch in batches.items() for document in batch
                 if document["kind"] not in WITHOUT_SCHEMA]
    done = subprocess.run(["node", str(HERE / "validate.js"), str(PACKAGES.directory)], text=True, check=False,
                          input=json.dumps({"documents": [document for _, document in documents]}), capture_output=True)
    assert done.returncode == 0, done.stderr
    errors: dict[Hashable, list[str]] = {name: [] for name in batches}
    for found in json.loads(done.stdout):
        name, document = documents[found["document"]]
        errors[name].append(f"{document['kind']} {document['metadata']['name']}: {found['error']}")
    return errors
