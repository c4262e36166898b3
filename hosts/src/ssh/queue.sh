# Packets that are held: a chain of iptables' table mangle, which comes before what is cut and has the number of the queue in its name.
# What finds nobody there to hold it passes.

# begin_queue NUMBER PORTS: with a chain that does nothing yet. Comes in by these ports of SSH what is never held.
begin_queue() {
    ours_alone && : >mangle
    chain=perjury_q$1 never=
    echo "$1" >queue
    for port in $2; do
        never="$never-A $chain -p tcp --dport $port -j RETURN$nl-A $chain -p tcp --sport $port -j RETURN$nl"
    done
    queue "-s 192.0.2.1 -d 192.0.2.1" && queue "" && iptables -w 10 -t mangle -I INPUT -j "$chain"
}

# Whether the table mangle is not there, or is there for chains like this one alone.
ours_alone() {
    nft list table ip mangle >/dev/null 2>&1 || return 0
    iptables -t mangle -S | grep -q perjury_q && ! iptables -t mangle -S | grep -v '^-P' | grep -qv perjury_q
}

# queue PAIRS: holds what is between these, a line each as iptables has it, and nothing else.
queue() {
    read -r number <queue
    pairs=$(printf %s "$1" | sed "s/.*/-A $chain & -j NFQUEUE --queue-num $number --queue-bypass/")
    printf '*mangle\n:%s - [0:0]\n%s%s\nCOMMIT\n' "$chain" "$never" "$pairs" | iptables-restore --noflush --wait=10
}

# Removes the chain, and the table where iptables made it for this alone and nothing else has come into it. Fails where the chain stays.
end_queue() {
    read -r number <"$root/queue" && command -v iptables || return 0
    chain=perjury_q$number
    iptables -w 2 -t mangle -D INPUT -j "$chain"
    iptables -w 2 -t mangle -F "$chain"
    iptables -w 2 -t mangle -X "$chain"
    rules=$(iptables -w 2 -t mangle -S) || return
    case $rules in *"$chain"*) return 1 ;; esac
    if [ -e "$root/mangle" ] && ! printf '%s\n' "$rules" | grep -qv '^-P'; then
        table=$(nft list table ip mangle) && ! printf '%s\n' "$table" | grep -Eqv '^#|^table|^[[:space:]]*(chain|type|}|$)' \
            && nft delete table ip mangle
    fi
    return 0
} >/dev/null 2>&1
