#!/bin/busybox sh
# The first process of a virtual machine with a kernel that criu works on. RuntimeCheckpointTests boots it and reads one
# line per check: `check NAME ok`, or `check NAME failed: …`.
export PATH=/usr/bin:/usr/sbin
. /usr/bin/checks
begin securityfs /sys/kernel/security
contains shared "$(grep ' / / ' /proc/self/mountinfo)" shared:
prepare_criu
for profile in box inner; do
    echo "profile $profile flags=(attach_disconnected,mediate_deleted) { file, capability, network, signal, ptrace, unix, }"
done | load_profiles
N=/bundles/rootfs/tmp/n
T=/bundles/rootfs/tmp/told

# `counted N`: the container has counted further than that; `told N`: through a connection within.
counted() { [ "$(cat $N)" -gt "$1" ]; }
told() { [ "$(wc -l <$T)" -gt "$1" ]; }
heard() { grep -sq "heard $1 secret" "$2"; }
profile() { cat /proc/"$(head -n 1 /sys/fs/cgroup/confined/cgroup.procs)"/attr/current; }
listening() { grep -q "$(printf ':%04X ' "$1")" /proc/net/tcp; }
status() { runtime state "$1" 2>/dev/null | sed -n 's/.*"status": "\(.*\)".*/\1/p'; }

# The same is true of runc.
for runtime in gantry-runtime runc; do
    echo "with $runtime"
    runtime() { $runtime --root /run/$runtime "$@"; }
    images=/tmp/$runtime
    mkdir $images
    echo 0 >$N
    # Its output goes through a pipe, and after the restore through another one.
    (runtime run --detach --bundle /bundles/counting counting 2>/dev/null | cat >$images/first) &
    until_true counted 3
    runtime checkpoint --image-path $images/one --leave-running counting
    check left-running "$? $(status counting)" '0 running'
    last=$(cat $N)
    until_true counted "$last"
    check goes-on "$(counted "$last" && echo yes)" yes
    runtime checkpoint --image-path $images/two counting
    check checkpoint "$? $(status counting)" '0 '
    last=$(cat $N)
    (runtime restore --detach --image-path $images/two --bundle /bundles/counting counting 2>/dev/null | cat >$images/second) &
    until_true counted "$last"
    until_true [ -s $images/second ]
    # It was stopped before or after it told its last number.
    check restored "$(status counting) $(($(head -n 1 $images/second) - last | 1))" 'running 1'
    check cgroup "$(cat /proc/"$(cat /sys/fs/cgroup/counting/cgroup.procs | head -n 1)"/cgroup)" 0::/counting
    check exec "$(runtime exec counting ls /mnt/counting)" config.json
    runtime delete --force counting
    check deleted "$(ls /run/$runtime; ls -d /sys/fs/cgroup/counting 2>/dev/null)" ''

    # A terminal comes back as another one, with what is on its inner side unchanged.
    (cd $images && exec python3 /usr/bin/console.py $images/socket1 output1 typed1) &
    until_true [ -p $images/typed1 ]
    runtime create --console-socket $images/socket1 --bundle /bundles/answering answering
    runtime start answering
    echo one >$images/typed1
    until_true heard one $images/output1
    check terminal "$(heard one $images/output1 && echo yes)" yes
    runtime checkpoint --image-path $images/three answering
    check terminal-checkpoint "$? $(status answering)" '0 '
    until_true grep -q '<end>' $images/output1
    runtime restore --detach --image-path $images/three --bundle /bundles/answering answering >$images/refused 2>&1
    check needs-socket "$? $(grep -c 'without setting console socket' $images/refused)" '1 1'
    (cd $images && exec python3 /usr/bin/console.py $images/socket2 output2 typed2) &
    until_true [ -p $images/typed2 ]
    runtime restore --detach --console-socket $images/socket2 --image-path $images/three --bundle /bundles/answering answering
    check terminal-restore "$? $(status answering)" '0 running'
    echo two >$images/typed2
    until_true heard two $images/output2
    check terminal-restored "$(heard two $images/output2 && echo yes)" yes
    check terminal-name "$(runtime exec answering readlink /proc/1/fd/0)" /dev/pts/0
    runtime delete --force answering
    check terminal-deleted "$(ls /run/$runtime; ls -d /sys/fs/cgroup/answering 2>/dev/null)" ''
done

# In front, the caller's terminal is in its place.
runtime=gantry-runtime
images=/tmp/$runtime
mkfifo /tmp/keys
script -q -f -c "gantry-runtime --root /run/gantry-runtime restore --image-path /tmp/gantry-runtime/three --bundle /bundles/answering \
    answering; echo ended \$?" /tmp/typescript </tmp/keys >/dev/null &
exec 7>/tmp/keys
echo three >&7
until_true heard three /tmp/typescript
check front "$(heard three /tmp/typescript && echo yes)" yes
printf '\004' >&7
until_true grep -sq '^ended [0-9]' /tmp/typescript
contains front-ended "$(cat /tmp/typescript)" 'ended 0'
check front-deleted "$(ls /run/gantry-runtime)" ''

# Memory that goes to another place by a page server.
echo 0 >$N
runtime run --detach --bundle /bundles/counting counting >/dev/null 2>&1
until_true counted 3
mkdir $images/pages
criu page-server --images-dir $images/pages --address 127.0.0.1 --port 2700 &
server=$!
until_true listening 2700
runtime checkpoint --page-server 127.0.0.1:2700 --image-path $images/four counting
check sent "$? $(status counting)" '0 '
wait $server
check sent-pages "$(ls $images/four | grep -c pages-) $(ls $images/pages | grep -q pages- && echo there)" '0 there'
last=$(cat $N)
cp $images/pages/*.img $images/four/
runtime restore --detach --image-path $images/four --bundle /bundles/counting counting >/dev/null 2>&1
until_true counted "$last"
check sent-restored "$(status counting)" running

# And memory that comes when it is needed, from a container that is still there.
mkfifo $images/status
exec 8<>$images/status
runtime checkpoint --lazy-pages --page-server 127.0.0.1:2701 --status-fd 8 --image-path $images/five \
    --work-path $images/five-work counting &
dump=$!
check lazy-ready "$(head -c 1 <&8 | od -An -tx1)" ' 00'
exec 8>&-
last=$(cat $N)
criu lazy-pages --page-server --address 127.0.0.1 --port 2701 --images-dir $images/five --work-dir $images/five-work &
pages=$!
until_true [ -S $images/five-work/lazy-pages.socket ]
runtime restore --detach --lazy-pages --image-path $images/five --work-path $images/five-work \
    --bundle /bundles/later later >/dev/null 2>&1
until_true counted "$last"
wait $dump
check lazy-sent $? 0
wait $pages
check lazy-received $? 0
check lazy-restored "$(status counting) $(status later)" ' running'
runtime delete --force later

# Both ends of a connection.
: >$T
runtime run --detach --bundle /bundles/telling telling >/dev/null 2>&1
until_true told 3
refused=$(runtime checkpoint --image-path $images/six telling 2>&1)
contains connected "$? $(status telling) $refused" '1 running'
contains connected-why "$refused" 'consider using --tcp-established'
runtime checkpoint --tcp-established --image-path $images/seven telling
check connected-checkpoint "$? $(status telling)" '0 '
last=$(wc -l <$T)
runtime restore --detach --tcp-established --image-path $images/seven --bundle /bundles/telling telling >/dev/null 2>&1
until_true told "$last"
check connected-goes-on "$(awk '$1 != NR { wrong = 1 } END { print wrong + 0, (NR > '"$last"') }' $T)" '0 1'
runtime delete --force telling

# A process that is confined comes back as it was, or otherwise.
runtime run --detach --bundle /bundles/confined confined >/dev/null 2>&1
check profile "$(profile)" 'box (enforce)'
runtime checkpoint --image-path $images/eight confined
check profile-checkpoint "$? $(status confined)" '0 '
runtime restore --detach --image-path $images/eight --bundle /bundles/confined confined >/dev/null 2>&1
check profile-restored "$? $(profile)" '0 box (enforce)'
runtime delete --force confined
runtime restore --detach --lsm-profile apparmor:inner --image-path $images/eight --bundle /bundles/confined confined \
    >/dev/null 2>&1
check profile-changed "$? $(profile)" '0 inner (enforce)'
runtime delete --force confined
# criu gives none to what had none: that must not go on without.
runtime run --detach --bundle /bundles/counting counting >/dev/null 2>&1
runtime checkpoint --image-path $images/nine counting
runtime restore --detach --lsm-profile apparmor:box --image-path $images/nine --bundle /bundles/counting counting >/dev/null \
    2>/tmp/refused
contains profile-refused "$? $(cat /tmp/refused)" 'criu restored the process as unconfined instead of box'
check places-deleted "$(ls /run/$runtime; ls -d /sys/fs/cgroup/*/ 2>/dev/null)" ''

# A memory image before the last one, and one that is damaged.
echo 0 >$N
runtime run --detach --bundle /bundles/counting counting >/dev/null 2>&1
until_true counted 3
runtime checkpoint --pre-dump --image-path /tmp/before counting
check before "$? $(status counting)" '0 running'
runtime checkpoint --parent-path ../before --image-path /tmp/after counting
last=$(cat $N)
runtime restore --detach --image-path /tmp/after --bundle /bundles/counting counting >/dev/null 2>&1
until_true counted "$last"
check after "$(status counting)" running
runtime delete --force counting
rm /tmp/after/core-1.img
runtime restore --detach --image-path /tmp/after --bundle /bundles/counting counting >/tmp/damaged 2>&1
contains damaged "$? $(cat /tmp/damaged)" 'its log is /tmp/after/restore.log'
check damaged-left "$(ls /run/gantry-runtime; ls -d /sys/fs/cgroup/counting 2>/dev/null; grep gantry-runtime /proc/mounts)" ''
echo 'checks done'
sync
poweroff -f
