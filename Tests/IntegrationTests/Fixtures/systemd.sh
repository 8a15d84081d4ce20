#!/bin/busybox sh
# The one service of a virtual machine whose first process is systemd. RuntimeSystemdTests boots it on each version of
# cgroups and reads one line per check: `check NAME ok`, or `check NAME failed: …`.
export PATH=/usr/bin:/usr/sbin
exec </dev/null >/dev/ttyS1 2>&1
. /usr/bin/checks
G=/sys/fs/cgroup
if [ -e $G/cgroup.controllers ]; then version=2; else version=1; fi

runtime() { gantry-runtime --root /run/state --systemd-cgroup "$@"; }
# Not through the console: a container would hold it.
start() { runtime run --detach --bundle /bundles/"$1" "$1" </dev/null >/tmp/"$1".out 2>&1; }
value() { systemctl show --property "$2" --value "$1"; }
is() { [ "$(value "$1" "$2")" = "$3" ]; }
# The properties of a unit but for its names, times, counters and what runs in it.
properties() {
    systemctl show "$1" | grep -vE '^((Control|Invocation)[A-Za-z]*|Id|Names|After|Description|(DropIn|Fragment)Paths?|Effective[A-Za-z]*)=' |
        grep -vE '^([A-Za-z]*(Timestamp[A-Za-z]*|Current|NSec|Bytes|Operations|Packets|Available)|NeedDaemonReload)='
}
pid() { runtime state "$1" | grep '"pid"' | tr -dc 0-9; }
# Where systemd has a process: in its own hierarchy, or in cgroup2.
unit_of() { grep -E '^(0:|[0-9]+:name=systemd):' /proc/"$1"/cgroup | tail -n 1 | cut -d : -f 3; }
left() { find $G -name "*$1*"; }

# The scope has the name, the place and the properties that runc's would have.
start limits
check start "$? $(cat /tmp/limits.out)" '0 '
scope=/tests.slice/tests-deep.slice/box-limits.scope
check place "$(unit_of "$(pid limits)")" $scope
check elsewhere "$(grep -v "/box-limits.scope$" /proc/"$(pid limits)"/cgroup | grep -v '^0::/$')" ''
runc --root /run/runc --systemd-cgroup run --detach --bundle /bundles/peer limits </dev/null >/tmp/peer.out 2>&1
check peer-start $? 0
# 1024 shares are the usual weight since runc 1.3.2; runc 1.1.5 leaves out /dev/console and names a group of devices
# where later ones number it.
properties box-limits.scope | sed '/^DeviceAllow=.dev.char.5:1 /d; s/^CPUWeight=100$/CPUWeight=39/; s/char-136/char-pts/' |
    sort >/tmp/ours
properties peer-limits.scope | sort >/tmp/theirs
check as-with-runc "$(diff /tmp/theirs /tmp/ours)" ''
contains description "$(value box-limits.scope Description)" limits
check annotated-time "$(value box-limits.scope TimeoutStopUSec)" '2min 3.456789s'
check annotated-mode "$(value box-limits.scope CollectMode)" inactive-or-failed
check annotated-list "$(value box-limits.scope After | tr ' ' '\n' | grep -c 'one.target\|two.target')" 2
check tasks "$(value box-limits.scope TasksMax)" 77
if [ $version = 2 ]; then M=$G P=$G S=memory.max; else M=$G/memory P=$G/pids S=memory.limit_in_bytes; fi
check memory-file "$(cat $M$scope/$S)" 67108864
check tasks-file "$(cat $P$scope/pids.max)" 77
check one-process "$(cat $P$scope/cgroup.procs)" "$(pid limits)"
# systemd has no property for it.
if [ $version = 2 ]; then H=$G S=hugetlb.2MB.max; else H=$G/hugetlb S=hugetlb.2MB.limit_in_bytes; fi
check pages-file "$(cat $H$scope/$S)" 4194304

# systemd writes what it knows again, and undoes nothing.
mknod /bundles/rootfs/tmp/line c 4 65
write() { runtime exec limits sh -c 'echo x >/tmp/line' 2>&1; }
contains device "$(write)" 'Operation not permitted'
systemctl daemon-reload
contains device-after-reload "$(write)" 'Operation not permitted'
check null-after-reload "$(runtime exec limits sh -c 'echo x >/dev/null && echo ok')" ok
check tasks-after-reload "$(cat $P$scope/pids.max)" 77
check pages-after-reload "$(cat $H$scope/$S)" 4194304
runtime exec limits sh -c 'sleep 1000 & cat /proc/self/cgroup' >/tmp/exec </dev/null
check exec "$(grep -v ':/$' /tmp/exec)" ''
check exec-is-counted "$(wc -l <$P$scope/cgroup.procs)" 2

runtime pause limits
contains paused "$(runtime state limits)" '"status": "paused"'
runtime resume limits
runtime update --memory 134217728 --memory-swap 134217728 --pids-limit 20 --cpu-quota 30000 --cpuset-cpus 0 limits
check update $? 0
check updated-tasks "$(value box-limits.scope TasksMax) $(cat $P$scope/pids.max)" '20 20'
check updated-quota "$(value box-limits.scope CPUQuotaPerSecUSec)" 150ms
check updated-cpus "$(value box-limits.scope AllowedCPUs)" 0
if [ $version = 2 ]; then
    check updated-memory "$(value box-limits.scope MemoryMax) $(cat $M$scope/memory.max)" '134217728 134217728'
    check updated-swap "$(value box-limits.scope MemorySwapMax) $(cat $M$scope/memory.swap.max)" '0 0'
else
    check updated-memory "$(value box-limits.scope MemoryLimit)" 134217728
    check updated-swap "$(cat $M$scope/memory.limit_in_bytes)" 134217728
fi
runtime update --cpu-period 100000 limits
check updated-period "$(value box-limits.scope CPUQuotaPeriodUSec) $(value box-limits.scope CPUQuotaPerSecUSec)" '100ms 150ms'
runtime update --memory -1 --pids-limit -1 limits
check updated-unlimited "$(value box-limits.scope TasksMax) $(cat $P$scope/pids.max)" 'infinity max'
systemctl daemon-reload
check unlimited-after-reload "$(cat $P$scope/pids.max)" max

# A unit of that name is not another's, and what fails leaves the one that is there alone.
first=$(pid limits)
start twin
contains twin-is-refused "$(cat /tmp/twin.out)" box-limits.scope
check first-stays "$(pid limits) $(value box-limits.scope ActiveState)" "$first active"
check twin-left-nothing "$(ls /run/state/twin 2>/dev/null)" ''
runtime delete --force limits
runc --root /run/runc --systemd-cgroup delete --force limits
check deleted-as-with-runc "$(value box-limits.scope LoadState) $(value peer-limits.scope LoadState)" 'not-found not-found'
check deleted "$(left box-limits)" ''
# At once again, as a restart does it.
start limits && runtime delete --force limits && start limits && runtime delete --force limits
check again "$? $(value box-limits.scope LoadState)" '0 not-found'

# The one who keeps a scope there until the container is in it takes no place.
start single
check single "$? $(cat /tmp/single.out)" '0 '
check single-limit "$(value box-single.scope TasksMax) $(cat $P/system.slice/box-single.scope/pids.max)" '1 1'
check single-process "$(cat $P/system.slice/box-single.scope/cgroup.procs)" "$(pid single)"
runtime exec single sh -c 'true & wait' >/tmp/full 2>&1
check single-is-full "$([ $? = 0 ] || echo full)" full
runtime delete --force single

# Its own end, with and without somebody who waits; one that systemd ends.
runtime run --bundle /bundles/ends ends >/tmp/ends.out 2>&1
check foreground "$? $(cat /tmp/ends.out)" '7 '
check foreground-left "$(value gantry-runtime-ends.scope LoadState)$(left ends.scope)" not-found
start ends
until_true is gantry-runtime-ends.scope ActiveState inactive
contains ended "$(runtime state ends)" '"status": "stopped"'
runtime delete ends
check ended-left "$? $(left ends.scope)" '0 '
start timed
until_true is box-timed.scope ActiveState failed
check timed "$(value box-timed.scope Result)" timeout
runtime delete timed
check timed-left "$? $(value box-timed.scope LoadState)" '0 not-found'
# What has failed under that name is no obstacle.
start timed
until_true is box-timed.scope ActiveState failed
rm -r /run/state/timed
start timed
check failed-is-replaced "$? $(value box-timed.scope ActiveState)" '0 active'
runtime delete --force timed

# Beside users of its own the first process comes by a stage.
start users
check users "$(unit_of "$(pid users)")" /system.slice/gantry-runtime-users.scope
runtime delete --force users
check users-left "$(left users.scope)" ''

# Failures are told and leave nothing.
start broken
contains broken "$(cat /tmp/broken.out)" /nowhere
check broken-left "$(value box-broken.scope LoadState)$(left box-broken)" not-found
start slice
contains slice-is-refused "$(cat /tmp/slice.out)" 'a slice has no processes of its own'
start pattern
contains pattern-is-refused "$(cat /tmp/pattern.out)" 'allows only letters, digits'
start bytes
contains bytes-are-refused "$(cat /tmp/bytes.out)" 'AllowedCPUs: [byte 1] is not'
start unknown
contains unknown-property "$(cat /tmp/unknown.out)" 'Unknown assignment: NoSuchThing=1'
PATH=/nowhere /usr/bin/gantry-runtime --root /run/state --systemd-cgroup run --bundle /bundles/ends ends 2>/tmp/none.out
contains no-program "$(cat /tmp/none.out)" 'run systemd-run: no such file or directory'

# An ordinary user, with a manager of his own.
echo 'tester:x:4711:4711::/tmp:/bin/sh' >>/etc/passwd
mkdir -p /run/user/4711 /tmp/own
cp -a /bundles/rootfs /bundles/delegated/rootfs
# Version 1 is not for users to limit, and a bundle that asks for it is refused, as by runc.
[ $version = 2 ] || cp /bundles/unlimited/config.json /bundles/delegated/config.json
chown -R 4711:4711 /bundles/delegated /run/user/4711 /tmp/own
systemctl start manager.service
cat >/usr/bin/user-tests <<'END'
#!/bin/sh
exec >/tmp/own/out 2>&1 </dev/null
runtime() { gantry-runtime --root /tmp/own/state --systemd-cgroup "$@"; }
runtime run --detach --bundle /bundles/delegated delegated </dev/null
echo $? >/tmp/own/status
systemctl --user show --property Slice,TasksMax,Delegate --value box-delegated.scope >/tmp/own/unit
cat /proc/$(runtime state delegated | grep '"pid"' | tr -dc 0-9)/cgroup >/tmp/own/cgroup
runtime update --pids-limit 44 delegated
systemctl --user show --property TasksMax --value box-delegated.scope >/tmp/own/updated
cat /sys/fs/cgroup/system.slice/manager.service/user.slice/box-delegated.scope/pids.max >/tmp/own/file 2>/dev/null
runtime delete --force delegated
echo $? >>/tmp/own/status
systemctl --user show --property LoadState --value box-delegated.scope >/tmp/own/gone
# As rootless Podman calls: root of a user namespace.
sed -i 's/"hostID" *: *4711/"hostID":0/g' /bundles/delegated/config.json
inner() { unshare -Urm gantry-runtime --root /tmp/own/inner --systemd-cgroup "$@"; }
inner run --detach --bundle /bundles/delegated inner </dev/null >/tmp/own/told 2>&1
cat /proc/$(inner state inner | grep '"pid"' | tr -dc 0-9)/cgroup >>/tmp/own/told
inner delete --force inner
systemctl --user show --property LoadState --value box-delegated.scope >>/tmp/own/gone
END
chmod 755 /usr/bin/user-tests
su tester -c 'XDG_RUNTIME_DIR=/run/user/4711 systemctl --user start work.service' 2>&1
check user "$(tr '\n' ' ' </tmp/own/status)" '0 0 '
contains user-place "$(cat /tmp/own/cgroup)" :/system.slice/manager.service/user.slice/box-delegated.scope
if [ $version = 2 ]; then
    check user-unit "$(sort /tmp/own/unit | tr '\n' ' ')" '33 user.slice yes '
    check user-update "$(cat /tmp/own/updated /tmp/own/file /tmp/own/out | tr '\n' ' ')" '44 44 '
else
    contains user-unit "$(cat /tmp/own/unit)" user.slice
    contains user-update "$(cat /tmp/own/out)" 'container could not join or create cgroup'
fi
contains user-of-namespace "$(cat /tmp/own/told)" :/system.slice/manager.service/user.slice/box-delegated.scope
check user-deleted "$(uniq /tmp/own/gone)$(left box-delegated)" not-found
systemctl stop manager.service

check nothing-left "$(ls /run/state; left 'box-\|gantry-runtime-')" ''
check no-units "$(systemctl list-units --all --plain --no-legend '*.scope' | grep -v '^init.scope')" ''
echo 'checks done'
sync
poweroff -f
