import Foundation
import Testing

/// The table behind `OptionTable`, from `Fixtures/option_table.txt`.
enum OptionRows {
    struct Row: Sendable, CustomTestStringConvertible {
        let field: String
        let list: String
        let status: Int
        let words: String
        /// Members of the request's body.
        let members: String
        var testDescription: String { "\(field): \(members)" }
    }

    static let all: [Row] = {
        let text = (try? Programs.text(Programs.fixtures + "/option_table.txt")) ?? ""
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            var parts = line.components(separatedBy: " | ")
            // Only what is refused has a status.
            if parts.count == 4 { parts.insert("201", at: 2) }
            while parts.count < 5 { parts.append("") }
            return Row(
                field: parts[0], list: parts[1], status: Int(parts[2]) ?? 0, words: parts[3], members: parts[4])
        }
    }()

    static let refused: [Row] = all.filter { $0.list == "refused" }
    static let warned: [Row] = all.filter { $0.list == "warned" }

    static let emptyUpdate = """
        {"CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":null,
         "BlkioDeviceReadBps":null,"BlkioDeviceWriteBps":null,"BlkioDeviceReadIOps":null,"BlkioDeviceWriteIOps":null,
         "CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"CpusetCpus":"","CpusetMems":"",
         "Devices":null,"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,
         "MemorySwappiness":null,"OomKillDisable":null,"PidsLimit":null,"Ulimits":null,"CpuCount":0,"CpuPercent":0,
         "IOMaximumIOps":0,"IOMaximumBandwidth":0,"RestartPolicy":{"Name":"","MaximumRetryCount":0}}
        """

    static let defaults = [
        // docker 28.2.2
        """
        "Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,
        "OpenStdin":false,"StdinOnce":false,"Env":null,"Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,
        "Labels":{},"HostConfig":{"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},
        "NetworkMode":"default","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,
        "VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[50,100],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":null,
        "DnsOptions":null,"DnsSearch":null,"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,
        "OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,
        "UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"",
        "BlkioWeight":0,"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"BlkioDeviceWriteBps":[],"BlkioDeviceReadIOps":[],
        "BlkioDeviceWriteIOps":[],"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,"CpuRealtimeRuntime":0,"CpusetCpus":"",
        "CpusetMems":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,
        "MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"Ulimits":[],"CpuCount":0,"CpuPercent":0,
        "IOMaximumIOps":0,"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null},
        "NetworkingConfig":{"EndpointsConfig":{}}
        """,
        // docker-py 7
        """
        "Hostname":null,"Domainname":null,"ExposedPorts":null,"User":null,"Tty":false,"OpenStdin":false,"StdinOnce":false,
        "AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Env":null,"NetworkDisabled":false,"Entrypoint":null,
        "WorkingDir":null,"MacAddress":null,"Labels":null,"StopSignal":null,"Healthcheck":null,"StopTimeout":null,
        "Runtime":null,"Volumes":{"/mnt":{}},"HostConfig":{"NetworkMode":"default","Binds":["/tmp:/mnt:ro"]},
        "NetworkingConfig":null
        """,
        // Compose 1.29
        """
        "Env":[],"Healthcheck":{"Test":["NONE"]},"Labels":{},"Volumes":{},"NetworkDisabled":false,"HostConfig":
        {"NetworkMode":"bridge","RestartPolicy":{"Name":"","MaximumRetryCount":0},"VolumesFrom":[],"Links":[],"Binds":[],
        "PortBindings":{},"LogConfig":{"Type":"","Config":{}},"Runtime":null,"IpcMode":null,"Init":null,
        "Isolation":null,"Tmpfs":{},"SecurityOpt":null,"UsernsMode":null,"StorageOpt":null,"VolumeDriver":null},
        "NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAMConfig":{},"Aliases":[],"Links":null,"DriverOpts":null}}}
        """,
        // The words for the defaults.
        """
        "Healthcheck":{"Test":[],"Interval":0},"HostConfig":{"RestartPolicy":{"Name":"no"},"LogConfig":{"Type":"json-file",
        "Config":{}},"Isolation":"default","Init":false,"CgroupnsMode":"private","IpcMode":"private","PidMode":"","UTSMode":"",
        "UsernsMode":"host","NetworkMode":"bridge","Runtime":"gantry-runtime","VolumeDriver":"local",
        "ReadonlyPaths":null,"MaskedPaths":null,"Annotations":{},"StorageOpt":{},"DeviceRequests":[],"Mounts":[]}
        """,
        #""HostConfig":{"CgroupnsMode":"host","IpcMode":"shareable"}"#, #""HostConfig":{"IpcMode":"none"}"#,
        #""HostConfig":{"IpcMode":"host","PidMode":"host","UTSMode":"host","NetworkMode":"host"}"#,
    ]
}
