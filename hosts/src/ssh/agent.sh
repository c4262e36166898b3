# Does on its machine what the controller asks, a line of shell for each question, until there are no more lines. Every answer ends
# with `= STATUS`. Daemons are known by their names; what belongs to one are files NAME.* in the run's directory.
root=$1 run=$2 space=$3 disk=$4 connection=$5
nl='
'
exec 2>&1
trap : PIPE
if [ "$space" = yes ]; then mount -t proc proc /proc || exit; fi
cd "$root" || exit

# The first process of a daemon: tells its number as it is outside, and waits for the daemon. Its end ends everybody in its namespace.
first='
read -r number rest </proc/self/stat
if [ "$1" = yes ]; then mount -t proc proc /proc || exit 125; fi
echo "$number" >"$0.new" && mv "$0.new" "$0.first"
out=$3 err=$4
cd "$2" && shift 4 && "$@" >>"$out" 2>>"$err"
exit $?'

# begin NAME DIRECTORY OUT ERR WORD...: NAME.end appears when it has ended and all that it has forked is reaped.
begin() {
    name=$1
    shift
    rm -f "$name.first" "$name.end"
    isolate="setsid --wait"
    [ "$space" = no ] || isolate="unshare --pid --mount --fork --kill-child=KILL"
    {
        $isolate sh -c "$first" "$root/$name" "$space" "$@"
        status=$?
        [ "$space" = yes ] || signal "$name" KILL
        echo $status >"$name.new" && mv "$name.new" "$name.end"
    } </dev/null >>"$3" 2>&1 4>&- 5<&- &
}

# The numbers of a daemon's processes but for the first one, which is ours.
members() {
    [ -s "$1.first" ] && read -r number <"$1.first" || return 0
    if [ "$space" = yes ]; then
        inside=$(stat -L -c %i "/proc/$number/ns/pid" 2>/dev/null) || return 0
        [ "$inside" != "$ours" ] || return 0
        stat -L -c '%i %n' /proc/[0-9]*/ns/pid 2>/dev/null | while read -r inode path; do
            path=${path#/proc/} path=${path%/ns/pid}
            [ "$inode" != "$inside" ] || [ "$path" = "$number" ] || echo "$path"
        done
    else
        grep -qxF "$number" sessions 2>/dev/null || echo "$number" >>sessions
        {
            grep -lF "PERJURY_RUN=$run.$1." /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3
            ps -A -o pid= -o sid= | while read -r process session; do
                [ "$session" != "$number" ] || [ "$process" = "$number" ] || echo "$process"
            done
        } | sort -u
    fi
}
ours=$(stat -L -c %i /proc/self/ns/pid)

# look NAME: `coming`, `up` or `ended STATUS`, and then for each of its processes its number and a letter for each of its threads.
look() {
    if [ -e "$1.end" ]; then
        echo "ended $(cat "$1.end")"
    elif [ -s "$1.first" ]; then
        echo up
    else
        echo coming
    fi
    for process in $(members "$1"); do
        letters=
        for thread in "/proc/$process"/task/[0-9]*/stat; do
            { read -r line <"$thread"; } 2>/dev/null || continue
            line=${line##*) }
            letters=$letters${line%% *}
        done
        [ -z "$letters" ] || echo "$process $letters"
    done
}

# signal NAME SIGNAL: for each of its processes.
signal() {
    for process in $(members "$1"); do kill "-$2" "$process" 2>/dev/null; done
    :
}

# limit NAME SPARE: each of its processes may have so many bytes of data more than it has, whoever is limited already is left alone;
# without SPARE, as many as it likes. Says for each its number, and how many bytes it has and may have.
limit() {
    for process in $(members "$1"); do
        had=$(sed -n 's/^VmData:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$process/status" 2>/dev/null)
        most=$(sed -n 's/^Max data size *\([0-9a-z]*\) *\([0-9a-z]*\).*/\1 \2/p' "/proc/$process/limits" 2>/dev/null)
        soft=${most% *} hard=${most#* }
        [ -n "$had" ] && [ -n "$most" ] || continue
        if [ -z "$2" ]; then
            [ "$soft" = "$hard" ] || prlimit --pid "$process" "--data=$hard:" || [ ! -d "/proc/$process" ] || return
            continue
        fi
        if [ "$soft" = "$hard" ]; then
            soft=$((had * 1024 + $2))
            prlimit --pid "$process" "--data=$soft:" || { [ -d "/proc/$process" ] && return 1 || continue; }
            soft=$(sed -n 's/^Max data size *\([0-9a-z]*\) .*/\1/p' "/proc/$process/limits" 2>/dev/null)
        fi
        echo "$process $((had * 1024)) $soft"
    done
    :
}

# end NAME: kills its first process, with which the kernel kills all others; where it has no namespace, each of them.
end() {
    [ "$space" = yes ] || signal "$1" KILL
    [ ! -e "$1.end" ] && [ -s "$1.first" ] && read -r number <"$1.first" && kill -KILL "$number" 2>/dev/null
    :
}

# put PATH MODE BASE64: a file, with the directories above it.
put() {
    mkdir -p "${1%/*}" && printf %s "$3" | base64 -d >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"
}

# news PATH OFFSET: what a file has behind its first bytes, in base64 on a line, and no more than a bit of it.
news() {
    [ -f "$1" ] && [ "$(wc -c <"$1")" -gt "$2" ] || return 0
    tail -c "+$(($2 + 1))" "$1" | head -c 300000 | base64 | tr -d '\n'
    echo
}

# begin_hand: the program that was sent does what no shell can, see hand.rs. It ends with its input.
begin_hand() {
    mkfifo hand.in hand.out || return
    PERJURY_RUN=$run.. ./hand hand "$root" "$run" "$space" <hand.in >hand.out 2>hand.said &
    exec 4>hand.in 5<hand.out
}

# hand WORD...: what it answers.
hand() {
    [ -e hand.in ] || { echo "no program was sent here" && return 1; }
    printf '%s\n' "$*" >&4
    while IFS= read -r said <&5; do
        case $said in "= "*) return "${said#= }" ;; esac
        printf '%s\n' "$said"
    done
    echo "the program that was sent here has ended: $(tail -c 300 hand.said)"
    return 1
}

# rules TEXT: for nft.
rules() {
    printf '%s\n' "$1" | nft -f -
}

echo "hello $(id -u) $space $disk ${connection##* }"
while IFS= read -r line; do
    : >beat
    eval "$line"
    echo "= $?"
done
