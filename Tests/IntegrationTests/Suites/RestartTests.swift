import Foundation
import Glibc
import Testing

extension Integration {
    /// Restart policies, and what a daemon that dies in between leaves of them.
    @Suite(.daemon) struct Restarts {
        private func state(_ daemon: Daemon, _ name: String, _ format: String) throws -> String {
            try daemon.ok(Client.first, "inspect", "-f", format, name)
        }

        @Test(arguments: Client.all) func onFailureCountsAndGivesUp(client: Client) throws {
            try Daemon.with { daemon in
                let id = try daemon.ok(
                    client, "run", "-d", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo run; exit 4")
                try eventually("given up") {
                    try state(daemon, id, "{{.State.Status}} {{.RestartCount}}") == "exited 2"
                }
                #expect(
                    try daemon.ok(client, "inspect", "-f", "{{.State.ExitCode}} {{.State.Running}}", id) == "4 false")
                #expect(try daemon.run(client, "logs", id).out == "run\nrun\nrun\n")
                // A client's start counts anew.
                try daemon.ok(client, "start", id)
                try eventually("given up again") { try daemon.run(client, "logs", id).out.count == 6 * 4 }
                try daemon.ok(client, "rm", "-f", id)
            }
        }

        @Test(arguments: Client.all) func pauseBetweenTwoRunsIsDockers(client: Client) throws {
            try Daemon.with { daemon in
                let id = try daemon.ok(client, "run", "-d", "--restart", "always", "busybox", "false")
                let format =
                    "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.Pid}} {{.State.ExitCode}}"
                // By now the pauses are long enough to look at.
                try eventually("four runs") { Int(try state(daemon, id, "{{.RestartCount}}")) ?? 0 >= 4 }
                try eventually("between two runs") {
                    try daemon.ok(client, "inspect", "-f", format, id) == "restarting true true 0 1"
                }
                #expect(
                    try daemon.ok(client, "ps", "--format", "{{.State}} {{.Status}}").hasPrefix(
                        "restarting Restarting (1)"))
                let exec = try daemon.run(client, "exec", id, "true")
                #expect(
                    exec.status == 1 && exec.err.contains("is restarting, wait until the container is running"),
                    "\(exec)")
                let removal = try daemon.run(client, "rm", id)
                #expect(
                    removal.status == 1 && removal.err.contains("stop the container before removing"), "\(removal)")
                try daemon.ok(client, "stop", id)
                #expect(try daemon.ok(client, "inspect", "-f", format, id) == "exited false false 0 1")
                let count = try state(daemon, id, "{{.RestartCount}}")
                usleep(1_000_000)
                #expect(try state(daemon, id, "{{.State.Status}} {{.RestartCount}}") == "exited \(count)")
                try daemon.ok(client, "rm", id)
            }
        }

        @Test(arguments: Client.all) func stopAndKillPreventIt(client: Client) throws {
            try Daemon.with { daemon in
                for command in [["stop", "-t", "0"], ["kill"], ["kill", "-s", "TERM"]] {
                    let id = try daemon.ok(
                        client, "run", "-d", "--restart", "always", "busybox", "sh", "-c",
                        "trap 'exit 3' TERM; sleep 100 & wait")
                    usleep(200_000)
                    try daemon.ok(client, command + [id])
                    try eventually("\(command) ends it") { try state(daemon, id, "{{.State.Status}}") == "exited" }
                    usleep(300_000)
                    #expect(try state(daemon, id, "{{.State.Status}} {{.RestartCount}}") == "exited 0", "\(command)")
                    try daemon.ok(client, "rm", id)
                }
            }
        }

        /// A killed daemon, all processes gone with it as after a reboot: the next one starts what Docker would.
        @Test func nextDaemonStartsWhatDockerWould() throws {
            let daemon = try Daemon()
            defer { try? daemon.finish() }
            let client = Client.first
            func run(_ name: String, _ policy: String) throws {
                try daemon.ok(client, "run", "-d", "--name", name, "--restart", policy, "busybox", "sleep", "1000")
            }
            for policy in ["always", "unless-stopped", "no"] {
                try run("runs-\(policy)", policy)
                try run("stopped-\(policy)", policy)
                try daemon.ok(client, "stop", "-t", "0", "stopped-\(policy)")
            }
            try daemon.ok(client, "create", "--name", "never", "--restart", "always", "busybox", "sleep", "1000")
            try daemon.ok(client, "run", "-d", "--rm", "--name", "fleeting", "busybox", "sleep", "1000")
            let pids = try daemon.ok(
                client, "inspect", "-f", "{{.State.Pid}}", "runs-always", "runs-unless-stopped", "runs-no", "fleeting"
            ).split(separator: "\n").compactMap { pid_t($0) }
            try daemon.kill9()
            for pid in pids { kill(pid, SIGKILL) }
            try eventually("all ended") { !pids.contains { kill($0, 0) == 0 } }
            try daemon.start()
            func states() throws -> [String] {
                try daemon.ok(client, "ps", "-a", "--format", "{{.Names}} {{.State}}").split(separator: "\n").map(
                    String.init
                ).sorted()
            }
            let expected = [
                "never created", "runs-always running", "runs-no exited", "runs-unless-stopped running",
                "stopped-always running", "stopped-no exited", "stopped-unless-stopped exited",
            ]
            try eventually("\(try states())") { try states() == expected }
        }

        /// Killed at any moment of a restart, it is still a container that removes itself.
        @Test func restartKeepsAutoRemoval() throws {
            let daemon = try Daemon()
            defer { try? daemon.finish() }
            let client = Client.first
            let id = try daemon.ok(
                client, "run", "-d", "--rm", "busybox", "sh", "-c", "trap 'sleep 1; exit 3' TERM; sleep 1000 & wait")
            usleep(200_000)
            let restart = try daemon.start(client, ["restart", id])
            usleep(200_000)
            // Anything that writes the record while the restart is under way.
            try daemon.ok(client, "rename", id, "other")
            try daemon.kill9()
            _ = try restart.wait()
            try daemon.start()
            try eventually("it is gone, as --rm wants it") { try daemon.run(client, "inspect", "other").status == 1 }
        }
    }
}
