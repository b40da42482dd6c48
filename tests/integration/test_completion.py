"""Shell completion and the manual, which the program makes from its own commands, in real shells and in man."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from server_fixture import binary, run_command

COMMANDS = ("serve", "check", "credentials", "firewall", "dns", "migrate", "doctor", "status", "sessions", "disconnect",
            "drain", "reload", "completion", "version")  # fmt: skip


def run(program: str, text: str) -> list[str]:
    """What a shell writes that is given a script."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([found], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split("\n")


def complete(*words: str) -> list[str]:
    """What bash offers for the last word, with the script loaded as a user loads it."""
    line = " ".join(f"'{word}'" for word in words)
    return [
        word
        for word in run("bash", f"""
            compopt() {{ :; }}  # it works in the middle of a completion only
            source <('{binary()}' completion bash)
            COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
            complete -p senso-turn >/dev/null && _senso_turn
            printf '%s\\n' "${{COMPREPLY[@]}}"
            """)
        if word
    ]


def test_COMMANDS_bash_completes_a_command():
    assert set(COMMANDS) <= set(complete("senso-turn", ""))
    assert complete("senso-turn", "dis") == ["disconnect"]
    assert complete("senso-turn", "nothing-like-this") == []


def test_COMMANDS_bash_completes_options_and_their_values(tmp_path):
    assert complete("senso-turn", "drain", "--dead") == ["--deadline"]
    assert complete("senso-turn", "sessions", "--format", "j") == ["json"]
    assert complete("senso-turn", "completion", "") == ["bash", "zsh", "fish"]
    assert complete("senso-turn", "sessions", "--user", "") == []
    (tmp_path / "turn file.yaml").touch()
    assert complete("senso-turn", "check", f"{tmp_path}/turn") == [f"{tmp_path}/turn file.yaml"]
    assert complete("senso-turn", "serve", "--config", f"{tmp_path}/turn") == [f"{tmp_path}/turn file.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_COMMANDS_shells_take_the_script(tmp_path, shell):
    done = run_command("completion", shell)
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS) and "generate" not in done.stdout
    script = tmp_path / "script"
    script.write_text(done.stdout)
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    checked = subprocess.run([found, "-n", str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_COMMANDS_completion_for_another_shell_is_2():
    assert run_command("completion", "csh").returncode == 2


def test_COMMANDS_man_finds_nothing_wrong_with_the_manual(tmp_path):
    page = tmp_path / "senso-turn.8"
    page.write_text(run_command("generate", "manual").stdout)
    man = shutil.which("man")
    if man is None:
        pytest.skip("man is not installed")
    done = subprocess.run([man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)], capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    text = page.read_text()
    assert all(f'.SS "{command}' in text for command in COMMANDS)
