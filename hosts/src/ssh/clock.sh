# A machine's clock, for the keeper and the agent. `$root/clock` has what it told when it was first set wrong, in nanoseconds, and
# what /proc/uptime told then, in hundredths of a second: what is right goes on from there.

ticks() {
    read -r up rest </proc/uptime
    echo "${up%.*}${up#*.}"
}

# deviation: by how much the clock is wrong, in microseconds.
deviation() {
    if [ ! -s "$root/clock" ]; then
        echo 0
        return
    fi
    read -r told base <"$root/clock"
    echo $((($(date +%s%N) - told) / 1000 - ($(ticks) - base) * 10000))
}

# set_clock MICROSECONDS: the clock is wrong by so much from now on. Says by how much it is wrong after that.
set_clock() {
    [ -s "$root/clock" ] || echo "$(date +%s%N) $(ticks)" >"$root/clock" || return
    read -r told base <"$root/clock"
    wanted=$((told / 1000 + ($(ticks) - base) * 10000 + $1))
    date -u -s "@$((wanted / 1000000)).$(printf %06d $((wanted % 1000000)))" >/dev/null && deviation
}
