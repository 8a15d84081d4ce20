#!/bin/busybox sh
# The first process of a virtual machine with SELinux and a small policy (selinux.cil), which it enforces. RuntimeLabelsTests
# boots it and reads one line per check: `check NAME ok`, or `check NAME failed: …`.
export PATH=/usr/bin:/usr/sbin
. /usr/bin/checks
begin selinuxfs /sys/fs/selinux
dd if=/etc/policy of=/sys/fs/selinux/load bs=1M 2>/dev/null
check enforces "$(cat /sys/fs/selinux/enforce)" 1
# Its files get their labels as they are made, now that there is a policy.
mount -t tmpfs none /tmp
cp -a /bundles /tmp/bundles
cd /tmp/bundles || exit
# Labels of a path inside a container and of its session keyring: `label PATH`, `label` for the keyring.
label() {
    python3 -c '
import ctypes, os, sys
if len(sys.argv) > 2:
    label = os.getxattr("/proc/%s/root%s" % (sys.argv[1], sys.argv[2]), "security.selinux")
else:
    with open("/proc/keys") as keys:
        key = [int(line.split()[0], 16) for line in keys if "_ses.box" in line][0]
    label = ctypes.create_string_buffer(256)
    ctypes.CDLL(None).syscall(250, 17, key, label, 256)
    label = label.value
print(label.rstrip(b"\0").decode())' "$pid" "$@"
}
echo secret >rootfs/tmp/secret
python3 -c 'import os; os.setxattr("rootfs/tmp/secret", "security.selinux", b"u:object_r:secret_t:s0")'
echo open >rootfs/tmp/open

# The same is true of runc.
for runtime in gantry-runtime runc; do
    echo "with $runtime"
    runtime() { $runtime --root /run/$runtime "$@"; }
    runtime run --detach --bundle box box >/tmp/out 2>&1
    check start "$? $(cat /tmp/out)" '0 '
    pid=$(cat /sys/fs/cgroup/box/cgroup.procs)
    check process "$(cat /proc/"$pid"/attr/current)" u:r:box_t:s0:c1,c2
    check exec "$(runtime exec box cat /proc/self/attr/current)" u:r:box_t:s0:c1,c2
    check denied "$(runtime exec box cat /tmp/secret 2>&1)" "cat: can't open '/tmp/secret': Permission denied"
    check allowed "$(runtime exec box cat /tmp/open)" open
    check exec-label "$(runtime exec --process-label u:r:inner_t:s0 box cat /proc/self/attr/current /tmp/secret)" \
        'u:r:inner_t:s0secret'
    for path in /dev /dev/null /dev/pts /dev/shm /dev/mqueue /mnt /sys/firmware; do
        check label-of-mounts "$path $(label $path)" "$path u:object_r:box_file_t:s0:c1,c2"
    done
    check label-of-keys "$(label)" u:r:box_t:s0:c1,c2
    check exec-unknown "$(runtime exec --process-label u:r:nosuch_t:s0 box true 2>/dev/null; echo $?)" 255
    runtime delete --force box
    check unknown "$(runtime run --bundle unknown unknown 2>/dev/null; echo $?; ls /run/$runtime)" 1
    check unlabeled "$(runtime run --bundle unlabeled unlabeled)" u:r:host_t:s0-s0:c0.c2
done
runtime() { gantry-runtime --root /run/gantry-runtime "$@"; }
contains unknown-is-explained "$(runtime run --bundle unknown unknown 2>&1)" \
    'set SELinux label u:r:nosuch_t:s0 of new keys: invalid argument; the kernel does not know it'
# Debian's criu is built without SELinux: labels of mounts it takes along, the process's it forgets.
prepare_criu
runtime run --detach --bundle box box >/dev/null 2>&1
check checkpoint "$(runtime checkpoint --image-path /tmp/images box 2>&1)" ''
refused=$(runtime restore --detach --image-path /tmp/images --bundle box box 2>&1 >/dev/null)
contains restore-is-refused "$? $refused" '1 '
contains restore-is-explained "$refused" 'criu restored the process as u:r:host_t:s0-s0:c0.c2 instead of u:r:box_t:s0:c1,c2'
check restore-left-nothing "$(ls /run/gantry-runtime; ls -d /sys/fs/cgroup/*/)" ''
runtime restore --detach --lsm-mount-context u:object_r:box_file_t:s0:c2 --image-path /tmp/images --bundle unlabeled box \
    >/dev/null 2>&1
pid=$(cat /sys/fs/cgroup/unlabeled/cgroup.procs)
check restored-mounts "$(label /mnt)" u:object_r:box_file_t:s0:c2
runtime delete --force box
check nothing-left "$(ls /run/gantry-runtime; ls -d /sys/fs/cgroup/*/)" ''
echo 'checks done'
sync
poweroff -f
