#!/usr/bin/env python3
"""run.py [--runtime PATH] [--table FILE] [PROGRAM...]: the OCI runtime validation programs and crun's tests, as `fetch` built
them, with gantry-runtime and beside it runc and crun. Prints checks that held and that did not, and fails when gantry-runtime
fails one that a peer passes."""

import argparse
import collections
import concurrent.futures
import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "../.."))
TOOLS = os.path.join(TOP, ".tools/conformance")
VALIDATION = os.path.join(TOOLS, "go/src/github.com/opencontainers/runtime-tools")
CRUN = os.path.join(TOOLS, "crun")

# Checks of crun's suite that are about crun itself.
ONLY_CRUN = {
    "crun-features": "compares the answer of `features` with crun's version, commit and annotations",
    "start": "reads a file of crun's own in the state directory",
    "listen_pid_env": "hands on the word of descriptors that nobody said are this process's (sd_listen_fds(3))",
    "seccomp-listener": "wants a listener for a profile that notifies nobody, and version 0.2.0 of the specification",
    "keep-groups": "an annotation of crun's own",
    "preserve-fds-some": "hands on descriptors that are not open, which runc refuses",
    "exec_add_no_new_privileges": "wants exec to forget the container's noNewPrivileges, which runc keeps",
}

# Checks that no runtime passes unless the machine is slow.
RACES = {"create with '--pid-file' option works": "starts `true`, and wants to kill it while it runs"}

# Make cgroups of fixed names, as every program does that has `cgroups` in its own.
ALONE = {"delete_only_create_resources", "test_delete", "test_devices", "test_resources", "test_exec"}

Result = collections.namedtuple("Result", "passed failed skipped status")


def counted(texts):
    return collections.Counter(texts)


def parse(text, status):
    """Reads Test Anything Protocol: what held, what did not, what was skipped."""
    passed, failed, skipped = [], [], set()
    for line in text.splitlines():
        match = re.match(r"(not )?ok \d+(?: -)? ?(.*)", line)
        if not match:
            continue
        description = match.group(2)
        if "SKIP" in description:
            skipped.add(description.split("#")[0].strip())
        elif not match.group(1):
            passed.append(description)
        elif "# TODO" not in description:
            failed.append(description)
    return Result(counted(passed), counted(failed), skipped, status)


def execute(words, environment, directory, log, is_crun):
    """Runs one program to its end; its output stays in `log`."""
    # In a mount namespace of its own: containers without one leave their mounts behind. crun takes a machine with both cgroup
    # versions for one with the second only.
    script = "! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; " if is_crun else ""
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script + 'exec "$@"', "sh"] + words
    with open(log, "w") as file:
        child = subprocess.Popen(
            words, cwd=directory, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = child.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            status = "still running after 60 s"
    with open(log, errors="replace") as file:
        return parse(file.read(), status)


def validate(runtime, path, name, logs):
    """The programs name no state directory and leave containers behind when they fail: they get a command that does."""
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as work:
        os.chmod(work, 0o755)
        command = os.path.join(work, "runtime")
        with open(command, "w") as file:
            file.write(f'#!/bin/sh\nexec {path} --root {work}/state "$@"\n')
        os.chmod(command, 0o755)
        words = [os.path.join(VALIDATION, "validation", name + ".t")]
        try:
            log = os.path.join(logs, f"{name}.{runtime}")
            return execute(words, {"RUNTIME": command, "TMPDIR": work}, VALIDATION, log, runtime == "crun")
        finally:
            for container in subprocess.run([command, "list", "-q"], capture_output=True, text=True).stdout.split():
                subprocess.run([command, "delete", "--force", container], capture_output=True)


def crun_test(runtime, path, name, logs):
    work = tempfile.mkdtemp(prefix="conformance-")
    os.chmod(work, 0o755)
    environment = {"OCI_RUNTIME": path, "INIT": os.path.join(CRUN, "init"), "PYTHONPATH": HERE}
    words = [sys.executable, os.path.join(CRUN, "tests", name + ".py")]
    try:
        return execute(words, environment, work, os.path.join(logs, f"{name}.{runtime}"), runtime == "crun")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clean():
    """Ends what crun's tests leave behind when they fail, and takes the cgroups away that the programs never remove."""
    for pattern in ("frozen", "*test-tmp*", "testdir", "cgrouptest"):
        for directory in sorted(glob.glob(f"/sys/fs/cgroup/**/{pattern}/**/", recursive=True), reverse=True):
            with contextlib.suppress(OSError):
                with open(directory + "cgroup.procs") as file:
                    for pid in file.read().split():
                        os.kill(int(pid), signal.SIGKILL)
                if directory == "/sys/fs/cgroup/freezer/frozen/":
                    with open(directory + "freezer.state", "w") as file:
                        file.write("THAWED")
            for _ in range(50):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
                if not os.path.exists(directory):
                    break
                time.sleep(0.1)


def lost(results):
    """What a peer passes and gantry-runtime does not."""
    own = results["gantry"]
    missing = set()
    for peer in results:
        if peer != "gantry":
            missing |= set((results[peer].passed - own.passed).keys())
    return sorted(missing - own.skipped - set(ONLY_CRUN) - set(RACES))


def table(title, names, runtimes, results, output):
    width = max(len(name) for name in names) + 2
    print(f"\n{title}: ok/not ok\n{'':{width}}" + "".join(f"{runtime:>14}" for runtime in runtimes), file=output)
    total = {runtime: [0, 0, 0] for runtime in runtimes}
    for name in names:
        row = f"{name:{width}}"
        for runtime in runtimes:
            result = results[name][runtime]
            good, bad = sum(result.passed.values()), sum(result.failed.values())
            whole = good > 0 and bad == 0 and result.status == 0
            total[runtime] = [old + new for old, new in zip(total[runtime], [good, bad, whole])]
            row += f"{f'{good}/{bad}' + ('' if whole or bad else ' ?' if not result.skipped else ' -'):>14}"
        print(row, file=output)
    print(f"{'all':{width}}" + "".join(f"{f'{total[r][0]}/{total[r][1]}':>14}" for r in runtimes), file=output)
    print(f"{'whole programs':{width}}" + "".join(f"{total[r][2]:>14}" for r in runtimes), file=output, flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--runtime", default=os.path.join(TOP, ".build/release/gantry-runtime"))
    options.add_argument("--logs", default=os.path.join(TOOLS, "logs"), help="directory for what the programs print")
    options.add_argument("program", nargs="*", help="only these")
    options = options.parse_args()
    shutil.rmtree(options.logs, ignore_errors=True)
    os.makedirs(options.logs)

    paths = {"runc": shutil.which("runc"), "crun": shutil.which("crun"), "gantry": os.path.abspath(options.runtime)}
    if not all(paths.values()):
        sys.exit("conformance: runc and crun are not both installed; scripts/need conformance installs them")
    programs = sorted(name[:-2] for name in os.listdir(VALIDATION + "/validation") if name.endswith(".t"))
    tests = sorted(name[:-3] for name in os.listdir(CRUN + "/tests") if re.fullmatch(r"test_\w+\.py", name))
    if options.program:
        programs = [name for name in programs if name in options.program]
        tests = [name for name in tests if name in options.program]

    results = collections.defaultdict(dict)

    def run(name, runtime):
        program = validate if name in programs else crun_test
        results[name][runtime] = program(runtime, paths[runtime], name, options.logs)

    # Programs that touch cgroups all use the same names: one after the other. The rest mostly wait: several at once.
    with concurrent.futures.ThreadPoolExecutor(4) as many, concurrent.futures.ThreadPoolExecutor(1) as one:
        waiting = [
            (one if name in ALONE or "cgroups" in name else many).submit(run, name, runtime)
            for runtime in paths for name in programs + tests
        ]
        for done in concurrent.futures.as_completed(waiting):
            done.result()
    # Some depend on who is first (killsig on a shell that is about to set its trap): those that failed in the crowd are judged
    # alone.
    for name in programs + tests:
        for runtime in reversed(paths):
            if lost(results[name]):
                run(name, runtime)

    clean()
    for title, names in [("OCI runtime validation", programs), ("crun's tests", tests)]:
        if names:
            table(title, names, list(paths), results, sys.stdout)
    losses = {name: lost(results[name]) for name in programs + tests}
    losses = {name: what for name, what in losses.items() if what}
    for name, what in losses.items():
        print(f"\n{name}: passes with runc or crun, not with gantry-runtime ({options.logs}/{name}.gantry)")
        for description in what:
            print("  " + description)
    if losses:
        sys.exit(1)
    print("\nconformance: gantry-runtime passes every check that runc or crun passes")


if __name__ == "__main__":
    main()
