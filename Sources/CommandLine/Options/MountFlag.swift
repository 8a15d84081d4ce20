internal import ByteText
internal import Flags
package import JSON

/// What `-v` and `--mount` mean.
package enum MountFlag {
    /// `-v`: a bind with its relative source resolved, a named volume, or a lone path in the container.
    package static func volume(_ text: String) throws(CommandError) -> (bind: String?, anonymous: String?) {
        let parts = text.split(byte: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 1 {
            guard text.hasBytePrefix("/") else {
                throw CommandError("invalid volume specification: '\(text)': mount path must be absolute")
            }
            return (nil, text)
        }
        guard parts.count <= 3 else {
            throw CommandError("invalid spec: \(text): invalid volume specification: too many colons")
        }
        if parts.contains("") { throw CommandError("invalid spec: \(text): empty section between colons") }
        var source = parts[0]
        if source == "~" || source.hasBytePrefix("~/") { return (text, nil) }
        if source == "." || source == ".." || source.hasBytePrefix("./") || source.hasBytePrefix("../") {
            source = InputFiles.absolute(source)
        }
        return (([source] + parts.dropFirst()).joined(separator: ":"), nil)
    }

    /// Why `--mount` refuses `text`, or nil.
    package static func refusal(_ text: String) -> String? {
        do {
            _ = try mount(text)
            return nil
        } catch {
            return error.message
        }
    }

    /// `--mount type=bind,source=/a,target=/b,readonly` as the API's Mount.
    package static func mount(_ text: String) throws(CommandError) -> JSON {
        var type = "volume"
        var mount = JSONObject()
        var bind = JSONObject()
        var volume = JSONObject()
        var tmpfs = JSONObject()
        var labels = JSONObject()
        var driver = JSONObject()
        for field in csv(text) {
            let (name, value) = Pairs.split(field)
            let hasValue = field.contains(byte: "=")
            let key = name.lowercased()
            if !hasValue && !["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"].contains(key) {
                throw CommandError("invalid field '\(field)' must be a key=value pair")
            }
            func flag() throws(CommandError) -> JSON {
                guard hasValue else { return true }
                guard let value = Flag.bool(value) else { throw CommandError("invalid value for \(key): \(value)") }
                return .bool(value)
            }
            switch key {
            case "type": type = value.lowercased()
            case "source", "src":
                let isRelative =
                    value == "." || value == ".." || value.hasBytePrefix("./") || value.hasBytePrefix("../")
                mount["Source"] = .string(isRelative ? InputFiles.absolute(value) : value)
            case "target", "dst", "destination": mount["Target"] = .string(value)
            case "readonly", "ro": mount["ReadOnly"] = try flag()
            case "consistency": mount["Consistency"] = .string(value.lowercased())
            case "bind-propagation": bind["Propagation"] = .string(value.lowercased())
            case "bind-nonrecursive": bind["NonRecursive"] = try flag()
            case "bind-create-src": bind["CreateMountpoint"] = try flag()
            case "bind-recursive":
                switch value {
                case "enabled": break
                case "disabled": bind["NonRecursive"] = true
                case "writable": bind["ReadOnlyNonRecursive"] = true
                case "readonly": bind["ReadOnlyForceRecursive"] = true
                default:
                    throw CommandError(
                        "invalid value for bind-recursive: \(value) (must be \"enabled\", \"disabled\", "
                            + "\"writable\", or \"readonly\")")
                }
            case "volume-subpath": volume["Subpath"] = .string(value)
            case "volume-nocopy": volume["NoCopy"] = try flag()
            case "volume-label":
                let (name, value) = Pairs.split(value)
                labels[name] = .string(value)
            case "volume-driver": driver["Name"] = .string(value)
            case "volume-opt":
                let (name, value) = Pairs.split(value)
                var options = driver["Options"]?.objectValue ?? JSONObject()
                options[name] = .string(value)
                driver["Options"] = .object(options)
            case "tmpfs-size":
                guard let size = Quantities.bytes(value) else {
                    throw CommandError("invalid value for \(key): \(value)")
                }
                tmpfs["SizeBytes"] = JSON(size)
            case "tmpfs-mode":
                guard let mode = UInt32(value, radix: 8) else {
                    throw CommandError("invalid value for \(key): \(value)")
                }
                tmpfs["Mode"] = JSON(mode)
            default:
                throw CommandError("unexpected key '\(name)' in '\(field)'")
            }
        }
        mount["Type"] = .string(type)
        guard mount["Target"] != nil else { throw CommandError("target is required") }
        if !labels.isEmpty { volume["Labels"] = .object(labels) }
        if !driver.isEmpty { volume["DriverConfig"] = .object(driver) }
        if !bind.isEmpty {
            guard type == "bind" else { throw CommandError("cannot mix 'bind-*' options with mount type '\(type)'") }
            mount["BindOptions"] = .object(bind)
        }
        if !volume.isEmpty {
            guard type == "volume" else {
                throw CommandError("cannot mix 'volume-*' options with mount type '\(type)'")
            }
            mount["VolumeOptions"] = .object(volume)
        }
        if !tmpfs.isEmpty {
            guard type == "tmpfs" else { throw CommandError("cannot mix 'tmpfs-*' options with mount type '\(type)'") }
            mount["TmpfsOptions"] = .object(tmpfs)
        }
        return .object(mount)
    }

    /// Comma-separated fields; one in double quotes may hold commas (RFC 4180).
    static func csv(_ text: String) -> [String] {
        var fields: [String] = []
        var field = String.UnicodeScalarView()
        var isQuoted = false
        var characters = Array(text.unicodeScalars)[...]
        while let character = characters.popFirst() {
            if isQuoted {
                if character == "\"", characters.first == "\"" {
                    field.append("\"")
                    characters.removeFirst()
                } else if character == "\"" {
                    isQuoted = false
                } else {
                    field.append(character)
                }
            } else if character == "\"", field.isEmpty {
                isQuoted = true
            } else if character == "," {
                fields.append(String(field))
                field.removeAll()
            } else {
                field.append(character)
            }
        }
        return fields + [String(field)]
    }
}
