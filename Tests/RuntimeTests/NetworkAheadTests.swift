import Runtime
import Testing

@Suite struct NetworkAheadTests {
    /// The text is only looked at: what is wrong costs a thread, never a container.
    @Test(arguments: [
        (#"{"namespaces": [{"type": "pid"}, {"type": "network"}]}"#, true),
        ("{\"type\": \"network\"\n\t }", true),
        (#"{"type":"network","path":"/proc/1/ns/net"}"#, false),
        (#"{"type":"network""#, false),
        (#"{"type":"networks"}"#, false),
        (#"{"resources": {"network": {"classID": 1}}}"#, false),
        ("", false),
    ]) func isSeenAtAGlance(_ text: String, _ isLikely: Bool) {
        #expect(NetworkAhead.isLikely(Array(text.utf8)) == isLikely)
    }
}
