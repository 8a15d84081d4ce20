#!/bin/busybox sh
# The first process of a virtual machine whose controllers are all on cgroup version 2. RuntimeUnifiedTests boots it and
# reads one line per check: `check NAME ok`, or `check NAME failed: …`.
if [ ! -e /moved ]; then
    # pivot_root(2) refuses the initial file system.
    /bin/busybox mount -t tmpfs none /new
    /bin/busybox cp -a /bin /etc /usr /init /bundles /new/
    /bin/busybox mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/state
    /bin/busybox touch /new/moved
    exec /bin/busybox switch_root /new /init
fi
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 none /sys/fs/cgroup
# The kernel talks on the first line.
exec </dev/null >/dev/ttyS1 2>&1

G=/sys/fs/cgroup
mkdir $G/runner
echo $$ >$G/runner/cgroup.procs

runtime() { gantry-runtime --root /state "$@"; }
# Not through the console: a container would hold it.
start() { runtime run --detach --bundle /bundles/"$1" "$1" </dev/null >/tmp/"$1".out 2>&1; }
. /bin/checks
is_empty() { [ -z "$(cat "$1")" ]; }
has_line() { grep -q "^$1" "$2"; }

mkswap /dev/nvme0n1 >/dev/null && swapon /dev/nvme0n1
disk=$(cat /sys/block/nvme0n1/dev)
sed -i "s/\"major\": *1234, *\"minor\": *5678/\"major\":${disk%:*},\"minor\":${disk#*:}/g" /bundles/limits/config.json

# Every limit of the specification in version 2's files and units.
start limits
check limits-start $? 0
C=$G/tests/limits
check memory.max "$(cat $C/memory.max)" 67108864
check memory.swap.max "$(cat $C/memory.swap.max)" 33554432
check memory.low "$(cat $C/memory.low)" 33554432
check memory.high "$(cat $C/memory.high)" 50331648
check cpu.weight "$(cat $C/cpu.weight)" 100
check cpu.max "$(cat $C/cpu.max)" '50000 200000'
check cpu.max.burst "$(cat $C/cpu.max.burst)" 10000
check cpuset.cpus "$(cat $C/cpuset.cpus)" 1
check cpuset.mems "$(cat $C/cpuset.mems)" 0
check pids.max "$(cat $C/pids.max)" 77
check io.weight "$(cat $C/io.weight)" 'default 4950'
check io.max "$(cat $C/io.max)" "$disk rbps=1048576 wbps=max riops=max wiops=200"
check hugetlb.max "$(cat $C/hugetlb.2MB.max)" 4194304
check hugetlb.rsvd.max "$(cat $C/hugetlb.2MB.rsvd.max)" 4194304
contains left-out-is-told "$(cat /tmp/limits.out)" 'memory swappiness: cgroup version 2 has no such limit'

# What a process inside sees and may do.
check exec-is-in-the-cgroup "$(runtime exec limits cat /proc/self/cgroup)" 0::/
check limits-seen-inside "$(runtime exec limits cat /sys/fs/cgroup/pids.max)" 77
check null-device "$(runtime exec limits sh -c 'echo x >/dev/null && echo ok')" ok
mknod /bundles/rootfs/tmp/line c 4 65
mknod /bundles/rootfs/tmp/disk b "${disk%:*}" "${disk#*:}"
contains line-is-filtered "$(runtime exec limits sh -c 'echo x >/tmp/line' 2>&1)" 'Operation not permitted'
check granted-disk-is-read "$(runtime exec limits sh -c 'head -c 10 /tmp/disk | wc -c')" 10
contains granted-disk-is-not-written "$(runtime exec limits sh -c 'echo x >/tmp/disk' 2>&1)" 'Operation not permitted'

# Freezing, counters, changing.
runtime pause limits
check paused "$(grep frozen $C/cgroup.events)" 'frozen 1'
contains paused-state "$(runtime state limits)" '"status": "paused"'
runtime resume limits
check resumed "$(grep frozen $C/cgroup.events)" 'frozen 0'
runtime events --stats limits >/tmp/stats
contains stats-memory "$(cat /tmp/stats)" '"usage":{"limit":67108864,'
contains stats-pids "$(cat /tmp/stats)" '"pids":{"current":1,"limit":77}'
contains stats-pressure "$(cat /tmp/stats)" '"psi":{"some":{"avg10":'
contains stats-cpuset "$(cat /tmp/stats)" '"cpus":[1]'
runtime update --memory 134217728 --memory-swap 134217728 --pids-limit 20 --cpu-quota 20000 limits
check updated-memory.max "$(cat $C/memory.max)" 134217728
check updated-memory.swap.max "$(cat $C/memory.swap.max)" 0
check updated-pids.max "$(cat $C/pids.max)" 20
check updated-cpu.max "$(cat $C/cpu.max)" '20000 200000'
runtime update --cpu-period 100000 limits
check updated-period-keeps-quota "$(cat $C/cpu.max)" '20000 100000'
runtime update --memory -1 limits
check updated-unlimited "$(cat $C/memory.max) $(cat $C/memory.swap.max)" 'max max'
runtime kill limits KILL
until_true is_empty $C/cgroup.procs
runtime delete --force limits
check limits-deleted "$(ls -d $C 2>/dev/null)" ''

# Out of memory takes the whole container, or one process, as the bundle says.
start group
C=$G/tests/group
until_true has_line 'oom_group_kill 1' $C/memory.events
check oom-group "$(grep oom_group_kill $C/memory.events)" 'oom_group_kill 1'
until_true is_empty $C/cgroup.procs
check oom-group-took-all "$(cat $C/cgroup.procs)" ''
runtime delete --force group
start single
C=$G/tests/single
until_true grep -q survived /tmp/single.out
contains oom-single "$(cat /tmp/single.out)" 'survived 137'
check oom-single-is-no-group "$(grep oom_group_kill $C/memory.events)" 'oom_group_kill 0'
runtime delete --force single
start waiting
runtime events --interval 100ms waiting >/tmp/events &
watcher=$!
# Counters come after the watch began.
until_true grep -q stats /tmp/events
touch /bundles/rootfs/tmp/go
wait $watcher
contains oom-event "$(cat /tmp/events)" '{"type":"oom","id":"waiting"}'
runtime delete --force waiting

# A container that makes cgroups of its own: its first process leaves the one it was started in.
start nested
C=$G/tests/nested
until_true [ -e $C/inside/deep ]
until_true grep -q pids $C/cgroup.subtree_control
check exec-into-nested "$(runtime exec nested cat /proc/self/cgroup)" 0::/inside
runtime kill --all nested KILL
until_true has_line 'populated 0' $C/cgroup.events
check kill-all "$(cat $C/inside/cgroup.procs)" ''
runtime delete --force nested
check nested-deleted "$(ls -d $C 2>/dev/null)" ''

# Where a cgroup goes, and which are refused.
start relative
check relative-is-beside-the-caller "$(ls -d $G/relative)" $G/relative
runtime delete --force relative
mkdir $G/mine
start kept
check joined "$(wc -l <$G/mine/cgroup.procs)" 1
start second
contains in-use-is-refused "$(cat /tmp/second.out)" 'is not empty'
runtime delete --force kept
check kept-stays "$(ls -d $G/mine)" $G/mine
echo 1 >$G/mine/cgroup.freeze
start second
contains frozen-is-refused "$(cat /tmp/second.out)" 'unexpectedly frozen'
check frozen-stays "$(ls -d $G/mine)" $G/mine
rmdir $G/mine
mkdir $G/busy
sleep 1000 &
echo $! >$G/busy/cgroup.procs
start busy
contains no-internal-processes "$(cat /tmp/busy.out)" 'its parent has processes of its own'
check busy-left-nothing "$(ls -d $G/busy/*/ 2>/dev/null)" ''
mkdir -p $G/threads/one
echo threaded >$G/threads/one/cgroup.type
start threaded
contains threaded-is-refused "$(cat /tmp/threaded.out)" 'with domain controllers -- it is in'
start unknown
contains unknown-controller "$(cat /tmp/unknown.out)" 'no nosuch controller is available'
start device
contains unknown-device "$(cat /tmp/device.out)" 'set rdma.max to mlx5_1 hca_handle=3 hca_object=max of cgroup /sys/fs/cgroup/tests/device: no such device'
start slash
contains unified-slash "$(cat /tmp/slash.out)" 'must be a file name (no slashes)'
# An ordinary user, to whom a part of the tree was handed down, limits his container himself.
echo 'tester:x:4711:4711::/tmp:/bin/sh' >>/etc/passwd
mkdir $G/user $G/user/shell
echo '+memory +pids +cpu' >$G/cgroup.subtree_control
chown 4711 $G/user $G/user/cgroup.procs $G/user/cgroup.subtree_control $G/user/shell $G/user/shell/cgroup.procs
mkdir -p /tmp/own && chmod 1777 /tmp
cp -a /bundles/rootfs /bundles/delegated/rootfs
chown -R 4711:4711 /bundles/delegated /tmp/own
cat >/tmp/user.sh <<'END'
runtime() { gantry-runtime --root /tmp/own/state "$@"; }
runtime run --detach --bundle /bundles/delegated delegated </dev/null >/tmp/own/out 2>&1
echo $? >/tmp/own/status
runtime exec delegated sh -c 'id -u; cat /proc/self/cgroup' >/tmp/own/exec
runtime update --pids-limit 44 delegated 2>>/tmp/own/out
runtime pause delegated 2>>/tmp/own/out && runtime state delegated >/tmp/own/paused && runtime resume delegated
END
(
    # The shell itself first, as a service manager does it: no process may cross what was not handed down.
    sh -c 'echo $$ >/sys/fs/cgroup/user/shell/cgroup.procs; exec su tester -c "sh /tmp/user.sh"'
)
C=$G/user/box
check delegated-start "$(cat /tmp/own/status) $(cat /tmp/own/out)" '0 '
check delegated-memory.max "$(cat $C/memory.max)" 33554432
check delegated-pids.max "$(cat $C/pids.max)" 44
check delegated-exec "$(cat /tmp/own/exec)" '0
0::/'
check delegated-owner "$(stat -c %u $C)" 4711
contains delegated-pause "$(cat /tmp/own/paused)" '"status": "paused"'
su tester -c 'gantry-runtime --root /tmp/own/state delete --force delegated'
check delegated-deleted "$(ls -d $C 2>/dev/null)" ''
rmdir $G/user/shell $G/user
check nothing-left "$(ls -d $G/tests/*/ /state/*/ 2>/dev/null)" ''
echo 'checks done'
sync
poweroff -f
