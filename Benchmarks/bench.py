"""Gantry beside Docker Engine and Podman, where they are installed, in one run on one machine.

usage: make bench [ROUNDS=20] [ROWS=run-bridge,pull]

Every engine is a daemon of its own with its own directories; Docker and Podman get a network namespace of their own too,
because Docker's firewall rules outlive it. Rounds go from engine to engine, so that what disturbs one disturbs all. What is
timed is the command as a user types it, from its start to its end. The table shows medians; a ratio is Gantry's part of the
peer's figure. A row that a missing peer would fill says so.
"""

import gzip
import os
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT + "/Tests/IntegrationTests/Fixtures")
import images  # noqa: E402

BINARIES = os.environ.get("BINARIES", ROOT + "/.build/release")
ROUNDS = int(os.environ.get("ROUNDS", "20"))
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}


def sh(*words, **more):
    return subprocess.run(words, check=True, text=True, capture_output=True, **more).stdout.strip()


def which(*names):
    return next((path for name in names if (path := shutil.which(name))), None)


def status(pid, key):
    with open(f"/proc/{pid}/status") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(key + ":")), 0)


def private_kilobytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


def processes(part):
    """The pids of processes whose program has `part` in its path, or in the name it was called by."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline") as file:
                    called = file.read().split("\0")[0]
                if part in os.readlink(f"/proc/{name}/exe") or part in called:
                    found.add(int(name))
            except OSError:
                pass
    return found


def await_true(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"bench: never: {what}")
        time.sleep(0.01)


class Engine:
    """What the rows need of an engine: a command prefix, an environment, and its processes."""

    name = version = ""
    prefix = []
    # What `run` needs to work at all on this machine.
    run_flags = []
    helpers = ""
    daemon_pids = ()

    def __init__(self, directory):
        self.directory = directory
        self.environment = dict(os.environ, DOCKER_CONFIG=directory + "/client")
        os.makedirs(directory + "/client")
        with open(directory + "/client/config.json", "w") as file:
            file.write("{}")

    def run(self, *words, check=True, **more):
        done = subprocess.run([*self.prefix, *words], env=self.environment,
                              **{**QUIET, "stderr": subprocess.PIPE, **more})
        if check and done.returncode != 0:
            sys.exit(f"bench: {self.name} {' '.join(words)}: {done.returncode}: {done.stderr}")
        return done

    def out(self, *words):
        return self.run(*words, stdout=subprocess.PIPE, text=True).stdout.strip()

    def timed(self, *words):
        start = time.perf_counter()
        self.run(*words)
        return (time.perf_counter() - start) * 1000

    def inside(self, *words):
        """Where this engine's network is: a prefix for commands that must be there."""
        return list(words)

    def close(self):
        pass


class Daemon(Engine):
    def start(self, words, subnet):
        self.socket = self.directory + "/s"
        self.environment["DOCKER_HOST"] = "unix://" + self.socket
        with open(self.directory + "/daemon.json", "w") as file:
            file.write('{"bip": "%s"}' % subnet)
        words = words + [
            "--data-root", self.directory + "/data", "--exec-root", self.directory + "/exec",
            "--pidfile", self.directory + "/pid", "-H", "unix://" + self.socket,
            "--config-file", self.directory + "/daemon.json",
        ]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=open(self.directory + "/log", "w"),
                                        stderr=subprocess.STDOUT, start_new_session=True)
        await_true(self.name + " answers", lambda: subprocess.run(
            ["curl", "-sf", "--unix-socket", self.socket, "http://d/_ping"], **QUIET).returncode == 0)
        self.pid = int(open(self.directory + "/pid").read())

    def close(self):
        for container in self.out("ps", "-aq").split():
            self.run("rm", "-f", container, check=False)
        os.kill(self.pid, signal.SIGTERM)
        self.process.wait(60)


class Gantry(Daemon):
    name = "gantry"
    helpers = "gantry-monitor"

    def __init__(self, directory):
        super().__init__(directory)
        self.prefix = [BINARIES + "/gantry"]
        self.start([BINARIES + "/gantryd"], "10.240.1.1/24")
        self.daemon_pids = [self.pid]
        self.version = "Gantry " + self.out("version", "--format", "{{.Server.Version}}")


class Docker(Daemon):
    name = "docker"
    helpers = "containerd-shim"

    def __init__(self, directory):
        super().__init__(directory)
        self.prefix = [which("docker") or ROOT + "/.tools/docker"]
        # unshare and sh replace themselves: the process is dockerd in the end.
        self.start(["unshare", "--mount", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", which("dockerd")],
                   "10.240.2.1/24")
        containerd = {pid for pid in processes("/containerd")
                      if self.directory in open(f"/proc/{pid}/cmdline").read() and "shim" not in os.readlink(f"/proc/{pid}/exe")}
        self.daemon_pids = [self.pid, *containerd]
        self.version = "Docker Engine " + self.out("version", "--format", "{{.Server.Version}} (client {{.Client.Version}})")

    def inside(self, *words):
        return ["nsenter", "-t", str(self.pid), "-n", *words]


class Podman(Engine):
    name = "podman"
    helpers = "conmon"
    # It raises limits, which a machine without CAP_SYS_RESOURCE refuses.
    run_flags = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]

    def __init__(self, directory):
        super().__init__(directory)
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up; exec sleep 100000"], **QUIET)
        await_true("a network namespace", lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net")
                   != os.readlink("/proc/self/ns/net"))
        self.prefix = self.inside(
            which("podman"), "--root", directory + "/data", "--runroot", directory + "/exec", "--cgroup-manager",
            "cgroupfs", "--events-backend", "file", "--tmpdir", directory + "/tmp", "--log-level", "error")
        # The first choice is crun, which does not work where both versions of cgroups are mounted.
        if os.path.exists("/sys/fs/cgroup/unified") and which("runc"):
            self.prefix += ["--runtime", which("runc")]
        self.version = sh("podman", "--version").replace("podman version", "Podman")

    def inside(self, *words):
        return ["nsenter", "-t", str(self.holder.pid), "-n", *words]

    def close(self):
        self.run("rm", "-fa", "-t", "0", check=False)
        self.run("rmi", "-fa", check=False)
        self.holder.kill()
        self.holder.wait()


# The rows: each takes an engine and gives one figure; a row is asked ROUNDS times or fewer.

def run_with(network):
    def row(engine):
        return engine.timed("run", *engine.run_flags, "--rm", "--network", network, "busybox", "true")
    return row


def exec_true(engine):
    return engine.timed("exec", engine.sleeper, "true")


def many_at_once(engine):
    start = time.perf_counter()
    children = [subprocess.Popen([*engine.prefix, "run", *engine.run_flags, "--rm", "busybox", "true"], env=engine.environment, **QUIET)
                for _ in range(32)]
    failed = sum(child.wait() != 0 for child in children)
    if failed:
        raise RuntimeError(f"{failed} of 32 failed")
    return (time.perf_counter() - start) * 1000


def daemon_memory(engine):
    """Idle means that nothing has been asked of it for a moment."""
    time.sleep(3)
    return sum(status(pid, "VmRSS") for pid in engine.daemon_pids) / 1024 if engine.daemon_pids else None


def container_memory(engine):
    before = processes(engine.helpers)
    ids = [engine.out("run", *engine.run_flags, "-d", "--network", "none", "busybox", "sleep", "100000") for _ in range(8)]
    time.sleep(1)
    new = processes(engine.helpers) - before
    figure = sum(private_kilobytes(pid) for pid in new) / 8
    engine.run("rm", "-f", *ids)
    return figure


def processor_seconds(engine):
    """Of the commands that have ended, of the daemons, and of what these have started and seen end."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = spent.ru_utime + spent.ru_stime
    for pid in engine.daemon_pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        total += sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def pull(engine):
    """Into a store that has nothing of it; also what it took of the processors, and of memory at most.

    Always another image: ext4 looks for a new inode long where many were deleted a moment ago.
    """
    image = f"{engine.images['big']}:{engine.pulls}"
    engine.pulls += 1
    # Forgets how much the daemons needed before (proc_pid_clear_refs(5)).
    for pid in engine.daemon_pids:
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")
    before, resting = processor_seconds(engine), sum(status(pid, "VmRSS") for pid in engine.daemon_pids)
    figure = engine.timed("pull", "-q", *engine.pull_flags, image)
    grown_by = (sum(status(pid, "VmHWM") for pid in engine.daemon_pids) - resting) / 1024 if engine.daemon_pids else None
    return {"pull": figure, "pull-cpu": processor_seconds(engine) - before, "pull-memory": grown_by}


def pull_small(engine):
    engine.run("rmi", "-f", engine.images["small"] + ":0", check=False)
    return engine.timed("pull", "-q", *engine.pull_flags, engine.images["small"] + ":0")


def load_small(engine):
    name, file = engine.images["small"] + ":0", engine.directory + "/small.tar"
    if not os.path.exists(file):
        engine.run("pull", "-q", *engine.pull_flags, name)
        engine.run("save", "-o", file, name)
    engine.run("rmi", "-f", name)
    return engine.timed("load", "-q", "-i", file)


class Crowd:
    """Gantry's data directory with many images, and one without, and the time a daemon takes to start on each."""

    def __init__(self, engine, count):
        self.directory = engine.directory + "/crowd"
        self.environment = {**engine.environment, "DOCKER_HOST": f"unix://{self.directory}/s"}
        os.makedirs(self.directory)
        with open(self.directory + "/daemon.json", "w") as file:
            file.write('{"bip": "10.240.9.1/24"}')
        self.start("many")
        for number in range(count):
            layer = images.Layer().add(f"f{number}", data=str(number).encode()).bytes()
            subprocess.run([BINARIES + "/gantry", "import", "-", f"crowd:{number}"], input=layer, check=True,
                           env=self.environment, stdout=subprocess.DEVNULL)
        self.stop()

    def start(self, data):
        words = [BINARIES + "/gantryd", "--data-root", f"{self.directory}/{data}", "--exec-root", self.directory + "/exec",
                 "--pidfile", self.directory + "/pid", "-H", f"unix://{self.directory}/s",
                 "--config-file", self.directory + "/daemon.json"]
        begin = time.perf_counter()
        self.process = subprocess.Popen(words, **QUIET)
        while True:
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    client.connect(self.directory + "/s")
                    client.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
                    if client.recv(100).startswith(b"HTTP/1.1 200"):
                        return (time.perf_counter() - begin) * 1000
                except OSError:
                    time.sleep(0.0005)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def crowd(engine):
    if not hasattr(engine, "crowd"):
        engine.crowd = Crowd(engine, 1000)
    return engine.crowd


def start_with(data):
    def row(engine):
        if engine.name != "gantry":
            return None
        figure = crowd(engine).start(data)
        engine.crowd.stop()
        return figure
    return row


def images_of_a_crowd(engine):
    if engine.name != "gantry":
        return None
    crowd(engine).start("many")
    # After its first answer the daemon has some things left to do.
    time.sleep(1.5)
    figures = []
    for _ in range(10):
        begin = time.perf_counter()
        subprocess.run([BINARIES + "/gantry", "images"], env=engine.crowd.environment, check=True, **QUIET)
        figures.append((time.perf_counter() - begin) * 1000)
    engine.crowd.stop()
    return statistics.median(figures)


GROW = """mkdir /data; for i in $(seq 40); do head -c 2000000 /dev/urandom >/data/big$i; done
for i in $(seq 2000); do head -c 5000 /dev/urandom >/data/small$i; done"""


def grown(engine):
    """A container that wrote 90 MB in 2,040 files, and an image of it."""
    if not hasattr(engine, "grown"):
        engine.grown = engine.out("run", *engine.run_flags, "-d", "--network", "none", "busybox", "sh", "-c", GROW)
        engine.run("wait", engine.grown)
        engine.run("commit", engine.grown, "grown:1")
    return engine.grown


def commit(engine):
    container = grown(engine)
    # It writes other bytes, so that no engine has the layer.
    engine.run("start", container)
    engine.run("wait", container)
    alone = engine.timed("commit", container, "grown:2")
    run = engine.timed("run", *engine.run_flags, "--rm", "--network", "none", "grown:2", "true")
    engine.run("rmi", "grown:2")
    return {"commit": alone, "commit-run": alone + run}


def save(engine):
    grown(engine)
    file = engine.directory + "/grown.tar"
    if os.path.exists(file):
        os.unlink(file)
    return engine.timed("save", "-o", file, "grown:1")


def load(engine):
    if not os.path.exists(engine.directory + "/grown.tar"):
        save(engine)
    engine.run("rmi", "-f", "grown:1")
    return engine.timed("load", "-q", "-i", engine.directory + "/grown.tar")


def push(engine):
    """Into an empty registry: nothing is there already, nothing can be mounted."""
    shutil.rmtree(engine.push_store, ignore_errors=True)
    if not engine.is_tagged:
        image = engine.images["big"] + ":0"
        engine.run("pull", "-q", *engine.pull_flags, image)
        engine.run("tag", image, engine.push_image)
        engine.is_tagged = True
    return engine.timed("push", "-q", *engine.pull_flags, engine.push_image)


ROWS = [
    ("idle-daemon", "idle daemon, resident", "MB", 1, daemon_memory),
    ("run-bridge", "run --rm busybox true, bridge", "ms", ROUNDS, run_with("bridge")),
    ("run-none", "run --rm busybox true, no network", "ms", ROUNDS, run_with("none")),
    ("run-host", "run --rm busybox true, host's network", "ms", ROUNDS, run_with("host")),
    ("exec", "exec true", "ms", ROUNDS, exec_true),
    ("32", "32 × run --rm busybox true at once", "ms", max(1, ROUNDS // 7), many_at_once),
    ("container", "memory per idle container, private", "kB", 1, container_memory),
    ("pull", "pull, 300 MB in 6 layers, registry here", "ms", max(1, ROUNDS // 4), pull),
    ("pull-cpu", "  processors", "s", 0, None),
    ("pull-memory", "  the daemons' memory above rest, at most", "MB", 0, None),
    ("pull-small", "pull, 100,000 small files in a layer", "ms", max(1, ROUNDS // 7), pull_small),
    ("load-small", "load of the same", "ms", max(1, ROUNDS // 7), load_small),
    ("commit", "commit of 90 MB in 2,040 files", "ms", max(1, ROUNDS // 4), commit),
    ("commit-run", "  and run of that image right after it", "ms", 0, None),
    ("save", "save of that image", "ms", max(1, ROUNDS // 4), save),
    ("load", "load of that image", "ms", max(1, ROUNDS // 4), load),
    ("push", "push of the same image, empty registry here", "ms", max(1, ROUNDS // 4), push),
    ("start", "start of the daemon", "ms", ROUNDS, start_with("none")),
    ("start-1000", "start with 1,000 images", "ms", ROUNDS, start_with("many")),
    ("images-1000", "images, of 1,000", "ms", max(1, ROUNDS // 7), images_of_a_crowd),
]


def big_layouts(path, count):
    """Images of six layers, each 2,000 files of words and of noise, most of them small: about 300 MB.

    They are the same but for a first file in each layer; gzip members and archives can stand one behind the other.
    """
    generator = random.Random(1)
    words = [generator.randbytes(6).hex() for _ in range(4000)]
    layers = []
    for number in range(6):
        layer = images.Layer().directory(f"l{number}")
        for directory in range(20):
            layer.directory(f"l{number}/d{directory}")
            for file in range(100):
                size = int(generator.paretovariate(1.2) * 2500)
                half = " ".join(generator.choices(words, k=min(size, 400000) // 26)).encode()
                layer.add(f"l{number}/d{directory}/f{file}", data=half + generator.randbytes(len(half) // 2))
        text = " ".join(generator.choices(words, k=100_000)).encode()
        layer.add(f"l{number}/large", data=(text + generator.randbytes(len(text) // 2)) * 17)
        layers.append(layer.bytes())
    packed = [gzip.compress(layer, 6) for layer in layers]
    for number in range(count):
        mark = tarfile.TarInfo("mark")
        mark.size = len(str(number))
        first = mark.tobuf() + str(number).encode().ljust(tarfile.BLOCKSIZE, b"\0")
        layout = images.Layout(f"{path}{number}")
        layout.finish([layout.image([first + layer for layer in layers], images.busybox_config(),
                                    packed=[gzip.compress(first) + layer for layer in packed])])


def small_layout(path, _count):
    """One layer of 100,000 files of some hundred bytes in 1,000 directories."""
    generator = random.Random(2)
    layer = images.Layer()
    for directory in range(1000):
        layer.directory(f"d{directory}")
        for file in range(100):
            layer.add(f"d{directory}/f{file}", data=generator.randbytes(generator.randrange(50, 150)).hex().encode())
    layout = images.Layout(path + "0")
    layout.finish([layout.image([layer.bytes()], images.busybox_config())])


LAYOUTS = {"big": big_layouts, "small": small_layout}
# Which rows need which image.
NEEDS = {"big": {"pull", "push"}, "small": {"pull-small", "load-small"}}


def registry(engine, directory, port, store="registry"):
    """A registry where the engine's network is, on files that all of them share unless `store` says otherwise."""
    with open(f"{directory}/{store}-{port}.yml", "w") as file:
        file.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                   f"storage: {{filesystem: {{rootdirectory: {directory}/{store}}}}}\n"
                   f"http: {{addr: '127.0.0.1:{port}'}}\n")
    process = subprocess.Popen(engine.inside("docker-registry", "serve", f"{directory}/{store}-{port}.yml"), **QUIET)
    await_true("the registry answers", lambda: subprocess.run(
        engine.inside("curl", "-sf", f"http://127.0.0.1:{port}/v2/"), **QUIET).returncode == 0)
    return process


def prepare(engine, directory, rows):
    engine.run("import", directory + "/busybox.tar", "busybox:latest")
    if "exec" in rows:
        engine.sleeper = engine.out("run", *engine.run_flags, "-d", "--network", "none", "busybox", "sleep", "100000")
    engine.pull_flags = ["--tls-verify=false"] if engine.name == "podman" else []


def fresh_disk(directory):
    """A file system of the bench's own: on an older one ext4 looks long for inodes while many were deleted a moment ago."""
    file = directory + ".ext4"
    with open(file, "wb") as image:
        image.truncate(40 << 30)
    sh("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", file)
    sh("mount", "-o", "loop,noinit_itable", file, directory)
    # Its blocks stay until the mount goes.
    os.unlink(file)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = int(open("/proc/meminfo").readline().split()[1]) // (1 << 20)
    return f"{os.cpu_count()} × {model}, {memory} GiB, Linux {os.uname().release}, " \
           f"load {os.getloadavg()[0]:.1f} at the start"


def table(results, engines):
    peers = ["docker", "podman"]
    print(f"\n{'':42}{'Gantry':>10}{'Docker':>10}{'Podman':>10}   Gantry : Docker, Podman")
    for key, title, unit, _, _ in ROWS:
        if key not in results:
            continue
        figures = {name: statistics.median(values) if values else None for name, values in results[key].items()}
        cells = []
        for name in ["gantry", *peers]:
            value = figures.get(name)
            cells.append(f"{value:10.1f}" if value is not None else f"{'-':>10}")
        ratios = []
        for name in peers:
            if name not in engines:
                ratios.append(f"{name} is not installed")
            elif figures.get(name) and figures.get("gantry"):
                ratios.append(f"1/{figures[name] / figures['gantry']:.1f}")
            else:
                ratios.append("-")
        print(f"{title + ', ' + unit:42}{''.join(cells)}   {', '.join(ratios)}")


def main():
    if os.geteuid() != 0:
        sys.exit("bench: run it as root")
    wanted = os.environ.get("ROWS", "").split(",") if os.environ.get("ROWS") else [row[0] for row in ROWS]
    # A mount namespace of its own, marked by a word of the command line.
    if sys.argv[1:] != ["alone"]:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, sys.argv[0], "alone"])
    directory = tempfile.mkdtemp(prefix="gantry-bench-")
    fresh_disk(directory)
    engines, registries = {}, []
    results = {key: {} for key, *_ in ROWS if key in wanted}
    try:
        with open(directory + "/busybox.tar", "wb") as file:
            file.write(images.busybox_layer())
        kinds = [Gantry] + ([Docker] if which("dockerd") else []) + ([Podman] if which("podman") else [])
        print(machine())
        for kind in kinds:
            engine = kind(os.path.join(directory, kind.name))
            engines[engine.name] = engine
            print("  " + engine.version)
            if "idle-daemon" in wanted:
                figure = daemon_memory(engine)
                results["idle-daemon"][engine.name] = [figure] if figure else []
            prepare(engine, directory, wanted)
        counts = {"big": 2 + next(row[3] for row in ROWS if row[0] == "pull") if "pull" in wanted else 1, "small": 1}
        needed = [name for name in LAYOUTS if NEEDS[name] & set(wanted)]
        for name in needed:
            LAYOUTS[name](f"{directory}/{name}", counts[name])
        for index, engine in enumerate(engines.values() if needed else []):
            port = 5800 + index
            registries.append(registry(engine, directory, port))
            for name, number in ((name, number) for name in needed if index == 0 for number in range(counts[name])):
                sh("skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false",
                   f"oci:{directory}/{name}{number}:latest", f"docker://127.0.0.1:{port}/{name}:{number}")
            engine.images = {name: f"127.0.0.1:{port}/{name}" for name in needed}
            engine.pulls = 0
            if "push" in wanted:
                engine.push_store = f"{directory}/pushed-{engine.name}"
                registries.append(registry(engine, directory, port + 50, f"pushed-{engine.name}"))
                engine.push_image = f"127.0.0.1:{port + 50}/big:latest"
                engine.is_tagged = False
        for key, title, _, rounds, row in ROWS:
            if key not in wanted or key == "idle-daemon" or row is None:
                continue
            print(f"  {title} ...", file=sys.stderr, flush=True)
            # One round that does not count: caches, the first container of a daemon.
            for round_number in range(rounds + (1 if rounds > 1 else 0)):
                for engine in engines.values():
                    figure = row(engine)
                    if round_number == 0 and rounds > 1:
                        continue
                    # Several figures of one measurement have rows of their own.
                    for part, value in (figure if isinstance(figure, dict) else {key: figure}).items():
                        if value is not None:
                            results.setdefault(part, {}).setdefault(engine.name, []).append(value)
        table(results, engines)
    finally:
        for process in registries:
            process.terminate()
        for engine in engines.values():
            engine.close()
        for line in open("/proc/self/mountinfo"):
            if directory in line:
                subprocess.run(["umount", "-l", line.split()[4]], **QUIET)
        os.rmdir(directory)


main()
