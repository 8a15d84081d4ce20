internal import Flags

/// The commands with their flags and help texts.
enum RuntimeCommand: String, CaseIterable {
    case checkpoint, create, delete, events, exec, features, kill, list, pause, ps, restore, resume, run, spec, start,
        state, update

    /// Whether the process or a child of it enters a container.
    var entersContainers: Bool {
        switch self {
        case .create, .run, .exec, .restore: return true
        case .checkpoint, .delete, .events, .features, .kill, .list, .pause, .ps, .resume, .spec, .start, .state,
            .update:
            return false
        }
    }

    var grammar: Grammar {
        let one = "\(rawValue) [options] CONTAINER"
        switch self {
        case .create:
            return grammar("create a container; its program waits for start", one, Self.creation)
        case .run:
            return grammar("create and start a container", one, Self.creation + Self.waiting)
        case .start: return grammar("run the program of a created container", one, [])
        case .exec:
            return grammar(
                "run another process in a container", "exec [options] CONTAINER COMMAND [ARGUMENT...]", Self.execution,
                1...1, endsAtFirstWord: true)
        case .kill:
            return grammar(
                "send a signal, SIGTERM unless told, to the first process of a container",
                "kill [options] CONTAINER [SIGNAL]",
                [.toggle("all", "a", help: "to every process in it")], 1...2)
        case .delete:
            return grammar(
                "remove what a container has left", one,
                [
                    .toggle("force", "f", help: "end it with SIGKILL when it still runs"),
                    .toggle("regex", "r", help: "CONTAINER is an extended regular expression: all that match"),
                ])
        case .state: return grammar("print the state of a container as JSON", one, [])
        case .list:
            return grammar(
                "print the containers of the state directory", "list [options]",
                [Self.format, .toggle("quiet", "q", help: "only their names")], 0...0)
        case .ps:
            return grammar(
                "print the processes of a container", "ps [options] CONTAINER [PS OPTION...]", [Self.format], 1...1,
                endsAtFirstWord: true)
        case .pause: return grammar("stop every process of a container", one, [])
        case .resume: return grammar("let a paused container run again", one, [])
        case .update: return grammar("change the limits of a container", one, Self.limits)
        case .events:
            return grammar(
                "print counters every few seconds, and when memory ran out", one,
                [
                    .valued("interval", help: "time between two prints (default: 5s)"),
                    .toggle("stats", help: "print the counters once"),
                ])
        case .spec:
            return grammar(
                "write an example config.json", "spec [options]",
                [
                    .valued("bundle", "b", help: "directory to write it to"),
                    .toggle("rootless", help: "for a user without privileges"),
                ], 0...0)
        case .features: return grammar("print what is supported as JSON", "features", [], 0...0)
        case .checkpoint:
            return grammar("write a running container to files, with criu", one, Self.images + Self.dumping)
        case .restore:
            return grammar(
                "start a container from such files", one,
                Self.images + Self.creation.dropLast(2) + Self.waiting
                    + Self.restoring)
        }
    }

    private func grammar(
        _ summary: String, _ usage: String, _ flags: [Flag], _ arguments: ClosedRange<Int> = 1...1,
        endsAtFirstWord: Bool = false
    ) -> Grammar {
        Grammar(
            name: rawValue, summary: summary, usage: usage,
            flags: flags + [.toggle("help", "h", help: "show this")], arguments: arguments,
            endsAtFirstWord: endsAtFirstWord)
    }

    private static var format: Flag { .valued("format", "f", help: "table or json (default: table)") }

    private static var terminal: [Flag] {
        [
            .valued("console-socket", help: "socket that gets the controlling side of the terminal"),
            .valued("pid-file", help: "file to write the process id to"),
        ]
    }

    private static var preserved: Flag {
        .valued("preserve-fds", help: "hand on so many descriptors behind 0, 1, 2 and those of LISTEN_FDS")
    }

    private static var creation: [Flag] {
        [
            .valued("bundle", "b", help: "directory with config.json (default: the current one)"),
            .valued("config", "f", help: "another file than config.json, beneath the bundle unless it is absolute"),
        ] + terminal + [
            .toggle("no-pivot", help: "move the root instead of pivot_root(2), for a machine whose root is a ramfs"),
            .toggle("no-new-keyring", help: "inherit the caller's session keyring"), preserved,
        ]
    }

    private static var waiting: [Flag] {
        [
            .toggle("detach", "d", help: "do not wait for the container's end"),
            .toggle("keep", help: "do not delete it when it has ended"),
            .toggle("no-subreaper", help: "do not adopt processes that lose their parent"),
        ]
    }

    private static var execution: [Flag] {
        terminal + [
            .valued("cwd", help: "working directory"),
            .valued("env", "e", help: "NAME=VALUE for its environment"),
            .toggle("tty", "t", help: "give it a terminal"),
            .valued("user", "u", help: "UID[:GID]"),
            .valued("additional-gids", "g", help: "further group ids"),
            .valued("process", "p", help: "file with the process as JSON"),
            .toggle("detach", "d", help: "do not wait for its end"),
            .valued("process-label", help: "SELinux label"),
            .valued("apparmor", help: "AppArmor profile"),
            .toggle("no-new-privs", help: "let it gain no privileges by executing programs"),
            .valued("cap", "c", help: "a capability more"), preserved,
            .valued("cgroup", help: "[CONTROLLER,...:]PATH of a cgroup in the container's"),
            .toggle("ignore-paused", help: "also in a paused container"),
            .toggle("no-subreaper", isShown: false),
        ]
    }

    private static var limits: [Flag] {
        [
            .valued(
                "resources", "r", help: "file with OCI resources as JSON, - is standard input; nothing else counts then"
            ),
            .valued("blkio-weight", help: "10 to 1000"),
            .valued("cpu-period", help: "microseconds"),
            .valued("cpu-quota", help: "microseconds of each period"),
            .valued("cpu-burst", isShown: false),
            .valued("cpu-share", help: "relative weight"),
            .valued("cpu-rt-period", help: "microseconds"),
            .valued("cpu-rt-runtime", help: "microseconds of each period"),
            .valued("cpu-idle", isShown: false),
            .valued("cpuset-cpus", help: "processors, as in 0-2,7"),
            .valued("cpuset-mems", help: "memory nodes"),
            .valued("kernel-memory", isShown: false),
            .valued("kernel-memory-tcp", isShown: false),
            .valued("memory", help: "bytes, or as in 100M; -1 is unlimited"),
            .valued("memory-reservation", help: "bytes that are not taken under pressure"),
            .valued("memory-swap", help: "bytes of memory and swap; -1 is unlimited"),
            .valued("pids-limit", help: "processes and threads"),
            .valued("l3-cache-schema", help: "refused: Intel RDT is not supported"),
            .valued("mem-bw-schema", help: "refused: Intel RDT is not supported"),
        ]
    }

    private static var images: [Flag] {
        [
            .valued("image-path", help: "directory of criu's images (default: checkpoint)"),
            .valued("work-path", help: "directory of criu's logs"),
            .toggle("tcp-established", help: "allow open TCP connections"),
            .toggle("ext-unix-sk", help: "allow sockets to processes outside"),
            .toggle("shell-job", help: "allow a terminal of somebody else"),
            .toggle("lazy-pages", help: "bring memory over when it is used"),
            .toggle("file-locks", help: "allow file locks"),
            .valued("manage-cgroups-mode", help: "soft (default), full or strict, and what else criu has"),
            .valued("empty-ns", help: "network: make the namespace, leave it empty"),
            .toggle("auto-dedup", help: "punch holes in the images for pages that came later"),
        ]
    }

    private static var dumping: [Flag] {
        [
            .valued("parent-path", help: "images of an earlier --pre-dump, relative to the image path"),
            .toggle("leave-running", help: "let the container run on"),
            .valued("status-fd", help: "descriptor that criu tells when lazy pages are ready"),
            .valued("page-server", help: "ADDRESS:PORT to send memory to"),
            .toggle("pre-dump", help: "only the memory, and let the container run on"),
        ]
    }

    private static var restoring: [Flag] {
        [
            .valued("lsm-profile", help: "TYPE:NAME of a security profile"),
            .valued("lsm-mount-context", help: "context for SELinux mounts"),
        ]
    }
}
