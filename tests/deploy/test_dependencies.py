"""The table of dependencies against what the program asks for, what the Dockerfile installs, and what the build writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "dependencies"
TABLE = json.loads((FOLDER / "dependencies.json").read_text())
# Which every Debian has.
OF_THE_SYSTEM = {"libc6", "libgcc-s1", "libstdc++6"}


def packages(use: str) -> set[str]:
    return {each["package"] for each in TABLE if each["use"] == use}


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="this is not a Debian system")
def test_libraries_are_those_that_the_program_is_linked_with():
    program = os.environ.get("SENSO_TURN") or REPOSITORY / "build/dev/senso-turn"
    text = subprocess.run(["readelf", "-d", str(program)], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", text))
    assert len(needed) > 10
    found = set()
    for name in needed:
        # Of this machine's architecture: libraries of another one may be installed beside them.
        pattern = f"*/{sysconfig.get_config_var('MULTIARCH')}/{name}"
        done = subprocess.run(["dpkg", "-S", pattern], capture_output=True, text=True, check=True)
        found |= {line.split(":")[0] for line in done.stdout.splitlines() if line.endswith(f"/{name}")}
    assert found == packages("library")


def test_the_image_has_them():
    installed = set(re.findall(r"\blib[a-z0-9.+-]+", (REPOSITORY / "Dockerfile").read_text()))
    assert packages("library") - OF_THE_SYSTEM <= installed


def test_dev_installs_what_it_is_built_with():
    listed = set(re.findall(r"\bbuild:([^\s:]+)", (REPOSITORY / "dev").read_text()))
    assert packages("tool") | packages("headers") <= listed


def test_every_row_is_whole():
    for each in TABLE:
        assert set(each) == {"name", "use", "package", "licence", "reason"} and all(each.values())
    assert len({each["package"] for each in TABLE}) == len(TABLE)


def bill_of_materials(path: Path, **environment: str) -> dict:
    command = ["cmake", f"-DTABLE={FOLDER}/dependencies.json", "-DVERSION=1.2.3", f"-DOUTPUT={path}", "-P",
               str(FOLDER / "sbom.cmake")]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, **environment})
    return json.loads(path.read_text())


def test_the_bill_of_materials_is_spdx(tmp_path):
    bill = bill_of_materials(tmp_path / "one.json", SOURCE_DATE_EPOCH="1700000000")
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    assert bill["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    names = {each["SPDXID"]: each for each in bill["packages"]}
    assert len(names) == len(bill["packages"]) == len(TABLE) + 1
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name) for name in names)
    assert names["SPDXRef-senso-turn"]["versionInfo"] == "1.2.3"
    for each in TABLE:
        (package,) = (one for one in bill["packages"] if one["name"] == each["name"])
        assert package["licenseDeclared"] == each["licence"] and package["comment"] == each["reason"]
    related = {end for each in bill["relationships"] for end in (each["spdxElementId"], each["relatedSpdxElement"])}
    assert related == set(names) | {"SPDXRef-DOCUMENT"}
    assert {each["relationshipType"] for each in bill["relationships"]} == {
        "DESCRIBES", "DYNAMIC_LINK", "STATIC_LINK", "BUILD_TOOL_OF"}  # fmt: skip


def test_the_bill_of_materials_of_the_same_sources_is_the_same(tmp_path):
    one = bill_of_materials(tmp_path / "one.json", SOURCE_DATE_EPOCH="1700000000")
    assert one == bill_of_materials(tmp_path / "two.json", SOURCE_DATE_EPOCH="1700000000")
    other = bill_of_materials(tmp_path / "three.json", SOURCE_DATE_EPOCH="1700000001")
    assert other["documentNamespace"] != one["documentNamespace"]
