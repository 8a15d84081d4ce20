import Foundation
import Testing

/// What engines leave behind on a machine when they leave something behind.
struct Machine: Sendable, Equatable {
    var mounts: Set<String> = []
    var links: Set<String> = []
    var tables: Set<String> = []
    var cgroups: Set<String> = []
    var networkNamespaces: Set<String> = []
    var processNamespaces: Set<String> = []
    var daemons: Set<String> = []

    static func look() throws -> Machine {
        var machine = Machine()
        machine.mounts = Set(
            try Programs.text("/proc/self/mountinfo").split(separator: "\n").map { line in
                let fields = line.split(separator: " ")
                return "\(fields[4]) \(fields.drop { $0 != "-" }.dropFirst().first ?? "")"
            })
        machine.links = Set(try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net"))
        machine.tables = Set(try command(["nft", "list", "tables"]).lines.filter { !$0.contains("warn") })
        machine.cgroups = Set(
            try command(["find", "/sys/fs/cgroup", "-mindepth", "2", "-type", "d"]).lines.filter {
                !$0.contains("/systemd/system.slice")
            })
        for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(process) != nil {
            let files = FileManager.default
            if let namespace = try? files.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net") {
                machine.networkNamespaces.insert(namespace)
            }
            if let namespace = try? files.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/pid") {
                machine.processNamespaces.insert(namespace)
            }
            // Runtimes and monitors run from a mount that is nowhere: the name of the program says what they are.
            if let program = try? files.destinationOfSymbolicLink(atPath: "/proc/\(process)/exe"),
                let name = try? Programs.text("/proc/\(process)/comm"),
                program.hasPrefix(Programs.binaries) || program.contains("gantry") || name.hasPrefix("gantry"),
                !program.hasSuffix(".xctest")
            {
                machine.daemons.insert("\(process) \(program) \(name)")
            }
        }
        return machine
    }

    /// What is here now and was not there `before`, one line each.
    func added(since before: Machine) -> [String] {
        func new(_ what: String, _ path: KeyPath<Machine, Set<String>>) -> [String] {
            self[keyPath: path].subtracting(before[keyPath: path]).sorted().map { "\(what) \($0)" }
        }
        return new("mount", \.mounts) + new("link", \.links) + new("nft", \.tables) + new("cgroup", \.cgroups)
            + new("network namespace", \.networkNamespaces) + new("pid namespace", \.processNamespaces)
            + new("process", \.daemons)
    }
}

/// The whole run's: when the last suite has ended, nothing of it may be left.
struct LeavesNothing: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let before = try Machine.look()
        try await withTaskExecutorPreference(BlockingThreads.shared) { try await function() }
        Registry.stop()
        BusyboxImage.remove()
        var left: [String] = []
        // Other test targets run in this process at the same time; what they use goes away by itself.
        for _ in 0..<100 {
            left = try Machine.look().added(since: before)
            if left.isEmpty { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        Issue.record("left behind on the machine:\n\(left.joined(separator: "\n"))")
    }
}

extension Trait where Self == LeavesNothing {
    static var leavesNothing: Self { LeavesNothing() }
}

/// Every suite that needs a daemon is inside, so that the check of what is left comes last.
@Suite(.leavesNothing)
enum Integration {}
