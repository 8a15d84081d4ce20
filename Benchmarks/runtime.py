"""gantry-runtime beside runc, crun and the floor, in one run on one machine.

usage: make bench [ROUNDS=20] [ROWS=oci-run,oci-exec]

The floor is floor.c: the same namespaces, mounts and cgroups with nothing read, checked or kept. Rounds go from program to
program, so that what disturbs one disturbs all. What is timed is a whole process, from posix_spawn to its end: one right after
the other, when the kernel still takes apart what the last one left, and again at rest, with a pause before each. In a round a
program runs a few times, the first not counted: what it finds being taken apart is its own. All are copies made a moment
before: how the pages of an executable lie in memory is worth up to a millisecond. Everything runs in a mount namespace
without the hybrid cgroup2 mount, because Debian's crun refuses that one.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARIES = os.environ.get("BINARIES", ROOT + "/.build/release")
ROUNDS = int(os.environ.get("ROUNDS", "20"))
# Runs of a program in a row.
ROW = 5
LOOP = 200
# Seconds in which the kernel is done with a container that ended.
REST = 0.03
NULL = os.open("/dev/null", os.O_RDWR)


def timed(words):
    """Milliseconds of a command that must succeed."""
    start = time.perf_counter()
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, NULL, n) for n in (0, 1, 2)])
    _, status = os.waitpid(pid, 0)
    if status != 0:
        done = subprocess.run(words, capture_output=True, text=True, stdin=NULL)
        sys.exit(f"bench: {' '.join(words)}: {status >> 8}, then {done.returncode}: {done.stdout}{done.stderr}")
    return (time.perf_counter() - start) * 1000


def value(pid, key):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))


class Runtime:
    def __init__(self, name, program, directory):
        self.name = name
        self.words = [program, "--root", f"{directory}/state-{name}"]
        self.bundle = directory
        self.count = 0

    def fresh(self):
        self.count += 1
        return f"bench-{self.name}-{os.getpid()}-{self.count}"

    def run(self):
        return timed([*self.words, "run", "--bundle", self.bundle + "/true", self.fresh()])

    def peak_memory(self):
        """Megabytes that a `run` in the foreground had at most, asked of the kernel while its container runs."""
        name = self.fresh()
        process = subprocess.Popen([*self.words, "run", "--bundle", self.bundle + "/sleep", name], stdin=NULL)
        state = [*self.words, "state", name]
        while '"running"' not in subprocess.run(state, capture_output=True, text=True).stdout:
            time.sleep(0.02)
        peak = value(process.pid, "VmHWM") / 1024
        timed([*self.words, "kill", name, "KILL"])
        process.wait()
        return peak

    def start(self):
        name = self.fresh()
        return name, timed([*self.words, "run", "--detach", "--bundle", self.bundle + "/sleep", name])

    def execute(self, name):
        return timed([*self.words, "exec", name, "/bin/true"])

    def delete(self, name):
        timed([*self.words, "delete", "--force", name])


class Floor(Runtime):
    def run(self):
        return timed([self.words[0], self.bundle + "/rootfs", self.fresh(), "/bin/true"])


def bundles(directory):
    """Two bundles over one busybox root, as `gantry-runtime spec` describes them."""
    for name in ("bin", "proc", "sys", "dev"):
        os.makedirs(f"{directory}/rootfs/{name}")
    shutil.copy("/bin/busybox", directory + "/rootfs/bin/busybox")
    for name in ("true", "sleep"):
        os.symlink("busybox", f"{directory}/rootfs/bin/{name}")
        os.mkdir(f"{directory}/{name}")
        subprocess.run([BINARIES + "/gantry-runtime", "spec", "--bundle", f"{directory}/{name}"], check=True)
        with open(f"{directory}/{name}/config.json") as file:
            config = json.load(file)
        config["process"].update(terminal=False, args=["/bin/" + name, "100000"][:1 if name == "true" else 2])
        config["ociVersion"] = "1.0.2"  # the newest that crun 1.8 knows
        config["root"] = {"path": directory + "/rootfs", "readonly": True}
        with open(f"{directory}/{name}/config.json", "w") as file:
            json.dump(config, file)


def one_after_the_other(runtime):
    """Medians of the first and the last tenth of LOOP containers that all stay alive."""
    figures, names = [], []
    for _ in range(LOOP):
        name, figure = runtime.start()
        names.append(name)
        figures.append(figure)
    for name in names:
        runtime.delete(name)
    return statistics.median(figures[:LOOP // 10]), statistics.median(figures[-LOOP // 10:])


def main():
    if os.geteuid() != 0:
        sys.exit("bench: run it as root")
    # A mount namespace of its own, marked by a word of the command line.
    if sys.argv[1:] != ["alone"]:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                              '! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "$@"',
                              "sh", sys.executable, sys.argv[0], "alone"])
    keys = ["oci-run", "oci-exec", "oci-memory", "oci-loop"]
    wanted = [key for key in os.environ.get("ROWS", ",".join(keys)).split(",") if key in keys]
    if not wanted:
        return
    # In memory, as the state of all of them is where /run is a tmpfs; in a mount namespace that goes with this program.
    directory = tempfile.mkdtemp(prefix="gantry-bench-", dir="/run")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "gantry-bench", directory], check=True)
    copies = tempfile.mkdtemp(prefix="bench-", dir=ROOT + "/.build")
    try:
        bundles(directory)
        subprocess.run(["cc", "-O2", "-static", "-o", directory + "/floor", ROOT + "/Benchmarks/floor.c"], check=True)
        found = {"floor": directory + "/floor", "gantry": BINARIES + "/gantry-runtime"}
        found |= {name: path for name in ("crun", "runc") if (path := shutil.which(name))}
        for name, path in found.items():
            subprocess.run(["cp", path, f"{copies}/{name}"], check=True)
        floor = Floor("floor", copies + "/floor", directory)
        runtimes = [Runtime(name, f"{copies}/{name}", directory) for name in found if name != "floor"]
        rows = {}

        def medians(measure, programs):
            figures = {program.name: [] for program in programs}
            for _ in range(-(-ROUNDS // (ROW - 1))):
                for program in programs:
                    figures[program.name] += [measure(program) for _ in range(ROW)][1:]
            return {name: statistics.median(values) for name, values in figures.items()}

        def rested(program):
            time.sleep(REST)
            return program.run()

        if "oci-run" in wanted:
            rows["run of /bin/true, ms"] = medians(lambda program: program.run(), [floor, *runtimes])
            rows["  the same at rest, ms"] = medians(rested, [floor, *runtimes])
        if "oci-exec" in wanted:
            sleepers = {runtime.name: runtime.start()[0] for runtime in runtimes}
            rows["exec of /bin/true, ms"] = medians(lambda runtime: runtime.execute(sleepers[runtime.name]), runtimes)
            for runtime in runtimes:
                runtime.delete(sleepers[runtime.name])
        if "oci-memory" in wanted:
            rows["peak resident memory of run, MB"] = {each.name: each.peak_memory() for each in runtimes}
        if "oci-loop" in wanted:
            loops = {runtime.name: one_after_the_other(runtime) for runtime in runtimes}
            tenth = LOOP // 10
            rows[f"run -d, {LOOP} alive: first {tenth}, ms"] = {name: pair[0] for name, pair in loops.items()}
            rows[f"run -d, {LOOP} alive: last {tenth}, ms"] = {name: pair[1] for name, pair in loops.items()}
        names = ["floor", "gantry", "crun", "runc"]
        print(f"\n{'OCI runtime alone':42}" + "".join(f"{name:>10}" for name in names) + "   gantry : floor, crun, runc")
        for title, row in rows.items():
            cells = "".join(f"{row[name]:10.1f}" if name in row else f"{'-':>10}" for name in names)
            ratios = ", ".join(f"{row['gantry'] / row[name]:.2f}" if name in row else "-" for name in names if name != "gantry")
            print(f"{title:42}{cells}   {ratios}")
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
        os.rmdir(directory)
        shutil.rmtree(copies)


if __name__ == "__main__":
    main()
