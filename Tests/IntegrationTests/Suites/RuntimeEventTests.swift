import Foundation
import Glibc
import Testing

extension Integration {
    /// `events`, `checkpoint` and `restore`.
    @Suite struct RuntimeEventTests {
        private static func document(_ line: String) throws -> Bundle.Document {
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Bundle.Document ?? [:]
        }

        @Test func printsCounters() throws {
            let bundle = try Bundle("exec sleep 100")
            bundle.edit("linux") { $0["resources"] = ["pids": ["limit": 33], "memory": ["limit": 64 << 20]] }
            try bundle.start()
            let result = try bundle.runtime(["events", "--stats", bundle.id])
            let event = try Self.document(result.out)
            #expect(
                result.lines.count == 1 && event["type"] as? String == "stats" && event["id"] as? String == bundle.id)
            let data = event["data"] as? Bundle.Document
            #expect(
                Set((data ?? [:]).keys) == [
                    "cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces",
                ])
            func value(_ path: String...) -> Int? {
                path.dropLast().reduce(data) { $0?[$1] as? Bundle.Document }?[path.last ?? ""] as? Int
            }
            #expect(value("pids", "current") == 1 && value("pids", "limit") == 33)
            #expect(value("memory", "usage", "limit") == 64 << 20)
            #expect((value("memory", "usage", "usage") ?? 0) > 0)
            #expect((value("memory", "raw", "pgfault") ?? 0) > 0)
            #expect((value("cpu", "usage", "total") ?? 0) > 0)
            #expect(
                try bundle.runtime(["events", "--interval", "0", bundle.id]).err.contains("must be greater than 0"))
            try bundle.runtime(["kill", bundle.id, "KILL"])
            try eventually("it has ended") { try bundle.status() == "stopped" }
            #expect(try bundle.runtime(["events", "--stats", bundle.id]).status == 1)
        }

        @Test func tellsWhenMemoryRanOut() throws {
            let bundle = try Bundle("while :; do sleep 0.1; done")
            bundle.edit("linux") { $0["resources"] = ["memory": ["limit": 32 << 20, "swap": 32 << 20]] }
            try bundle.start()
            let child = try Child([Bundle.runtime, "--root", bundle.state, "events", "--interval", "50ms", bundle.id])
            try child.expect(#""type":"stats""#)
            let offset = child.out.count
            try child.expect(#""type":"stats""#, after: offset)
            // tail keeps what has no end of line.
            #expect(try bundle.exec([], "sh", "-c", "tail /dev/zero").status == 137)
            try child.expect(#"{"type":"oom","id":"\#(bundle.id)"}"#)
            try bundle.runtime(["delete", "--force", bundle.id])
            #expect(try child.wait().status == 0)
        }
    }
}
