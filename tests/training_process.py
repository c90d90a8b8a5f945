"""The train stage as a process to which something happens at a chosen moment."""

import sys
from pathlib import Path

STAGE = (sys.executable, "-m", "stages", "train")  # a new process
FORKED_STAGE = ("python", "-m", "stages", "train")
OUTPUTS = ("model.safetensors", "history.csv", "layers.csv", "augmented.png", "metrics.json", "environment.json")
# Runs the stage and acts at the n-th call of a function, so that the moment does not depend on timing.
AT_CALL = """
import os, runpy, signal, sys, src.train.learner
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell starts with it ignored
owner, name, number, act = {owner}, {name!r}, {number}, lambda: {act}
original, calls = getattr(owner, name), 0
def counting(*arguments, **named):
    global calls
    calls += 1
    if calls == number:
        act()
    return original(*arguments, **named)
setattr(owner, name, counting)
sys.argv = ["stages", "train"]
runpy.run_module("stages", run_name="__main__", alter_sys=True)
"""
# Interrupts itself when it imports a module for the first time.
AT_IMPORT = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(name, *_):
        if name == {imported!r}:
            sys.meta_path.remove(Finder)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
sys.argv = [{module!r}, *{arguments!r}]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def at_call(owner: str, name: str, number: int, act: str, python: str = "python") -> tuple[str, ...]:
    """The command that runs the train stage and acts before the n-th call of owner.name."""
    return (python, "-c", AT_CALL.format(owner=owner, name=name, number=number, act=act))


def interrupted_at(imported: str, module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module, and interrupts it when it imports another one."""
    return (sys.executable, "-c", AT_IMPORT.format(imported=imported, module=module, arguments=arguments))


def read_outputs(project: Path) -> dict[str, bytes]:
    """The outputs of the train stage."""
    return {name: (project / "data/train" / name).read_bytes() for name in OUTPUTS}
