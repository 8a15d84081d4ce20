internal import ByteText

extension Cgroup {
    private typealias Member = WritableKeyPath<CgroupStatistics.Block, [CgroupStatistics.Block.Entry]>

    /// Which files have the counters depends on the I/O scheduler: BFQ with debugging, BFQ, CFQ (before 5.0), or only
    /// blkio.throttle.
    private static var families: [[(String, Member)]] {
        [
            scheduler("blkio.bfq."),
            [("blkio.bfq.io_serviced_recursive", \.operations), ("blkio.bfq.io_service_bytes_recursive", \.bytes)],
            scheduler("blkio."),
            [
                ("blkio.throttle.io_serviced_recursive", \.operations),
                ("blkio.throttle.io_service_bytes_recursive", \.bytes),
            ],
            [("blkio.throttle.io_serviced", \.operations), ("blkio.throttle.io_service_bytes", \.bytes)],
        ]
    }

    private static func scheduler(_ prefix: String) -> [(String, Member)] {
        [
            (prefix + "sectors_recursive", \.sectors), (prefix + "io_service_time_recursive", \.serviceTime),
            (prefix + "io_wait_time_recursive", \.waitTime), (prefix + "io_merged_recursive", \.merged),
            (prefix + "io_queued_recursive", \.queued), (prefix + "time_recursive", \.time),
            (prefix + "io_serviced_recursive", \.operations), (prefix + "io_service_bytes_recursive", \.bytes),
        ]
    }

    /// Reads the first family that has counted anything.
    static func readBlock(_ path: String, _ result: inout CgroupStatistics.Block) {
        for family in families {
            var isUsed = false
            for (name, member) in family {
                let entries = blockEntries(ControlFile.read(path + "/" + name) ?? "")
                if entries.isEmpty { break }
                result[keyPath: member] = entries
                isUsed = true
            }
            if isUsed { return }
        }
    }

    /// Parses lines like `8:0 Read 4096` or `8:0 4096`; skips the total, which has no device.
    package static func blockEntries(_ text: String) -> [CgroupStatistics.Block.Entry] {
        text.split(byte: "\n").compactMap { line in
            let words = line.split(byte: " ")
            guard words.count == 2 || words.count == 3, let value = UInt64(words[words.count - 1]),
                let device = device(words[0])
            else { return nil }
            return CgroupStatistics.Block.Entry(
                major: device.0, minor: device.1, operation: words.count == 3 ? String(words[1]) : "", value: value)
        }
    }

    private static func device(_ text: Substring) -> (UInt64, UInt64)? {
        let numbers = text.split(byte: ":").compactMap { UInt64($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }

    static func readUnifiedBlock(_ path: String, _ result: inout CgroupStatistics.Block) {
        guard let text = ControlFile.read(path + "/io.stat") else { return }
        (result.bytes, result.operations) = unifiedBlockEntries(text)
    }

    /// Parses io.stat: `8:0 rbytes=… wbytes=… rios=… wios=… dbytes=… dios=…`.
    package static func unifiedBlockEntries(
        _ text: String
    ) -> (bytes: [CgroupStatistics.Block.Entry], operations: [CgroupStatistics.Block.Entry]) {
        var bytes: [CgroupStatistics.Block.Entry] = []
        var operations: [CgroupStatistics.Block.Entry] = []
        for line in text.split(byte: "\n") {
            let words = line.split(byte: " ")
            // A device without counters may share its line with the next one.
            guard let place = words.lastIndex(where: { device($0) != nil }), let device = device(words[place]) else {
                continue
            }
            for word in words[(place + 1)...] {
                let pair = word.split(byte: "=", maxSplits: 1)
                guard pair.count == 2, let value = UInt64(pair[1]) else { continue }
                func entry(_ operation: String) -> CgroupStatistics.Block.Entry {
                    CgroupStatistics.Block.Entry(
                        major: device.0, minor: device.1, operation: operation, value: value)
                }
                switch pair[0] {
                case "rbytes": bytes.append(entry("Read"))
                case "wbytes": bytes.append(entry("Write"))
                case "dbytes": bytes.append(entry("Discard"))
                case "rios": operations.append(entry("Read"))
                case "wios": operations.append(entry("Write"))
                case "dios": operations.append(entry("Discard"))
                default: break
                }
            }
        }
        return (bytes, operations)
    }
}
