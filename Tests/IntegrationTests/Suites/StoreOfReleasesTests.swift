import Foundation
import Testing

extension Integration {
    /// Each release opens what each earlier release wrote. `Fixtures/store-*.tar.gz` are the data roots that releases left when they were
    /// stopped: three names of two images, a container that has ended, and one that was never started.
    @Suite struct StoreOfReleases {
        @Test(arguments: ["2026-11"]) func opensWhatEarlierReleasesWrote(release: String) throws {
            let scratch = try Scratch("store")
            let data = scratch.path + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            try succeed(["tar", "-xzf", "\(Programs.fixtures)/store-\(release).tar.gz", "-C", data])
            try Daemon.with(dataRoot: data) { daemon in
                let client = Client.first
                #expect(
                    try daemon.ok(client, "ps", "-a", "--format", "{{.Names}} {{.Image}} {{.State}} {{.Labels}}")
                        .split(separator: "\n").sorted() == [
                            "ended tiny exited kind=ended", "web tiny:kept created kind=web",
                        ])
                let images = try daemon.ok(
                    client, "images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"
                ).split(separator: "\n").filter { !$0.hasPrefix("busybox") }.sorted()
                let tiny = "sha256:fc9a7fdf3daab5d18e78f39fe7bac05e1fabf04ea7f7405830b5172368dab8f2"
                #expect(images.map { $0.split(separator: " ")[0] } == ["other:v1", "tiny:kept", "tiny:latest"])
                #expect(images.filter { $0.hasSuffix(tiny) }.count == 2, "\(images)")
                #expect(
                    try daemon.ok(client, "inspect", "-f", "{{.Config.Env}} {{.Config.Cmd}} {{.Size}}", "other:v1")
                        == "[A=b] [/bin/hi] 621")
                #expect(
                    try daemon.ok(
                        client, "inspect", "-f",
                        "{{.State.ExitCode}} {{.State.StartedAt}} {{.RestartCount}} {{.Path}} {{.Config.Env}}", "ended"
                    )
                    .hasPrefix("3 2026-11-30T16:12:17."))
                let format =
                    "{{.HostConfig.PortBindings}} {{.HostConfig.RestartPolicy}} {{.HostConfig.Memory}} "
                    + "{{.HostConfig.ReadonlyRootfs}} {{.Config.Hostname}} {{.Args}} {{.Config.Env}}"
                let web = try daemon.ok(client, "inspect", "-f", format, "web")
                #expect(
                    web
                        == "map[80/tcp:[map[HostIp: HostPort:18080]]] map[MaximumRetryCount:3 Name:on-failure] 67108864 true inside "
                        + "[arg] [C=d A=b]")
                #expect(try daemon.run(client, "logs", "ended").out == "hi\n")
                #if arch(x86_64)
                    #expect(try daemon.run(client, "start", "-a", "ended").status == 3)
                    #expect(try daemon.run(client, "logs", "ended").out == "hi\nhi\n")
                #endif
                // What is written now joins what was.
                try daemon.ok(client, "tag", "tiny:kept", "new:v2")
                try daemon.ok(client, "rename", "web", "renamed")
                try daemon.kill9()
                try daemon.start()
                #expect(try daemon.ok(client, "ps", "-aq", "-f", "name=renamed").count == 12)
                #expect(try daemon.ok(client, "images", "-q", "new:v2").count == 12)
            }
        }
    }
}
