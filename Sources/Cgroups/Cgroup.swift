internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// One container's cgroup: a directory in every hierarchy.
package struct Cgroup: Sendable {
    /// A directory of it that a process joins.
    package struct Place: Equatable, Sendable {
        /// The hierarchy's folder (`memory`, `cpu,cpuacct`); empty for cgroup2.
        package let controller: String
        package let path: String
        /// Version 1's controllers there.
        let controllers: [String]
    }

    /// Where a controller's files are, and in which version's format.
    enum Directory {
        case v1(String)
        case v2(String)

        var path: String {
            switch self {
            case .v1(let path), .v2(let path): return path
            }
        }
    }

    package let hierarchy: CgroupHierarchy
    /// `/gantry/<id>`, relative to each hierarchy.
    package let name: String
    /// Where its processes belong, version 1 first.
    package internal(set) var places: [Place]
    /// The hierarchies' folders where it was there before ``make(_:_:)``: there it is not ours to remove.
    package internal(set) var kept: Set<String> = []
    /// systemd has made it as the unit's of this container: it is nobody else's, and processes may be in it already.
    package var isUnit = false
    /// Whether ``make(_:_:)`` has succeeded.
    package internal(set) var isMade = false
    /// What ``make(_:_:)`` could not limit.
    package internal(set) var leftOut: [LeftOutLimit] = []

    /// The cgroup of that name, made or not.
    package init(_ name: String, in hierarchy: CgroupHierarchy) {
        self.hierarchy = hierarchy
        let clean = "/" + PathText.joined(name.split(byte: "/"))
        self.name = clean
        var places = hierarchy.mounts.map {
            Place(controller: $0.name, path: $0.path + clean, controllers: $0.controllers)
        }
        if let unified = hierarchy.unified {
            places.append(Place(controller: "", path: unified + clean, controllers: []))
        }
        self.places = places
    }

    /// A cgroup that was made before, by what ``places`` said then: folder and directory.
    package init(
        places: [(controller: String, path: String)], kept: Set<String> = [], in hierarchy: CgroupHierarchy
    ) {
        self.kept = kept
        self.hierarchy = hierarchy
        name = places.last?.path ?? ""
        self.places = places.map { place in
            Place(
                controller: place.controller, path: place.path,
                controllers: hierarchy.mounts.first { $0.name == place.controller }?.controllers ?? [])
        }
    }

    /// The directories to join, as the runtime wants them.
    package var joinPaths: [String] { places.map(\.path) }

    /// The version 1 directory of a controller.
    func path(of controller: String) -> String? { places.first { $0.controllers.contains(controller) }?.path }

    /// Its directory in cgroup2.
    package var unifiedPath: String? { places.last.flatMap { $0.controller.isEmpty ? $0.path : nil } }

    /// Where the files of a controller are, by version 1's name for it. A version 1 mount has it for itself.
    func directory(of controller: String) -> Directory? {
        if let path = path(of: controller) { return .v1(path) }
        guard let unifiedPath else { return nil }
        let name = controller == "blkio" ? "io" : controller == "cpuacct" ? "cpu" : controller
        return hierarchy.unifiedControllers.contains(name) ? .v2(unifiedPath) : nil
    }
}
