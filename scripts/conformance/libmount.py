"""What crun's tests use of libmount's Python module, which Debian 12 does not have: options of a mount in a mountinfo file."""


class Mount:
    def __init__(self, line):
        before, _, after = line.partition(" - ")
        fields, source = before.split(), after.split()
        self.target, self.vfs_options, self.fs_options = fields[4], fields[5], source[2]


class Table:
    def __init__(self, path):
        with open(path) as file:
            self.mounts = [Mount(line) for line in file if " - " in line]

    def find_target(self, target):
        return next((mount for mount in reversed(self.mounts) if mount.target == target), None)
