import Cgroups
import Glibc
import Testing

/// Runs `body` with a temporary cgroup and parent, removed afterwards.
func withCgroup(
    _ limits: CgroupLimits = CgroupLimits(), _ demand: Cgroup.Demand = .lenient, _ body: (Cgroup) throws -> Void
) throws {
    let hierarchy = try CgroupHierarchy.detect()
    let parent = "/gantry-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    defer { #expect(Cgroup(parent, in: hierarchy).remove()) }
    let cgroup = try Cgroup.create(parent + "/one", limits: limits, in: hierarchy, demand)
    defer {
        cgroup.kill()
        #expect(cgroup.remove())
        #expect(cgroup.remove())
    }
    try body(cgroup)
}

private func spawn(_ words: [String], input: Int32 = 0) throws -> pid_t {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    var pid: pid_t = 0
    try #require(posix_spawnp(&pid, words[0], &actions, nil, &arguments, environ) == 0)
    return pid
}

/// Runs a process in a cgroup and kills it at the end. It calls exec only after it has joined every hierarchy: an earlier fork
/// would be in some of them only and escape the freezer and `kill`.
func withProcess(in cgroup: Cgroup, _ words: String..., body: (pid_t) throws -> Void) throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let (input, output) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(output) }
    let pid = try spawn(["sh", "-c", "read line; exec \"$@\" </dev/null", "sh"] + words, input: input)
    close(input)
    defer {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
    for place in cgroup.places {
        let file = open(place.path + "/cgroup.procs", O_WRONLY)
        let text = String(pid)
        #expect(write(file, text, text.utf8.count) > 0)
        close(file)
    }
    #expect(write(output, "\n", 1) == 1)
    try body(pid)
}

@Suite(.enabled(if: geteuid() == 0), .serialized)
struct CgroupTests {
    /// A container with a writable cgroup can nest cgroups deeper than PATH_MAX: a process at the bottom is killed and all are
    /// removed.
    @Test func killsAndRemovesCgroupsDeeperThanPathMax() throws {
        try withCgroup { cgroup in
            try withProcess(in: cgroup, "sleep", "1000") { pid in
                let name = String(repeating: "n", count: 150)
                for place in cgroup.places {
                    var directory = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                    for _ in 0..<40 {
                        #expect(mkdirat(directory, name, 0o755) == 0, "\(place.controller) \(errno)")
                        let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                        close(directory)
                        directory = next
                    }
                    // Some controllers accept no process before they are configured.
                    let file = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC)
                    _ = write(file, String(pid), String(pid).utf8.count)
                    close(file)
                    close(directory)
                }
                let members = try cgroup.processes()
                #expect(members == [pid])
                cgroup.kill()
                var status: Int32 = 0
                #expect(waitpid(pid, &status, 0) == pid)
            }
            #expect(cgroup.remove())
        }
    }

    @Test func listsFreezesAndKillsProcesses() throws {
        try withCgroup { cgroup in
            try withProcess(in: cgroup, "sleep", "100") { pid in
                #expect(try cgroup.processes() == [pid])
                try cgroup.freeze()
                #expect(cgroup.isFrozen)
                try cgroup.thaw()
                #expect(!cgroup.isFrozen)
                // A frozen process is killed too.
                try cgroup.freeze()
                cgroup.kill()
                var status: Int32 = 0
                #expect(waitpid(pid, &status, 0) == pid)
                #expect(status & 0x7f == SIGKILL)
            }
        }
    }

    @Test func freezesAndKillsForkingProcesses() throws {
        try withCgroup { cgroup in
            try withProcess(in: cgroup, "sh", "-c", "while :; do sh -c 'sleep 100 & sleep 0.01'; done") { _ in
                while try cgroup.processes().count < 10 { usleep(10000) }
                try cgroup.freeze()
                let before = try cgroup.processes()
                #expect(cgroup.isFrozen)
                #expect(try cgroup.processes() == before)
                try cgroup.thaw()
                cgroup.kill()
                var left = try cgroup.processes()
                // Killed processes are zombies until their parents, killed too, are gone.
                for _ in 0..<500 where !left.isEmpty {
                    usleep(10000)
                    left = try cgroup.processes()
                }
                #expect(left.isEmpty)
            }
        }
    }

    @Test func removesNestedCgroups() throws {
        try withCgroup { cgroup in
            for path in cgroup.joinPaths {
                #expect(mkdir(path + "/a", 0o755) == 0)
                #expect(mkdir(path + "/a/b", 0o755) == 0)
            }
            #expect(cgroup.remove())
            #expect(cgroup.joinPaths.allSatisfy { access($0, F_OK) != 0 })
        }
    }

    @Test func removesOrphans() throws {
        let hierarchy = try CgroupHierarchy.detect()
        let parent = "/gantry-orphans-\(getpid())"
        let kept = try Cgroup.create(parent + "/kept", limits: CgroupLimits(), in: hierarchy)
        _ = try Cgroup.create(parent + "/lost", limits: CgroupLimits(), in: hierarchy)
        #expect(Cgroup.removeOrphans(under: parent, keep: ["kept"], in: hierarchy).isEmpty)
        #expect(access(kept.joinPaths[0], F_OK) == 0)
        #expect(access(Cgroup(parent + "/lost", in: hierarchy).joinPaths[0], F_OK) != 0)
        #expect(kept.remove())
        #expect(Cgroup(parent, in: hierarchy).remove())
    }

    /// An existing cgroup is used only when it is empty and not frozen, and is kept when creation fails.
    @Test func refusesUsedAndFrozenCgroups() throws {
        try withCgroup { cgroup in
            #expect(cgroup.kept.isEmpty)
            let again = try Cgroup.create(cgroup.name, limits: CgroupLimits(), in: cgroup.hierarchy, .strict)
            #expect(again.kept == Set(cgroup.places.map(\.controller)) && again.remove())
            try withProcess(in: cgroup, "sleep", "100") { _ in
                #expect(throws: CgroupError.self) {
                    try Cgroup.create(cgroup.name, limits: CgroupLimits(), in: cgroup.hierarchy, .strict)
                }
                cgroup.kill()
            }
            try cgroup.freeze()
            for name in [cgroup.name, cgroup.name + "/below"] {
                let error = #expect(throws: CgroupError.self) {
                    try Cgroup.create(name, limits: CgroupLimits(), in: cgroup.hierarchy)
                }
                #expect(error?.description.contains("unexpectedly frozen") == true, "\(error as Any)")
            }
            #expect(access(cgroup.joinPaths[0] + "/below", F_OK) != 0)
            #expect(access(cgroup.joinPaths[0], F_OK) == 0)
            try cgroup.thaw()
        }
    }

    @Test func refusesNamesOutsideParent() throws {
        let hierarchy = try CgroupHierarchy.detect()
        for name in ["/", "", "/a/../..", "/./x"] {
            #expect(throws: CgroupError.self) { try Cgroup.create(name, limits: CgroupLimits(), in: hierarchy) }
        }
        for path in ["/", "..", "/..", "."] {
            #expect(throws: CgroupError.self) { try hierarchy.cgroup(path: path, id: "x", systemd: false) }
        }
    }

    @Test func reportsMemoryKills() throws {
        var limits = CgroupLimits()
        limits.memory = 16 << 20
        limits.memorySwap = 16 << 20
        try withCgroup(limits) { cgroup in
            guard cgroup.statistics().memory.usage.limit == 16 << 20 else { return }
            var events = try OutOfMemoryEvents(cgroup)
            // It joins before it allocates, so that its memory is charged to this cgroup.
            let place = try #require(cgroup.places.first { $0.controller == "memory" || $0.controller.isEmpty })
            let script = "echo 0 > \(place.path)/cgroup.procs; exec tail /dev/zero"
            let pid = try spawn(["sh", "-c", script])
            var status: Int32 = 0
            #expect(waitpid(pid, &status, 0) == pid)
            try #require(status & 0x7f == SIGKILL)
            // Version 2 also reports each time the limit is reached.
            var report = events.next()
            while report.count == 0 && !report.isOver { report = events.next() }
            #expect(report.count > 0)
            #expect(cgroup.oomKillCount == 1)
            let memory = cgroup.statistics().memory
            #expect(memory.kills == 1)
            #expect(memory.usage.peak > 8 << 20 && memory.usage.peak <= 16 << 20)
        }
    }
}

/// cgroup2 without controllers, as on every machine with a hybrid setup.
@Suite(.enabled(if: geteuid() == 0 && access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0), .serialized)
struct UnifiedCgroupTests {
    private func withUnified(_ limits: CgroupLimits = CgroupLimits(), _ body: (Cgroup) throws -> Void) throws {
        let hierarchy = CgroupHierarchy.parse("33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw")
        #expect(hierarchy.mode == .v2)
        let name = "/gantry-unified-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let cgroup = try Cgroup.create(name, limits: limits, in: hierarchy)
        defer {
            cgroup.kill()
            #expect(cgroup.remove())
        }
        try body(cgroup)
    }

    @Test func freezesAndKillsProcesses() throws {
        try withUnified { cgroup in
            try withProcess(in: cgroup, "sh", "-c", "while :; do sh -c 'sleep 100 & sleep 0.01'; done") { pid in
                while try cgroup.processes().count < 5 || cgroup.statistics().processor.total == 0 { usleep(10000) }
                try cgroup.freeze()
                #expect(cgroup.isFrozen)
                try cgroup.thaw()
                #expect(!cgroup.isFrozen)
                try cgroup.freeze()
                cgroup.kill()
                var status: Int32 = 0
                #expect(waitpid(pid, &status, 0) == pid)
                #expect(status & 0x7f == SIGKILL)
            }
        }
    }

    /// An update's program replaces the one from the start; another's program stays attached.
    @Test func replacesDeviceFilter() throws {
        var limits = CgroupLimits()
        limits.devices = [DeviceRule(allow: true, .character, major: 1, minor: 3)]
        try withUnified(limits) { cgroup in
            func opens(_ device: String, in other: Cgroup? = nil) throws -> Bool {
                let path = try #require((other ?? cgroup).unifiedPath)
                let pid = try spawn(["sh", "-c", "echo 0 >\(path)/cgroup.procs && : <\(device)"])
                var status: Int32 = 0
                #expect(waitpid(pid, &status, 0) == pid)
                return status == 0
            }
            #expect(try opens("/dev/null") && !opens("/dev/zero"))
            try cgroup.set(devices: [DeviceRule(allow: true, .character, major: 1, minor: 5)])
            #expect(try opens("/dev/zero") && !opens("/dev/null"))
            try cgroup.set(devices: DeviceRule.everything)
            #expect(try opens("/dev/zero") && opens("/dev/null"))
            // A nested cgroup is checked by both filters.
            let inner = Cgroup(cgroup.name + "/inner", in: cgroup.hierarchy)
            #expect(mkdir(inner.joinPaths[0], 0o755) == 0)
            try inner.set(devices: DeviceRule.everything)
            #expect(try opens("/dev/null", in: inner))
            try cgroup.set(devices: [])
            #expect(try !opens("/dev/null", in: inner))
        }
    }

    @Test func reportsMissingControllers() throws {
        var limits = CgroupLimits()
        limits.memory = 64 << 20
        limits.memorySwappiness = 5
        limits.networkClass = 7
        limits.pids = 9
        try withUnified(limits) { cgroup in
            #expect(
                cgroup.leftOut.map(\.description) == [
                    "memory limit: no memory controller is available", "pids limit: no pids controller is available",
                    "network class: cgroup version 2 has no such limit",
                ])
            let error = #expect(throws: CgroupError.self) { try cgroup.apply(limits, .strict) }
            #expect(error?.description.contains("no memory controller is available") == true, "\(error as Any)")
        }
    }
}
