# Runs the agent of one node and cleans up behind it, however it ends. Arguments: the agent's script; the run's directory on this
# machine; what the controller has written into its own copy of that directory; the name of the run; where this connection comes from.
agent=$1 root=$2 token=$3 run=$4 connection=$5
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

# A machine that has the controller's disk needs no second directory.
disk=own
if [ "$(cat "$root/controller" 2>/dev/null)" = "$token" ]; then
    disk=shared
elif ! mkdir -m 711 "$root" 2>&1; then
    exit 1
fi
cd "$root" || exit 1
: >beat

isolate="unshare --pid --mount --fork --kill-child=KILL"
space=no
if $isolate mount -t proc proc /proc 2>/dev/null; then space=yes; else isolate=; fi

exec 3<&0
$isolate sh -c "$agent" perjury-agent "$root" "$run" "$space" "$disk" "$connection" <&3 3<&- &
agent=$!
trap 'kill -KILL $agent' HUP INT TERM
trap : PIPE
exec 3<&- </dev/null

# Whoever has not heard of its controller for a minute has none. A connection that is gone without a word is found out so. Naps are
# counted, since the clock on the wall may be set.
(
    trap 'kill $nap; exit' TERM
    silent=0
    while [ $silent -lt 12 ]; do
        sleep 5 &
        nap=$!
        wait $nap
        if rm beat; then silent=0; else silent=$((silent + 1)); fi
    done
    kill -KILL $agent
) >/dev/null 2>&1 &
watch=$!
while kill -0 $agent 2>/dev/null; do wait $agent; done 2>/dev/null
kill $watch

# With the first process of its namespace the kernel has ended all others. Where there was none they are known by what they inherited:
# a word in their environment, or the session that one of them leads.
left() {
    for process in $(grep -lF "PERJURY_RUN=$run." /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3); do
        kill -KILL "$process" 2>/dev/null && echo "$process"
    done
    [ ! -e sessions ] || ps -A -o pid= -o sid= | while read -r process session; do
        grep -qxF "$session" sessions && kill -KILL "$process" 2>/dev/null && echo "$process"
    done
}
# Tries it for ten seconds at most.
until_done() {
    tries=0
    while ! "$@" && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
nobody() { [ $space = yes ] || [ -z "$(left)" ]; }
removed() { rm -rf "$root" && [ ! -e "$root" ]; }
until_done nobody
# A clock that is still wrong comes right.
[ ! -s "$root/clock" ] || set_clock 0
stays=
if [ -s "$root/queue" ]; then
    until_done end_queue
    end_queue || stays=$chain
fi
nft delete table inet "$run" 2>/dev/null
[ -z "$stays" ] || echo "the chain $stays stays in the table mangle of iptables"
cd / && until_done removed
[ -z "$stays" ] && [ ! -e "$root" ] && ! nft list table inet "$run" >/dev/null 2>&1 && echo gone
