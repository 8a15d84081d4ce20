# What the scripts that a virtual machine runs tell their results with.
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
