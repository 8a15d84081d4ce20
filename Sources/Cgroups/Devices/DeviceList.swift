/// Rules as version 1 keeps them: everything or nothing, and a list of exceptions without order.
package struct DeviceList: Equatable, Sendable {
    package private(set) var allowsAll = false
    /// What is not as ``allowsAll`` says; each device once.
    package private(set) var exceptions: [DeviceRule] = []

    /// Nothing is allowed before the first rule. Throws for what cannot be kept so: a device forbidden out of a range
    /// that was allowed, which version 1 would quietly go on allowing (or the other way round).
    package init(_ rules: [DeviceRule]) throws(CgroupError) {
        for rule in rules { try add(rule) }
    }

    private mutating func add(_ rule: DeviceRule) throws(CgroupError) {
        // The kernel reads no further than the letter.
        if rule.kind == .all {
            allowsAll = rule.allow
            exceptions = []
            return
        }
        let same = exceptions.firstIndex {
            $0.kind == rule.kind && $0.major == rule.major && $0.minor == rule.minor
        }
        guard rule.allow == allowsAll else {
            if let same { exceptions[same].access.formUnion(rule.access) } else { exceptions.append(rule) }
            return
        }
        for other in exceptions where other.covers(rule) && !other.access.isDisjoint(with: rule.access) {
            throw CgroupError(
                "set devices", "",
                "device rule \(rule.allow ? "allow" : "deny") \(rule.line) makes a hole in \(other.line), which cgroup "
                    + "version 1 cannot keep; name the devices one by one")
        }
        for index in exceptions.indices.reversed() where index == same || rule.covers(exceptions[index]) {
            exceptions[index].access.subtract(rule.access)
            if exceptions[index].access.isEmpty { exceptions.remove(at: index) }
        }
    }

    /// The same as rules in order.
    package var rules: [DeviceRule] { [DeviceRule(allow: allowsAll, .all)] + exceptions }
}

extension DeviceRule {
    /// Whether it is for a range that `other` is a part of, and not the same.
    fileprivate func covers(_ other: DeviceRule) -> Bool {
        kind == other.kind && (major == nil || major == other.major) && (minor == nil || minor == other.minor)
            && !(major == other.major && minor == other.minor)
    }
}
