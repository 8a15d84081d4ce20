import Foundation
import Testing

extension Integration {
    /// Each of Docker's keys of `daemon.json` is honoured, or refused when it protects something, or named in the log.
    @Suite(.enabled(if: Programs.isGantry, "Docker's daemon has its own")) struct DaemonSettings {
        private static let honoured: [String: String] = [
            "bip": #""10.99.77.1/24""#, "bridge": #""""#, "data-root": #""/tmp/x""#, "debug": "true",
            "default-cgroupns-mode": #""host""#, "default-gateway": #""10.99.77.2""#,
            "default-ipc-mode": #""shareable""#,
            "default-shm-size": #""128m""#,
            "default-ulimits": #"{"nofile": {"Name": "nofile", "Hard": 64, "Soft": 32}}"#,
            "dns": #"["10.0.0.1"]"#, "dns-opts": #"["ndots:1"]"#, "dns-search": #"["example"]"#,
            "exec-root": #""/tmp/y""#,
            "fixed-cidr": #""10.99.77.0/25""#, "group": #""root""#, "hosts": #"["unix:///tmp/z.sock"]"#, "icc": "false",
            "insecure-registries": #"["a:5000"]"#, "ip": #""127.0.0.1""#, "ip-forward": "false", "ip-masq": "false",
            "iptables": "false", "labels": #"["a=b"]"#, "live-restore": "true", "log-driver": #""none""#,
            "log-level": #""warn""#, "max-concurrent-downloads": "1", "max-concurrent-uploads": "1",
            "max-download-attempts": "1", "mtu": "1400", "no-new-privileges": "true", "no-proxy": #""a""#,
            "http-proxy": #""http://a:1""#, "https-proxy": #""http://a:1""#, "pidfile": #""/tmp/p""#,
            "proxies": #"{"no-proxy": "a"}"#, "registry-mirrors": #"["https://a"]"#,
            "seccomp-profile": #""unconfined""#,
            "shutdown-timeout": "1", "storage-driver": #""vfs""#,
        ]

        private static let ignored: [String: String] = [
            "allow-direct-routing": "true", "allow-nondistributable-artifacts": #"["a"]"#, "bip6": #""fd00::1/64""#,
            "bridge-accept-fwmark": #""1""#, "builder": #"{"gc": {"enabled": true}}"#, "cdi-spec-dirs": #"["/a"]"#,
            "containerd": #""/a""#, "containerd-namespace": #""a""#, "containerd-plugins-namespace": #""a""#,
            "cpu-rt-period": "1", "cpu-rt-runtime": "1", "cri-containerd": "true",
            "default-address-pools": #"[{"base": "10.0.0.0/8", "size": 24}]"#, "default-gateway-v6": #""fd00::1""#,
            "default-stop-timeout": "5", "deprecated-key-path": #""a""#,
            "exec-opts": #"["native.cgroupdriver=cgroupfs"]"#, "experimental": "true",
            "features": #"{"buildkit": true}"#,
            "firewall-backend": #""nftables""#, "fixed-cidr-v6": #""fd00::/64""#, "host-gateway-ip": #""10.0.0.1""#,
            "host-gateway-ips": #"["10.0.0.1"]"#, "init": "true", "init-path": #""/a""#, "ip-forward-no-drop": "true",
            "ip6tables": "true", "ipv6": "true", "log-format": #""json""#, "log-opts": #"{"max-size": "1m"}"#,
            "metrics-addr": #""127.0.0.1:1""#, "min-api-version": #""1.30""#, "network-control-plane-mtu": "1400",
            "network-diagnostic-port": "1", "node-generic-resources": #"["a=1"]"#, "raw-logs": "true",
            "runtimes": #"{"a": {"path": "/a"}}"#, "swarm-default-advertise-addr": #""10.0.0.1""#,
            "userland-proxy": "true",
            "userland-proxy-path": #""/a""#,
        ]

        /// A value that asks for protection, and one that asks for nothing.
        private static let refused: [String: (String, String)] = [
            "authorization-plugins": (#"["a"]"#, "[]"), "cgroup-parent": (#""/a""#, #""""#),
            "default-network-opts": (
                #"{"bridge": {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}}"#, "{}"
            ),
            "default-runtime": (#""runsc""#, #""gantry-runtime""#),
            "nri-opts": (#"{"enable": true}"#, #"{"enable": false}"#),
            "rootless": ("true", "false"), "selinux-enabled": ("true", "false"),
            "storage-opts": (#"["overlay2.size=1G"]"#, #"["overlay2.override_kernel_check=true"]"#),
            "tls": ("true", "false"),
            "tlscacert": (#""/a""#, #""""#), "tlscert": (#""/a""#, #""""#), "tlskey": (#""/a""#, #""""#),
            "tlsverify": ("true", "false"), "userns-remap": (#""default""#, #""""#),
        ]

        private static func keys() throws -> [(flag: String, key: String, type: String)] {
            try Programs.text(Programs.fixtures + "/daemon_keys.txt").split(separator: "\n").filter {
                !$0.hasPrefix("#")
            }.map {
                let words = $0.split(separator: " ").map(String.init)
                return (words[0], words[1], words[2])
            }
        }

        private func validate(_ document: String, _ flags: [String] = []) throws -> Output {
            let scratch = try Scratch("settings")
            let file = try scratch.write(document, to: "daemon.json")
            return try command([Programs.binaries + "/gantryd", "--validate", "--config-file", file] + flags)
        }

        @Test func everyKeyHasARow() throws {
            let rows = Array(Self.honoured.keys) + Array(Self.ignored.keys) + Array(Self.refused.keys)
            let known = Set(try Self.keys().map(\.key).filter { $0 != "-" })
            #expect(known.subtracting(rows) == [], "keys without a row")
            #expect(Set(rows).subtracting(known) == [], "rows without a key")
            #expect(Set(rows).count == rows.count, "keys in two lists")
        }

        /// The words and the status are dockerd's, but for the name.
        @Test func readsFlagsAsDockerdDoes() throws {
            let program = Programs.binaries + "/gantryd"
            for (words, message) in [
                (["--nosuch"], "unknown flag: --nosuch"), (["-x"], "unknown shorthand flag: 'x' in -x"),
                (["--mtu"], "flag needs an argument: --mtu"), (["image"], "\"gantryd\" accepts no arguments."),
                (
                    ["--mtu", "x"],
                    "invalid argument \"x\" for \"--mtu\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"
                ),
            ] {
                let result = try command([program] + words)
                #expect(result.status == 1, "\(words): \(result)")
                #expect(result.err == "gantryd: \(message)\nSee 'gantryd --help'.\n")
            }
            let help = try command([program, "--help"])
            #expect(help.status == 0 && help.out.contains("\n  -H, --host list "), "\(help)")
            for flag in ["--icc=false", "--icc=0", "--debug=false", "-D", "-Dl=warn", "--dns=1.1.1.1", "--mtu=1400"] {
                let result = try validate("{}", [flag])
                #expect(result.status == 0 && result.out.contains("configuration OK"), "\(flag): \(result)")
            }
            let both = try validate(#"{"icc": true}"#, ["--icc=false"])
            #expect(both.status == 1 && both.err.contains("icc: (from flag: false, from file: true)"), "\(both)")
        }

        @Test func acceptsWhatItHonoursAndWhatItIgnores() throws {
            for (key, value) in Self.honoured.merging(Self.ignored, uniquingKeysWith: { $1 }) {
                let result = try validate(#"{"\#(key)": \#(value)}"#)
                #expect(result.status == 0, "\(key): \(result)")
            }
        }

        @Test func refusesProtectionThatItCannotGive() throws {
            for (key, (asking, silent)) in Self.refused {
                let result = try validate(#"{"\#(key)": \#(asking)}"#)
                #expect(result.status == 1 && result.err.contains("the setting \(key) ("), "\(key): \(result)")
                let without = try validate(#"{"\#(key)": \#(silent)}"#)
                #expect(without.status == 0, "\(key): \(without)")
            }
            for (document, word) in [
                (#"{"seccomp-profile": "/no/such/file"}"#, "opening seccomp profile (/no/such/file) failed"),
                (#"{"default-cgroupns-mode": "both"}"#, "default cgroup namespace mode (both) is invalid"),
                (#"{"default-ipc-mode": "host"}"#, "default IPC mode setting (host) is invalid"),
                (#"{"default-ulimits": {"nosuch": {"Hard": 1, "Soft": 1}}}"#, "invalid ulimit type: nosuch"),
                (#"{"default-ulimits": {"nofile": 5}}"#, "default-ulimits"),
                (#"{"no-new-privileges": "yes"}"#, "no-new-privileges"), (#"{"userns_remap": "a"}"#, "userns_remap"),
                (#"{"Userns-Remap": "a"}"#, "following directives don't match any configuration option: Userns-Remap"),
            ] {
                let result = try validate(document)
                #expect(result.status == 1 && result.err.contains(word), "\(document): \(result)")
            }
            let scratch = try Scratch("broken")
            let broken = try scratch.write("{}", to: "profile.json")
            let result = try validate(#"{"seccomp-profile": "\#(broken)"}"#)
            #expect(result.status == 1 && result.err.contains("seccomp profile"), "\(result)")
        }

        /// Docker's flags that are not there are refused by their names.
        @Test func everyFlagIsKnownOrRefused() throws {
            for (flag, key, type) in try Self.keys()
            where flag != "-" && !["help", "version", "validate", "config-file"].contains(flag) {
                let value = Self.refused[key]?.0 ?? Self.honoured[key] ?? Self.ignored[key] ?? "true"
                let text = value.split { "[]\"{}".contains($0) }.first.map(String.init) ?? "1"
                let result = try validate("{}", [type == "bool" ? "--\(flag)" : "--\(flag)=\(text)"])
                #expect(result.status == 0 || result.err.contains("--\(flag)"), "\(flag): \(result)")
                if Self.refused[key] != nil || Self.ignored[key] != nil {
                    #expect(result.status != 0 && result.err.contains("--\(flag)"), "\(flag): \(result)")
                }
            }
        }

        @Test func namesInItsLogWhatItDoesNotUse() throws {
            try Daemon.with(settings: Self.ignored) { daemon in
                let log = try Programs.text(daemon.log)
                for key in Self.ignored.keys {
                    #expect(log.contains("the setting \(key) is not used by this release"), "\(key)")
                }
            }
        }

        @Test func containersGetWhatItSays() throws {
            let scratch = try Scratch("defaults")
            let profile = try scratch.write(SecurityOptions.profile, to: "profile.json")
            let settings = [
                "seccomp-profile": "\"\(profile)\"", "no-new-privileges": "true", "default-cgroupns-mode": #""host""#,
                "default-ipc-mode": #""shareable""#,
                "default-ulimits":
                    #"{"nofile": {"Name": "nofile", "Hard": 64, "Soft": 32}, "core": {"Hard": 0, "Soft": 0}}"#,
            ]
            try Daemon.with(settings: settings) { daemon in
                func inside(_ flags: [String], _ script: String) throws -> String {
                    try daemon.run(.docker, ["run", "--rm"] + flags + ["busybox", "sh", "-c", "exec 2>&1; " + script])
                        .out
                }
                let chmod = "chmod 700 /tmp || true"
                #expect(try inside([], chmod).contains("Operation not supported"))
                #expect(try inside(["--security-opt", "seccomp=builtin"], chmod) == "")
                #expect(try inside(["--security-opt", "seccomp=unconfined"], chmod) == "")
                #expect(try inside(["--privileged"], chmod) == "")
                let privileges = "grep NoNewPrivs: /proc/self/status | cut -f2"
                #expect(try inside([], privileges) == "1\n")
                #expect(try inside(["--security-opt", "no-new-privileges=false"], privileges) == "0\n")
                #expect(try inside([], "ulimit -Sn; ulimit -Hn; ulimit -c") == "32\n64\n0\n")
                #expect(try inside(["--ulimit", "nofile=16:16"], "ulimit -Hn; ulimit -c") == "16\n0\n")
                let id = try daemon.ok(.docker, "create", "busybox", "true")
                #expect(
                    try daemon.ok(.docker, "inspect", "-f", "{{.HostConfig.IpcMode}} {{.HostConfig.CgroupnsMode}}", id)
                        == "shareable host")
                try daemon.ok(.docker, "rm", id)
                let security = try daemon.ok(.docker, "info", "-f", "{{json .SecurityOptions}}")
                #expect(
                    security.contains("name=seccomp,profile=\(profile)") && security.contains("name=no-new-privileges"))
            }
        }
    }
}
