"""A pod as a kubelet and a container runtime would start it, without either: from a rendered pod template, in a mount
namespace with the image's files, read-only where it says so, its volumes, user, groups and capabilities; the network is
that of a host of the test's own. What it does not have is the seccomp filter of the runtime.

Capabilities are given as a runtime gives them to a process that is no root: they bound what a file may give, and none
is inheritable or ambient."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from kustomized import containers_of
from network_namespaces import Host
from server_fixture import binary
from waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
TMPFILES = REPOSITORY / "deploy" / "kubernetes" / "node" / "senso-turn.tmpfiles"


def capable_file() -> tuple[str, str]:
    """Of the Dockerfile: where the program with capabilities is, and which, as setcap takes them."""
    (found,) = re.findall(r"setcap (\S+) (/\S+)", (REPOSITORY / "Dockerfile").read_text())
    return found[1], found[0]


class Image:
    """The files that the Dockerfile adds to what is there."""

    def __init__(self, directory: Path):
        self.directory = directory
        capable, capabilities = capable_file()
        for path in ("/usr/bin/senso-turn", capable):
            (directory / path[1:]).parent.mkdir(parents=True)
            shutil.copy(binary(), directory / path[1:])
        subprocess.run(["setcap", capabilities, str(directory / capable[1:])], check=True)

    def lines(self, root: str) -> list[str]:
        """The shell's lines that put them into a root folder, where nothing of this machine's own server is left."""
        files = [path.relative_to(self.directory) for path in self.directory.rglob("*") if path.is_file()]
        lines = [f"rm -rf {root}/etc/senso-turn {root}/var/lib/senso-turn {root}/run/senso-turn"]
        for path in files:
            lines.append(f"mkdir -p {root}/{path.parent} && touch {root}/{path}")
            lines.append(f"mount --bind {self.directory}/{path} {root}/{path}")
        return lines


@dataclass
class Node:
    """What pods get from where they run."""

    image: Image
    host: Host
    name: str
    address: str
    directory: Path
    names: dict[str, str] = field(default_factory=dict)  # for /etc/hosts

    def prepare(self) -> None:
        """The folders that deploy/kubernetes/node makes, below a directory of the test."""
        for line in TMPFILES.read_text().splitlines():
            if line.startswith("d "):
                _, path, mode, user, group = line.split()
                folder = Path(f"{self.directory}/host{path}")
                folder.mkdir(parents=True)
                os.chown(folder, int(user), int(group))
                folder.chmod(int(mode, 8))

    def path(self, path: str) -> Path:
        return Path(f"{self.directory}/host{path}")


class Pod:
    """`config_maps` and `secrets` are what the cluster has, by name: file names and contents."""

    def __init__(self, node: Node, uid: str, spec: dict, config_maps: dict[str, dict], secrets: dict[str, dict]):
        self.node = node
        self.uid = uid
        self.spec = spec
        self.directory = node.directory / uid
        self.directory.mkdir()
        self.process: subprocess.Popen | None = None
        self._volumes = {volume["name"]: self._volume(volume, config_maps, secrets) for volume in spec["volumes"]}

    # What a kubelet does

    def _volume(self, volume: dict, config_maps: dict[str, dict], secrets: dict[str, dict]) -> Path:
        if "hostPath" in volume:
            assert volume["hostPath"]["type"] == "Directory"
            return self.node.path(volume["hostPath"]["path"])
        folder = self.directory / volume["name"]
        folder.mkdir()
        group = self.spec["securityContext"]["fsGroup"]
        os.chown(folder, 0, group)
        folder.chmod(0o2777 if "emptyDir" in volume else 0o755)
        content, mode = {}, 0o644
        if "configMap" in volume:
            content, mode = config_maps[volume["configMap"]["name"]], volume["configMap"].get("defaultMode", mode)
        if "secret" in volume:
            content, mode = secrets[volume["secret"]["secretName"]], volume["secret"].get("defaultMode", mode)
        for name, text in content.items():
            (folder / name).write_text(text)
            os.chown(folder / name, 0, group)
            (folder / name).chmod(mode)
        return folder

    def container(self, name: str) -> dict:
        (found,) = [one for one in containers_of(self.spec) if one["name"] == name]
        return found

    def environment(self, container: dict) -> dict[str, str]:
        fields = {"metadata.uid": self.uid, "spec.nodeName": self.node.name, "status.hostIP": self.node.address,
                  "status.podIP": self.node.address}
        found = {}
        for entry in container.get("env", []):
            given = entry.get("value")
            found[entry["name"]] = fields[entry["valueFrom"]["fieldRef"]["fieldPath"]] if given is None else given
        return found

    def command(self, container: dict) -> list[str]:
        environment = self.environment(container)
        words = [*container["command"], *container.get("args", [])]
        return [re.sub(r"\$\((\w+)\)", lambda found: environment[found[1]], word) for word in words]

    # What a container runtime does

    def _root(self, container: dict) -> str:
        """The shell's lines that make the root folder, and end in it."""
        root = self.directory / f"root-{container['name']}"
        root.mkdir(exist_ok=True)
        work = f"{root}/root"
        lines = [
            f"mount -t tmpfs -o mode=0755 tmpfs {root}",
            f"mkdir {root}/upper {root}/work {work}",
            f"mount -t overlay -o lowerdir=/,upperdir={root}/upper,workdir={root}/work overlay {work}",
            f"mount -t proc proc {work}/proc",
            f"mount -t sysfs -o ro sysfs {work}/sys",
            f"mount -t tmpfs -o mode=0755 tmpfs {work}/dev",
            f"cd {work}/dev && touch null zero random urandom && cd /",
            *(f"mount --bind /dev/{device} {work}/dev/{device}" for device in ("null", "zero", "random", "urandom")),
            *self.node.image.lines(work),
            f"install -m 0644 {self.directory}/hosts {work}/etc/hosts",
        ]
        mounts = [(f"{work}{mount['mountPath']}", self._volumes[mount["name"]], mount.get("readOnly", False))
                  for mount in container["volumeMounts"]]
        lines.append(shlex.join(["mkdir", "-p", *(at for at, _, _ in mounts)]))
        if container["securityContext"]["readOnlyRootFilesystem"]:
            lines.append(f"mount -o remount,ro overlay {work}")
        for at, volume, is_read_only in mounts:
            lines.append(f"mount --bind {volume} {at}")
            if is_read_only:
                lines.append(f"mount -o remount,bind,ro {at}")
        return "\n".join([*lines, f"cd {work}"])

    def _privileges(self, container: dict) -> list[str]:
        pod, own = self.spec["securityContext"], container["securityContext"]
        assert pod["runAsNonRoot"] and own["capabilities"]["drop"] == ["ALL"] and not own["privileged"]
        bounds = ",".join(["-all", *(f"+{name.lower()}" for name in own["capabilities"].get("add", []))])
        return ["setpriv", f"--reuid={pod['runAsUser']}", f"--regid={pod['runAsGroup']}", f"--groups={pod['fsGroup']}",
                "--inh-caps=-all", f"--bounding-set={bounds}",
                *([] if own["allowPrivilegeEscalation"] else ["--no-new-privs"])]

    def _shell(self, container: dict, command: list[str]) -> list[str]:
        environment = [f"{name}={value}" for name, value in self.environment(container).items()]
        inside = ["env", "-i", PATH, *environment, *self._privileges(container), *command]
        names = {"localhost": "127.0.0.1", **self.node.names}
        (self.directory / "hosts").write_text("".join(f"{address} {name}\n" for name, address in names.items()))
        script = f"set -e\n{self._root(container)}\nexec chroot . {shlex.join(inside)}\n"
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    def run(self, name: str, command: list[str] | None = None) -> subprocess.CompletedProcess:
        """A container until its end: its own command, or another one in it."""
        container = self.container(name)
        with self.node.host.inside():
            return subprocess.run(self._shell(container, command or self.command(container)), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60, check=False)

    def start(self, name: str) -> None:
        container = self.container(name)
        with self.node.host.inside(), self.log_file.open("wb") as log:
            self.process = subprocess.Popen(self._shell(container, self.command(container)), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        # From then on something can be executed in it.
        root = Path(f"/proc/{self.process.pid}/root")
        assert eventually(lambda: self.process.poll() is not None or os.readlink(root) != "/"), self.log()

    def execute(self, name: str, command: list[str]) -> subprocess.CompletedProcess:
        """In the container that runs, as `kubectl exec` and the hooks of its life do."""
        container = self.container(name)
        environment = [f"{key}={value}" for key, value in self.environment(container).items()]
        return subprocess.run(
            ["nsenter", f"--target={self.process.pid}", "--mount", "--net", "--root", "--wd=/", "env", "-i", PATH,
             *environment, *self._privileges(container), *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    @property
    def log_file(self) -> Path:
        return self.directory / "log"

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@functools.cache
def why_impossible() -> str | None:
    """The reason to skip what starts pods, if there is one."""
    if os.geteuid() != 0:
        return "namespaces and capabilities need root"
    for program in ("setpriv", "setcap", "unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    tried = subprocess.run(
        ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec",
         "mount -t tmpfs tmpfs /mnt; mkdir /mnt/u /mnt/w /mnt/r; "
         "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/r"],
        capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"this machine does not allow it: {tried.stderr.strip()}"
