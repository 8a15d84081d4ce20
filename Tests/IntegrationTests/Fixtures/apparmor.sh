#!/bin/busybox sh
# The first process of a virtual machine with AppArmor. RuntimeLabelsTests boots it and reads one line per check:
# `check NAME ok`, or `check NAME failed: …`.
export PATH=/usr/bin:/usr/sbin
. /usr/bin/checks
begin securityfs /sys/kernel/security
for profile in "box /tmp/secret" "inner /tmp/open"; do
    echo "profile ${profile% *} flags=(attach_disconnected,mediate_deleted) { file, capability, network, signal, ptrace,
        mount, umount, unix, deny ${profile#* } r, }"
done | load_profiles
check profiles "$(sort /sys/kernel/security/apparmor/profiles)" 'box (enforce)
inner (enforce)'
cd /bundles || exit
echo secret >rootfs/tmp/secret
echo open >rootfs/tmp/open

# The same is true of runc.
for runtime in gantry-runtime runc; do
    echo "with $runtime"
    runtime() { $runtime --root /run/$runtime "$@"; }
    runtime run --detach --bundle box box >/tmp/out 2>&1
    check start "$? $(cat /tmp/out)" '0 '
    check process "$(cat /proc/"$(cat /sys/fs/cgroup/box/cgroup.procs)"/attr/current)" 'box (enforce)'
    check exec "$(runtime exec box cat /proc/self/attr/current)" 'box (enforce)'
    check denied "$(runtime exec box cat /tmp/secret 2>&1)" "cat: can't open '/tmp/secret': Permission denied"
    check allowed "$(runtime exec box cat /tmp/open)" open
    check exec-profile "$(runtime exec --apparmor inner box cat /proc/self/attr/current /tmp/secret)" 'inner (enforce)
secret'
    check exec-denied "$(runtime exec --apparmor inner box cat /tmp/open 2>&1)" "cat: can't open '/tmp/open': Permission denied"
    check exec-unconfined "$(runtime exec --apparmor unconfined box cat /proc/self/attr/current)" unconfined
    # What cannot get more privileges can still be confined.
    check exec-no-new-privileges "$(runtime exec --no-new-privs --apparmor inner box cat /proc/self/attr/current)" \
        'inner (enforce)'
    check exec-unknown "$(runtime exec --apparmor nosuch box true 2>/dev/null; echo $?)" 255
    runtime delete --force box
    check unknown "$(runtime run --bundle unknown unknown 2>/dev/null; echo $?; ls /run/$runtime)" 1
    check unconfined "$(runtime run --bundle unconfined unconfined)" unconfined
    check unlabeled "$(runtime run --bundle unlabeled unlabeled)" unconfined
done
runtime() { gantry-runtime --root /run/gantry-runtime "$@"; }
contains unknown-is-explained "$(runtime run --bundle unknown unknown 2>&1)" \
    'apply AppArmor profile nosuch: no such file or directory'
check nothing-left "$(ls /run/gantry-runtime; ls -d /sys/fs/cgroup/*/)" ''
echo 'checks done'
sync
poweroff -f
