import Foundation
import Testing

extension Integration {
    /// `kill -9` on the daemon in the middle of pulls and pushes: the store stays whole, the same again succeeds, nothing
    /// is left over.
    @Suite struct TransferDeath {
        /// Four layers of noise: enough to be in the middle of.
        private func noise(_ scratch: borrowing Scratch, to name: String) throws {
            let script = """
                import os, sys
                sys.path.insert(0, sys.argv[1])
                import images
                layout = images.Layout(sys.argv[2])
                layers = [images.Layer().add(f"noise{n}", data=os.urandom(6 << 20)).bytes() for n in range(4)]
                layout.finish([layout.image(layers, images.busybox_config())])
                """
            let layout = scratch.path + "/layout"
            try succeed(["python3", "-c", script, Programs.fixtures, layout])
            try succeed([
                "skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "oci:\(layout):latest",
                "docker://" + name,
            ])
        }

        /// Runs a command and kills the daemon some milliseconds later.
        private func interrupt(
            _ daemon: Daemon, _ arguments: [String], after microseconds: UInt32
        ) throws {
            let child = try daemon.start(.gantry, arguments)
            usleep(microseconds)
            try daemon.kill9()
            _ = try child.wait()
            try daemon.start()
        }

        @Test func aPullSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("noise")
            let image = try Registry.get().name("noise/pull:1")
            try noise(scratch, to: image)
            let daemon = try Daemon()
            defer { try? daemon.finish() }
            let before = try daemon.settledStore()
            try daemon.ok(.gantry, "pull", "-q", image)
            let whole = try daemon.settledStore()
            for round in 0..<12 {
                try daemon.ok(.gantry, "rmi", image)
                try daemon.expectStore(before, "seed \(seed), round \(round)")
                for _ in 0..<2 {
                    let moment = UInt32.random(in: 0..<250_000, using: &random)
                    try interrupt(daemon, ["pull", "-q", image], after: moment)
                }
                let pulled = try daemon.run(.gantry, "pull", "-q", image)
                #expect(pulled.trimmed == image, "seed \(seed), round \(round): \(pulled)")
                try daemon.expectStore(whole, "seed \(seed), round \(round)")
            }
            let check = try command(["skopeo", "inspect", "oci:\(daemon.root)/data/images:\(image)"])
            #expect(check.status == 0, "\(check)")
        }

        @Test func aPushSurvives() throws {
            let seed = UInt64.random(in: 0..<UInt64.max)
            var random = SplitMix(state: seed)
            let scratch = try Scratch("noise")
            let registry = try Registry.get()
            let image = registry.name("noise/push:1")
            try noise(scratch, to: image)
            let daemon = try Daemon()
            defer { try? daemon.finish() }
            try daemon.ok(.gantry, "pull", "-q", image)
            let whole = try daemon.settledStore()
            // Another way to the same registry: it has nothing to mount from there.
            let plain = try PrivateRegistry()
            for round in 0..<8 {
                let target = plain.name("copy\(round):1")
                try daemon.ok(.gantry, "tag", image, target)
                try interrupt(
                    daemon, ["push", "-q", target], after: UInt32.random(in: 0..<200_000, using: &random))
                let pushed = try daemon.run(.gantry, "push", "-q", target)
                #expect(pushed.trimmed == target, "seed \(seed), round \(round): \(pushed)")
                try daemon.expectStore(whole, "seed \(seed), round \(round)")
                let copied = try succeed(["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + target])
                #expect(try copied == registry.manifest("noise/push:1"), "seed \(seed), round \(round)")
            }
        }
    }
}
