"""Boots an old kernel in an emulator and counts what the tests in there say. Started by ./run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PACKAGE = "linux-image-cloud-amd64"  # of Debian 12: 6.1
MODULES = ("veth", "sch_ingress", "cls_bpf", "8021q")
TESTS = ("tests/server_datapath_kernel_test", "tests/server_datapath_network_test")
PROGRAMS = (*TESTS, "senso-turn", "senso-turn-load")
COMMANDS = ("ip", "tc", "dash")
EMULATOR = "qemu-system-x86_64"
MEMORY_MIB = 1024
BOOT_SECONDS = 1500
WORDS = {"passed": "PASS", "failed": "FAIL", "skipped": "SKIP"}


class Unavailable(Exception):
    """Something that this machine does not have."""


def output_of(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Unavailable(str(problem)) from problem
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    return done.stdout


def fetched_kernel(folder: Path) -> Path:
    """The folder with the newest kernel's files, from Debian's own package."""
    found = re.search(r"linux-image-6\.1\.\S+", output_of("apt-cache", "depends", PACKAGE))
    if found is None:
        raise Unavailable(f"the package {PACKAGE} is not one of Linux 6.1 here")
    unpacked = folder / found[0]
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        output_of("apt-get", "download", found[0], cwd=folder)
        package = max(folder.glob(f"{found[0]}_*.deb"))
        partial = folder / "unpacking"
        shutil.rmtree(partial, ignore_errors=True)
        output_of("dpkg-deb", "-x", str(package), str(partial))
        partial.rename(unpacked)
    return unpacked


def modules_in_order(kernel: Path) -> list[Path]:
    """Each after those that it depends on, which it names itself."""
    files = {path.stem: path for path in kernel.rglob("*.ko")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_")) or files.get(name)
        if path is None or path in order:
            return  # built in
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in depends[1].decode().split(",") if depends else ():
            if other:
                add(other)
        order.append(path)

    for name in MODULES:
        add(name)
    return order


def copy_program(source: Path, root: Path, name: str | None = None) -> None:
    """With the libraries that it loads."""
    target = root / "bin" / (name or source.name)
    shutil.copy(source, target)
    subprocess.run(["strip", str(target)], check=False, capture_output=True)
    for library in re.findall(r"(/\S+) \(0x", output_of("ldd", str(source))):
        copy = root / library.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, copy)


def make_root(root: Path, kernel: Path, build: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    (root / "bin").mkdir(parents=True)
    (root / "modules").mkdir()
    order = modules_in_order(kernel)
    for module in order:
        shutil.copy(module, root / "modules")
    (root / "modules" / "order").write_text("".join(f"{module.name}\n" for module in order))
    for name in PROGRAMS:
        program = build / name
        if not program.exists():
            raise Unavailable(f"there is no program at {program}: build it")
        copy_program(program, root)
    for name in COMMANDS:
        if (found := shutil.which(name)) is None:
            raise Unavailable(f"the command {name} is missing")
        copy_program(Path(found), root, "sh" if name == "dash" else None)
    busybox = shutil.which("busybox")
    if busybox is None or "statically" not in output_of("file", "-L", busybox):
        raise Unavailable("the package busybox-static is missing")
    shutil.copy(busybox, root / "bin/busybox")
    shutil.copy(HERE / "server.yaml", root / "server.yaml")
    shutil.copy(HERE / "guest.sh", root / "init")
    (root / "init").chmod(0o755)


def packed(root: Path, archive: Path) -> Path:
    command = f"find . | cpio --create --format=newc --quiet | gzip -1 > {archive.absolute()}"
    output_of("sh", "-c", command, cwd=root)
    return archive


def boot(kernel: Path, archive: Path, log: Path) -> str:
    image = next((kernel / "boot").glob("vmlinuz-*"))
    command = [EMULATOR, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB),
               "-kernel", str(image), "-initrd", str(archive), "-append", "console=ttyS0 quiet panic=-1",
               "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"]  # fmt: skip
    with log.open("wb") as output:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                           timeout=BOOT_SECONDS)  # fmt: skip
        except subprocess.TimeoutExpired:
            output.write(b"\nRESULT emulator failed it took too long\n")
    return log.read_text(errors="replace").replace("\r", "")


def main(arguments: list[str]) -> int:
    build = Path(arguments[0] if arguments else ROOT / "build/dev").absolute()
    folder = ROOT / "build/kernels"
    try:
        if shutil.which(EMULATOR) is None:
            raise Unavailable(f"{EMULATOR} (package qemu-system-x86) is missing")
        kernel = fetched_kernel(folder)
        make_root(folder / "root", kernel, build)
        archive = packed(folder / "root", folder / "initramfs.gz")
    except Unavailable as reason:
        print(f"SKIP kernels: {reason}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    text = boot(kernel, archive, folder / "console.log")
    version = re.search(r"^KERNEL (\S+)", text, re.MULTILINE)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, outcome, reason in re.findall(r"^RESULT (.+?) (passed|failed|skipped)(.*)$", text, re.MULTILINE):
        counts[outcome] += 1
        if outcome != "passed" or name.startswith("end-to-end"):
            print(f"{WORDS[outcome]} kernels: {name}{':' if reason else ''}{reason}")
    if version is None or not re.search(r"^DONE", text, re.MULTILINE):
        counts["failed"] += 1
        print("FAIL kernels: the emulated machine did not come to its end; it said:\n" + text[-3000:])
    elif counts["failed"]:
        print(text[-6000:])
    print(f"kernel {version[1] if version else 'unknown'}; the console's output is in {folder / 'console.log'}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
