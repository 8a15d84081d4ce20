# What the scripts that a virtual machine runs have in common: how they begin, and tell their results.

# Mounts what runtimes and criu look at, and goes on on the line that is read; `begin FILESYSTEM PLACE` of a security module.
begin() {
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mkdir /dev/pts
    mount -t devpts pts /dev/pts
    mount -t cgroup2 none /sys/fs/cgroup
    mount -t "$1" none "$2"
    exec </dev/null >/dev/ttyS1 2>&1
    # As systemd has it.
    mount --make-rshared /
}
# What criu needs of the kernel and of the network.
prepare_criu() {
    # In no order: what needs another one comes in a later round.
    for round in 1 2 3; do
        for module in /usr/lib/modules/*.ko; do insmod "$module" 2>/dev/null; done
    done
    ip link set lo up
}
# Gives the AppArmor profiles on standard input to the kernel.
load_profiles() {
    apparmor_parser --skip-kernel-load --stdout 2>/dev/null >/tmp/profiles
    cat /tmp/profiles >/sys/kernel/security/apparmor/.load
}
check() {
    if [ "$2" = "$3" ]; then echo "check $1 ok"; else echo "check $1 failed: '$2' is not '$3'"; fi
}
contains() {
    case $2 in *"$3"*) echo "check $1 ok" ;; *) echo "check $1 failed: '$2' has no '$3'" ;; esac
}
until_true() {
    n=0
    until "$@"; do
        n=$((n + 1))
        [ $n -lt 600 ] || return 1
        sleep 0.1
    done
}
