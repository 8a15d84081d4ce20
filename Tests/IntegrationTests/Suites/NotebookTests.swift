import Foundation
import Testing

extension Integration {
    /// What people have written down over ten years, typed as it stands, with busybox for ubuntu.
    @Suite(.daemon) struct Notebook {
        /// A line of the notebook as a shell runs it ($D is the command), and what it prints; NAME is the container's.
        static let flows: [(typed: String, prints: String)] = [
            ("$D run --rm busybox /bin/echo 'Hello world'", "Hello world"),
            (
                "$D run -d --name NAME busybox /bin/sh -c 'while true; do echo hello world; sleep 1; done' >/dev/null; sleep 1.5; "
                    + "$D logs --tail 1 NAME; $D logs NAME | head -n 1; timeout 3 $D logs -f NAME | head -n 2; $D logs -ft --tail 1 NAME & sleep 1; "
                    + "$D kill NAME; wait; $D rm NAME", "hello world\nhello world\nhello world\nhello world\n*"
            ),
            (
                "$D run -d --name NAME busybox sleep 1000 >/dev/null; $D exec -d NAME touch /etc/new_config_file; sleep 0.5; "
                    + "$D exec NAME ls /etc/new_config_file; $D exec -u root NAME whoami; $D exec -w /tmp NAME pwd; "
                    + "$D exec NAME env | grep -c PATH; $D stop -t 0 NAME; $D start NAME; $D kill NAME; $D rm NAME",
                "/etc/new_config_file\nroot\n/tmp\n1\nNAME\nNAME\nNAME\nNAME"
            ),
            (
                "$D run -d --name NAME busybox sleep 1000 >/dev/null; $D rm NAME 2>/dev/null || echo refused; "
                    + "$D inspect --format='{{ .State.Running }}' NAME; $D inspect -f '{{.Name}}' NAME; "
                    + "$D inspect -f \"{{ .Name }}\" $($D inspect -f '{{.Id}}' NAME); $D rm -f NAME",
                "refused\ntrue\n/NAME\n/NAME\nNAME"
            ),
            (
                "$D run -d --name NAME busybox sleep 1000 >/dev/null; PID=$($D inspect --format '{{ .State.Pid }}' NAME); "
                    + "nsenter --target $PID --mount --uts --ipc --net --pid -- ps | grep -c 'sleep 1000'; "
                    + "nsenter --target $PID --net -- ip -br addr show lo | cut -c1-2; $D rm -f NAME", "*lo\nNAME"
            ),
            (
                "$D create --name NAME busybox true >/dev/null; $D start NAME; $D wait NAME; $D rm -v NAME",
                "NAME\n0\nNAME"
            ),
            ("$D run --rm -e \"WEB_PORT=8080\" busybox env | grep WEB", "WEB_PORT=8080"),
            ("$D run --rm -w /var/log busybox pwd", "/var/log"),
            ("$D run --rm --user alice busybox whoami", "alice"),
            (
                "$D run -d --name NAME -p 127.0.0.1::80 busybox sleep 1000 >/dev/null; "
                    + "[ $($D port NAME 80) = $($D port NAME | sed 's/.* -> //') ] && echo same; $D rm -f NAME",
                "same\nNAME"
            ),
            (
                "$D run --name NAME busybox true; $D ps -a -q -f status=exited -f name=NAME | wc -l; "
                    + "$D rm $($D ps -a -q -f name=NAME) >/dev/null; $D ps -a -q -f name=NAME", "1"
            ),
            (
                "cat $TAR | $D import - NAME:12.04 | cut -c1-7; $D images NAME | wc -l; $D run --rm NAME:12.04 echo ok; "
                    + "$D tag $($D images -q NAME:12.04) ouruser/NAME:devel; $D rmi NAME:12.04; $D rmi ouruser/NAME:devel | head -n 1",
                "sha256:\n2\nok\nUntagged: NAME:12.04\nUntagged: ouruser/NAME:devel"
            ),
            (
                "gzip -c <$TAR | $D import - NAME:gz >/dev/null; $D run --rm NAME:gz echo ok; $D rmi NAME:gz | head -n 1",
                "ok\nUntagged: NAME:gz"
            ),
            ("$D info >/dev/null && $D --version | grep -c version", "1"),
            (
                "pid=$($D run -itd --name NAME --net=none busybox sh >/dev/null; $D inspect -f '{{.State.Pid}}' NAME); mkdir -p /var/run/netns; "
                    + "ln -s /proc/$pid/ns/net /var/run/netns/NAME; ip netns exec NAME ip link set lo down && $D exec NAME ip -o link show lo | "
                    + "grep -c UP; rm /var/run/netns/NAME; $D rm -f NAME", "0\nNAME"
            ),
        ]

        @Test(arguments: Client.all, flows.indices)
        func worksAsWritten(client: Client, index: Int) throws {
            let flow = Notebook.flows[index]
            let name = "note-\(client)-\(index)"
            var environment = try daemon.environment
            environment["D"] = client.program
            environment["TAR"] = BusyboxImage.tar
            let typed = flow.typed.replacingOccurrences(of: "NAME", with: name)
            let expected = flow.prints.replacingOccurrences(of: "NAME", with: name)
            let result = try command(["sh", "-c", typed], environment: environment)
            // A star stands for what differs from run to run.
            if let star = expected.firstIndex(of: "*") {
                #expect(result.trimmed.hasPrefix(expected[..<star]), "\(result)")
                #expect(result.trimmed.hasSuffix(expected[expected.index(after: star)...]), "\(result)")
            } else {
                #expect(result.trimmed == expected, "\(result)")
            }
        }

        @Test(arguments: Client.all)
        func exitAndControlDStopAShell(client: Client) throws {
            let name = "bob-\(client)"
            let shell = try daemon.start(
                client, ["run", "--name", name, "-i", "-t", "busybox", "/bin/sh"], terminal: true)
            try shell.expect("# ")
            try shell.closeInput()
            #expect(try shell.wait().status == 0)
            #expect(try daemon.ok(client, "inspect", "-f", "{{.State.Running}}", name) == "false")
            #expect(try daemon.ok(client, "start", name) == name)
            let attached = try daemon.start(client, ["attach", name], terminal: true)
            usleep(300_000)
            try attached.send("exit 2\n")
            #expect(try attached.wait().status == 2)
            let again = try daemon.start(client, ["start", "-ai", name], terminal: true)
            usleep(500_000)
            try again.send("exit 3\n")
            #expect(try again.wait().status == 3)
            try daemon.ok(client, "rm", name)
        }

        @Test func theLastContainer() throws {
            for client in Client.all {
                let id = try daemon.ok(client, "run", "-d", "busybox", "true")
                try daemon.ok(client, "wait", id)
                // Other tests of the suite start containers too; the last one is at least not older.
                #expect(try daemon.run(client, "ps", "-l", "-q").lines.count == 1)
                #expect(try daemon.run(client, "ps", "-l").lines.count == 2)
                #expect(try daemon.run(client, "ps", "-n", "2").lines.count <= 3)
                try daemon.ok(client, "rm", id)
            }
        }
    }
}
