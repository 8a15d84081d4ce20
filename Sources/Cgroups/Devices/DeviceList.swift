/// Device rules in version 1's form: allow or deny all, and an unordered list of exceptions.
package struct DeviceList: Equatable, Sendable {
    package private(set) var allowsAll = false
    /// Exceptions from ``allowsAll``, each device once.
    package private(set) var exceptions: [DeviceRule] = []

    /// Starts from nothing allowed. Throws for rules that version 1 cannot express: a device denied within an allowed range would
    /// silently stay allowed (and the reverse).
    package init(_ rules: [DeviceRule]) throws(CgroupError) {
        for rule in rules { try add(rule) }
    }

    private mutating func add(_ rule: DeviceRule) throws(CgroupError) {
        // The kernel ignores everything after the letter `a`.
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
                "device rule \(rule.allow ? "allow" : "deny") \(rule.line) excludes part of \(other.line), which cgroup "
                    + "version 1 cannot express; list the devices one by one")
        }
        for index in exceptions.indices.reversed() where index == same || rule.covers(exceptions[index]) {
            exceptions[index].access.subtract(rule.access)
            if exceptions[index].access.isEmpty { exceptions.remove(at: index) }
        }
    }

    /// Equivalent ordered rules.
    package var rules: [DeviceRule] { [DeviceRule(allow: allowsAll, .all)] + exceptions }
}

extension DeviceRule {
    /// Whether this rule's range includes `other` and is larger.
    fileprivate func covers(_ other: DeviceRule) -> Bool {
        kind == other.kind && (major == nil || major == other.major) && (minor == nil || minor == other.minor)
            && !(major == other.major && minor == other.minor)
    }
}
