// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of the package is compiled with.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// Each function in a section of its own, which ``hotCodeTogether`` can put in another place.
let sections: [SwiftSetting] = [.unsafeFlags(["-Xfrontend", "-function-sections"])]

/// Types that are made by calls of functions, not by names that the standard library takes apart and looks up: a program that
/// is over in milliseconds makes most of its types once.
let plainTypes: [SwiftSetting] = [
    .unsafeFlags(
        [
            "-disable-type-layout", "-disable-concrete-type-metadata-mangled-name-accessors",
            "-disable-generic-metadata-prespecialization",
        ].flatMap { ["-Xfrontend", $0] })
]

/// A static executable starts in under a millisecond; the dynamic standard library alone costs three.
let staticProgram: [LinkerSetting] = [
    .unsafeFlags([
        "-static-executable",
        "-Xlinker", "--start-group",
        "-lFoundationEssentials", "-l_FoundationCollections", "-l_FoundationCShims", "-lswiftSynchronization",
        "-Xlinker", "--end-group",
    ])
]

/// What every start runs stands together in the executable, so that a start touches few of its pages: it is the list that
/// scripts/order writes of what a profiler saw. A name that is gone is passed over.
let hotCodeTogether: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--section-ordering-file",
        "-Xlinker", "\(Context.packageDirectory)/Sources/gantry-runtime/sections.order",
    ])
]

/// Its first instructions see to it that no container can write to its file (CVE-2019-5736, docs/decisions/014).
let entryBeforeTheLibrary: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "--entry=linux_entry"])]

/// Swift's libraries inside, C libraries outside: the daemon starts at once and shares no Foundation it does not use.
let staticLibraries: [LinkerSetting] = [
    .unsafeFlags([
        "-static-stdlib",
        "-Xlinker", "--start-group",
        "-lFoundation", "-lCoreFoundation", "-lFoundationInternationalization", "-l_FoundationICU",
        "-lFoundationEssentials", "-l_FoundationCollections", "-l_FoundationCShims", "-lswiftSynchronization",
        "-lswiftDispatch", "-lswiftObservation", "-lswift_RegexParser", "-lswift_StringProcessing",
        "-Xlinker", "--end-group",
    ])
]

/// A module. All of them take text apart with ByteText.
func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], linkerSettings: [LinkerSetting] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies + (name == "ByteText" ? [] : ["ByteText"]), exclude: ["README.md"],
        swiftSettings: strict + sections + plainTypes, linkerSettings: linkerSettings)
}

func program(
    _ name: String, _ dependencies: [Target.Dependency], _ linkerSettings: [LinkerSetting] = [], exclude: [String] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies + ["ByteText"], exclude: exclude,
        swiftSettings: strict + sections + plainTypes,
        linkerSettings: linkerSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "gantry",
    products: [
        .executable(name: "gantry", targets: ["gantry"]),
        .executable(name: "gantryd", targets: ["gantryd"]),
        .executable(name: "gantry-runtime", targets: ["gantry-runtime"]),
    ],
    dependencies: [
        // Sockets and event loops of the daemon.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // The registry client: connection pools, TLS, proxies, redirects.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // Whom the registry client trusts: certificates of a registry's own.
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        // SHA-256 of every blob.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // The one database.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // The daemon's log.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // Layer 0: what Swift cannot import, and C libraries by name.
        .target(name: "CLinux", exclude: ["README.md"]),
        .systemLibrary(name: "CSeccomp"),
        .systemLibrary(name: "CArchive"),
        .systemLibrary(name: "CZstd"),
        .systemLibrary(name: "CISAL"),
        .systemLibrary(name: "CNFTables"),
        module("ByteText"),
        module("JSON"),

        // Layer 1
        module("Linux", ["CLinux"]),
        module("Concurrency", ["Linux"]),
        module("Flags", ["JSON"]),
        module("GoTemplate", ["JSON"]),
        module("OCI", ["JSON"]),
        module("DockerAPI", ["JSON"]),

        // Layer 2
        module("Netlink", ["Linux", "CLinux"]),
        module("Cgroups", ["Linux", "CLinux"]),

        // Layer 3
        module("Runtime", ["Linux", "CLinux", "Cgroups", "OCI", "JSON", "CSeccomp"]),
        // What daemon and monitor say to each other, apart from both: each may be of another release than the other. Above Runtime,
        // whose specifications it writes down.
        module("MonitorProtocol", ["Runtime"]),
        module("Monitor", ["MonitorProtocol", "Runtime", "OCI", "Linux", "CLinux"]),
        module(
            "Store",
            [
                "Linux", "OCI", "JSON",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        module("Networking", ["Netlink", "Concurrency", "Linux", "CLinux", "CNFTables"]),

        // Layer 4
        module(
            "Layers",
            [
                "Store", "Concurrency", "Linux", "CLinux", "OCI", "JSON", "CArchive", "CZstd", "CISAL",
            ]),
        module(
            "Registry",
            [
                "Store", "OCI", "JSON", "Linux",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + nio),

        // Layer 5
        module(
            "Images",
            [
                "Layers", "Registry", "Store", "Concurrency", "OCI", "JSON", "Linux",
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio),
        module(
            "Engine",
            [
                "Images", "Layers", "Networking", "Monitor", "MonitorProtocol", "Runtime", "Cgroups", "Store",
                "Concurrency", "OCI", "JSON",
                "Linux", "CLinux", "DockerAPI",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        module("HTTP", ["Concurrency", "Linux"] + nio),

        // Layer 6
        module(
            "APIServer",
            [
                "HTTP", "DockerAPI", "Engine", "Images", "Layers", "Networking", "OCI", "Registry", "JSON", "Linux",
                .product(name: "Logging", package: "swift-log"),
            ] + nio),

        // Layer 7
        module("CommandLine", ["Flags", "GoTemplate", "OCI", "JSON", "Linux", "CLinux"]),

        // Programs
        program("gantry", ["CommandLine"], staticProgram),
        program(
            "gantry-runtime",
            ["Monitor", "MonitorProtocol", "Runtime", "Cgroups", "OCI", "Flags", "JSON", "Linux", "CLinux"],
            staticProgram + hotCodeTogether + entryBeforeTheLibrary, exclude: ["README.md", "sections.order"]),
        program(
            "gantryd",
            [
                "APIServer", "HTTP", "Engine", "Images", "Layers", "Registry", "Networking", "Store", "Linux",
                "CLinux", "DockerAPI", "Flags", "JSON", "OCI",
                .product(name: "Logging", package: "swift-log"),
            ] + nio, staticLibraries, exclude: ["README.md"]),

        // Tests
        // IntegrationTests drive the built programs from outside and depend on none of the modules.
        tests("IntegrationTests", [], exclude: ["Fixtures"]),
        tests("ByteTextTests", ["ByteText"]),
        tests("JSONTests", ["JSON"]),
        tests("OCITests", ["OCI"]),
        tests("StoreTests", ["Store", "OCI", .product(name: "GRDB", package: "GRDB.swift")]),
        tests("LayersTests", ["Layers", "Store", "Concurrency", "OCI", "JSON", "Linux"]),
        tests(
            "ImagesTests", ["Images", "Layers", "Registry", "Store", "OCI"],
            exclude: ["two-hosts-registry.py", "unruly-registry.py"]),
        tests("CgroupsTests", ["Cgroups"]),
        tests("RuntimeTests", ["Runtime", "JSON"]),
        tests("MonitorProtocolTests", ["MonitorProtocol", "Runtime"], exclude: ["Fixtures"]),
        tests("MonitorTests", ["Monitor", "MonitorProtocol", "Runtime", "Cgroups", "Linux", "CLinux"]),
        tests("NetlinkTests", ["Netlink", "Linux"]),
        tests("NetworkingTests", ["Networking", "Netlink", "Linux"]),
        // The lifecycle of containers needs neither root nor a kernel: it is driven with a clock, monitor and network that are fakes.
        tests("EngineTests", ["Engine", "Networking", "DockerAPI", "JSON"], exclude: ["Fixtures"]),
        tests("APIServerTests", ["APIServer", "HTTP", "Engine", "Images", "Networking", "OCI", "Linux"]),
        tests("HTTPTests", ["HTTP", "Linux"] + nio),
        tests("CommandLineTests", ["CommandLine", "OCI", "Flags", "JSON", "Linux"]),
        tests("ConcurrencyTests", ["Concurrency", "Linux"]),
        tests("FlagsTests", ["Flags"]),
        tests("GoTemplateTests", ["GoTemplate", "JSON"]),
        tests("LinuxTests", ["Linux"]),
    ]
)
