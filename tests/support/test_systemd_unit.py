"""The unit, the drop-ins and the user of deploy/systemd, by systemd's own tools."""

import re
import shutil
import subprocess

import pytest

from systemd_unit import FOLDER, REPOSITORY, UNIT, allowed_system_calls, needs_systemd_analyze, values_of

MOST_EXPOSURE = 2.5


@needs_systemd_analyze
def test_the_unit_is_tight():
    threshold = str(round(MOST_EXPOSURE * 10))
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for senso-turn.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE and done.returncode == 0, done.stdout


@needs_systemd_analyze
def test_the_unit_has_nothing_to_complain_about(tmp_path):
    """With a program that is there in the place of the installed one."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/senso-turn", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    # It does complain.
    unit.write_text(unit.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "NoNewPrivilege" in done.stderr


@needs_systemd_analyze
def test_what_the_kernel_datapath_needs_is_let_through():
    allowed = allowed_system_calls()
    assert {"bpf", "sendmmsg", "recvmmsg", "epoll_wait", "setrlimit"} <= allowed
    assert not {"setuid", "mount", "ptrace", "kexec_load", "init_module"} & allowed


def test_the_capabilities_are_bounded_by_what_is_given():
    assert values_of("AmbientCapabilities") == values_of("CapabilityBoundingSet")


def test_the_drop_ins_are_settings_of_the_kernel():
    settings = {}
    for file in sorted(FOLDER.glob("*.conf")):
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                name, value = re.fullmatch(r"([a-z0-9_.]+) = ([\w-]+)", line).groups()
                settings[name] = value
    assert settings["net.ipv4.ip_local_reserved_ports"] == "49152-65535"
    assert {"net.core.rmem_max", "net.core.wmem_max"} <= settings.keys()


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers (package systemd) is missing")
def test_the_user_can_be_made(tmp_path):
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "senso-turn.sysusers")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^senso-turn:x:\d+:\d+:.*:/var/lib/senso-turn:/usr/sbin/nologin$",
                     (tmp_path / "etc" / "passwd").read_text(), re.M)


def test_the_package_has_what_the_unit_starts():
    listed = (REPOSITORY / "deploy" / "CMakeLists.txt").read_text()
    for file in (UNIT, *FOLDER.glob("*.conf"), FOLDER / "senso-turn.sysusers"):
        assert file.name in listed
    assert (REPOSITORY / "deploy" / "debian" / "conffiles").read_text() == "/etc/senso-turn/senso-turn.yaml\n"
    assert values_of("ExecStart") == ["/usr/bin/senso-turn serve --config /etc/senso-turn/senso-turn.yaml"]
