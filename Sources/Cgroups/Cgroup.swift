internal import ByteText
internal import CLinux
internal import Glibc
internal import Linux

/// One container's cgroup: a directory in every hierarchy.
package struct Cgroup: Sendable {
    /// One directory of the cgroup, which a process joins.
    package struct Place: Equatable, Sendable {
        /// The mount directory's name (`memory`, `cpu,cpuacct`); empty for cgroup2.
        package let controller: String
        package let path: String
        /// The version 1 controllers of this hierarchy.
        let controllers: [String]
    }

    /// The directory with a controller's files, and the version of their format.
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
    /// The directories for its processes, version 1 first.
    package internal(set) var places: [Place]
    /// The hierarchies in which the cgroup existed before ``make(_:_:)``; there it is not removed.
    package internal(set) var kept: Set<String> = []
    /// systemd created the cgroup for this container's unit, and processes may be in it already.
    package var isUnit = false
    /// Whether ``make(_:_:)`` has succeeded.
    package internal(set) var isMade = false
    /// The limits that ``make(_:_:)`` could not set.
    package internal(set) var leftOut: [LeftOutLimit] = []

    /// The cgroup of that name, which need not exist yet.
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

    /// A cgroup that was created earlier, from its stored ``places``: controller and directory.
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

    /// The directories to join, in the runtime's form.
    package var joinPaths: [String] { places.map(\.path) }

    /// The version 1 directory of a controller.
    func path(of controller: String) -> String? { places.first { $0.controllers.contains(controller) }?.path }

    /// Its directory in cgroup2.
    package var unifiedPath: String? { places.last.flatMap { $0.controller.isEmpty ? $0.path : nil } }

    /// The directory with the files of a controller, by its version 1 name. A controller mounted as version 1 is not available in
    /// cgroup2.
    func directory(of controller: String) -> Directory? {
        if let path = path(of: controller) { return .v1(path) }
        guard let unifiedPath else { return nil }
        let name = controller == "blkio" ? "io" : controller == "cpuacct" ? "cpu" : controller
        return hierarchy.unifiedControllers.contains(name) ? .v2(unifiedPath) : nil
    }
}
